/** The service behind a reverse proxy that adds the path of PUBLIC_URL and can cut its connections. */
import type { Page } from 'playwright-core';
import type { ConnectorKey } from '../../workflows/connector';
import { freePort } from '../../scripts/local/ports';
import { describeInBrowser } from './browser';
import { startHost, type Host } from './host';
import { startReverseProxy, type ReverseProxy } from './reverse-proxy';
import { button, field, heading, openWebScene, type WebScene } from './scene';

let scene: WebScene;
let host: Host;
let proxy: ReverseProxy;
let publicUrl: string;

async function linkOf(keys: ConnectorKey[]): Promise<string> {
  const connectorIds = keys.map(({ connectorId }) => connectorId);
  const { body } = await scene.service.asBackend('POST', '/v1/sessions', {
    ...keys[0],
    connectorId: undefined,
    connectorIds,
  });
  return body.url as string;
}

async function opened(keys: ConnectorKey[]): Promise<Page> {
  const page = await (await scene.someone()).newPage();
  await page.goto(await linkOf(keys));
  return page;
}

async function connectsByConsent(page: Page): Promise<Page> {
  const opening = page.waitForEvent('popup');
  await button(page, 'Go to Ledgerly').click();
  const popup = await opening;
  const closed = popup.waitForEvent('close');
  await button(popup, 'Approve').click();
  await heading(page, 'Ledgerly is connected').waitFor();
  await closed;
  return popup;
}

describeInBrowser('behind a proxy that adds a path', () => {
  beforeAll(async () => {
    const port = await freePort();
    publicUrl = `http://127.0.0.1:${port}/onboarding`;
    host = await startHost();
    scene = await openWebScene({ publicUrl, allowedOrigins: [host.origin] });
    proxy = await startReverseProxy(port, '/onboarding', () => scene.service.url);
  });
  afterAll(async () => {
    await scene?.close();
    await Promise.all([proxy?.close(), host?.close()]);
  });
  afterEach(() => scene.everybodyLeaves());

  test('the connect page connects a connector, and its URLs have the path of PUBLIC_URL', async () => {
    const page = await opened(scene.install('Ledgerly'));
    const popup = await connectsByConsent(page);

    expect(page.url()).toBe(`${publicUrl}/connect`);
    expect(popup.url()).toContain(`${publicUrl}/connect/return?attempt=`);
    expect(scene.complaints).toEqual([]);
  });

  test('the element in a host page calls the service below the path of its own module', async () => {
    const keys = scene.install('Ledgerly');
    const session = await scene.session(keys, { origin: host.origin });
    host.serves({ service: publicUrl, body: `<cyclr-connect session="${session}"></cyclr-connect>` });
    const page = await (await scene.someone()).newPage();
    await page.goto(host.origin);

    await connectsByConsent(page);

    expect(scene.complaints).toEqual([]);
  });

  test('the page reports a broken connection, and shows the current views after the connection is back', async () => {
    const [key] = scene.install('Brightdesk');
    const page = await opened([key]);
    await field(page, 'API key').fill('half typ');
    proxy.cut();
    await page.getByText('No connection at the moment.').first().waitFor();
    const kept = await field(page, 'API key').inputValue();
    await scene.gives(key); // this call sends the API key through the library, and not through the page
    await scene.reaches(key, 'authenticated');

    proxy.mend();

    await heading(page, 'Brightdesk is connected').waitFor();
    await page.getByText('No connection at the moment.').first().waitFor({ state: 'detached' });
    expect(kept).toBe('half typ');
  });

  test('after a lost answer the page repeats the same submission, and the flow accepts the submission once', async () => {
    const [key] = scene.install('Brightdesk');
    const page = await opened([key]);
    const lost: string[] = [];
    await page.route('**/credentials', async (route) => {
      if (lost.length > 0) return route.continue();
      const answer = await route.fetch();
      lost.push(await answer.text());
      await route.abort();
    });
    await field(page, 'API key').fill('right');
    await button(page, 'Connect').click();

    await heading(page, 'Brightdesk is connected').waitFor();
    const { entries } = await scene.service.stage.auth.timeline(key);
    expect(JSON.parse(lost[0]!).state).toBe('authenticated');
    expect(entries.filter(({ event }) => event === 'credentialsSubmitted')).toHaveLength(1);
  });
});
