/** The element in host pages with various security headers. */
import type { Page } from 'playwright-core';
import type { ConnectorKey } from '../../workflows/connector';
import { describeInBrowser } from './browser';
import { eventually } from '../support/eventually';
import { besideHost, NONCE, policyFor, type Host } from './host';
import { button, field, heading, type WebScene } from './scene';

let scene: WebScene;
let host: Host;

/** Opens a page of the host that embeds the element for the connectors `keys`. */
async function embedded(keys: ConnectorKey[], headers: { [name: string]: string } = {}): Promise<Page> {
  const session = await scene.session(keys, { origin: host.origin });
  const body = `<cyclr-connect session="${session}"></cyclr-connect>`;
  host.serves({ service: scene.service.url, body, headers });
  const page = await (await scene.someone()).newPage();
  await page.goto(host.origin);
  return page;
}

async function goOut(page: Page, name = 'Go to Ledgerly'): Promise<Page> {
  const opening = page.waitForEvent('popup');
  await button(page, name).click();
  return opening;
}

async function connectsByConsent(page: Page): Promise<void> {
  await button(await goOut(page), 'Approve').click();
  await heading(page, 'Ledgerly is connected').waitFor();
}

const csp = (policy: string) => ({ 'Content-Security-Policy': policy });
/** Returns the header with the smallest working policy, with one directive replaced or removed. */
const changed = (directive: string, instead = ''): { [name: string]: string } => {
  const rest = policyFor(scene.service.url).split('; ');
  return csp([...rest.filter((one) => !one.startsWith(directive)), instead].join('; '));
};

describeInBrowser('the page of another site', () => {
  besideHost((both) => ({ scene, host } = both));

  describe('content security policy', () => {
    test('with the smallest content security policy, the element shows the icon and connects by consent', async () => {
      const key = scene.service.stage.install('Ledgerly', { patch: { Connector: { Icon: ICON } } });
      const page = await embedded([key]);
      await page.locator('cyclr-connect img').waitFor();
      await connectsByConsent(page);

      expect(scene.complaints).toEqual([]);
      expect((await scene.view(key)).state).toBe('authenticated');
    });

    test('with a nonce and trusted types, but no form-action, in the policy, the element connects by consent', async () => {
      const policy = [
        `default-src 'none'; script-src 'nonce-${NONCE}'; connect-src ${scene.service.url}; img-src data:`,
        "require-trusted-types-for 'script'; trusted-types lit-html",
      ];
      const page = await embedded(scene.install('Ledgerly'), csp(policy.join('; ')));
      await connectsByConsent(page);

      expect(scene.complaints).toEqual([]);
    });

    test('if script-src lacks the service, the element is not defined', async () => {
      const page = await embedded(scene.install('Brightdesk'), changed('script-src'));

      expect(await complaint()).toContain('script-src');
      expect(await page.evaluate("customElements.get('cyclr-connect') === undefined")).toBe(true);
    });

    test('if connect-src lacks the service, the element shows that there is no connection', async () => {
      const page = await embedded(scene.install('Brightdesk'), changed('connect-src'));

      await page.getByText('No connection at the moment.').first().waitFor();
      expect(await complaint()).toContain('connect-src');
    });

    test('if img-src lacks data:, the element shows no icon, but connects', async () => {
      const page = await embedded(scene.install('Brightdesk'), changed('img-src'));
      await field(page, 'API key').fill('right');
      await button(page, 'Connect').click();

      await heading(page, 'Brightdesk is connected').waitFor();
      expect(await complaint()).toContain('img-src');
    });

    test('if form-action lacks the service, the browser requests no consent link from the service', async () => {
      const [key] = scene.install('Ledgerly');
      const page = await embedded([key], changed('form-action', "form-action 'self'"));
      const popup = await goOut(page);

      expect(await complaint()).toContain('form-action');
      expect(popup.url()).toBe('about:blank');
      expect((await scene.view(key)).attempt).toBeUndefined();
    });
  });

  describe('referrer policy', () => {
    // Every referrer policy except no-referrer and same-origin sends the origin or the whole URL. This test tries one
    // policy that sends the origin, and one policy that sends the whole URL.
    test.each(['origin', 'unsafe-url'])(
      'with the referrer policy %s the element connects by consent',
      async (policy) => {
        const page = await embedded(scene.install('Ledgerly'), { 'Referrer-Policy': policy });

        await connectsByConsent(page);
      },
    );

    test.each(['no-referrer', 'same-origin'])(
      'with the referrer policy %s the service makes no consent link, and the consent window names the cause',
      async (policy) => {
        const [key] = scene.install('Ledgerly');
        const page = await embedded([key], { 'Referrer-Policy': policy });
        const popup = await goOut(page);

        await popup.getByText('the referrer policy of that website').waitFor();
        await button(page, 'Open it again').waitFor();
        expect((await scene.view(key)).attempt).toBeUndefined();
      },
    );
  });

  describe('opener policy', () => {
    test.each([
      ['same-origin-allow-popups', 'unsafe-none'],
      ['noopener-allow-popups', 'unsafe-none'],
      ['same-origin', 'require-corp'],
      ['same-origin', 'credentialless'],
    ])(
      'in a host page with the opener policy %s and the embedder policy %s the element connects by consent',
      async (opener, embedder) => {
        const page = await embedded(scene.install('Ledgerly'), {
          'Cross-Origin-Opener-Policy': opener,
          'Cross-Origin-Embedder-Policy': embedder,
        });
        const first = await goOut(page);
        await button(first, 'Approve').waitFor();
        await button(page, 'Open it again').waitFor();
        await first.waitForTimeout(1200); // the page checks twice in a second whether the window is closed
        const said = await page.getByText('The window was closed.').count();
        await button(first, 'Approve').click();

        await heading(page, 'Ledgerly is connected').waitFor();
        expect(said).toBe(0);
        expect(await page.evaluate('crossOriginIsolated')).toBe(embedder !== 'unsafe-none');
        expect(scene.complaints).toEqual([]);
      },
    );

    test("if the third party's pages have the opener policy same-origin, the element connects by consent", async () => {
      const page = await embedded(scene.install('Ledgerly'));
      const asked: string[] = [];
      await page.context().route(`${scene.service.stage.sandbox.url}/**`, async (route) => {
        asked.push(route.request().method());
        const response = await route.fetch({ maxRedirects: 0 });
        const headers = { ...response.headers(), 'cross-origin-opener-policy': 'same-origin' };
        await route.fulfill({ response, headers });
      });

      await connectsByConsent(page);

      expect(asked).toEqual(['GET', 'POST']);
    });
  });
});

/** An empty SVG image, which the test stores as the icon of a connector. */
const ICON = `data:image/svg+xml;base64,${Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>').toString('base64')}`;

const complaint = () =>
  eventually(
    () => scene.complaints.join('\n'),
    (text) => text !== '',
  );
