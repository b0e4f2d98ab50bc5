/** The connect page: its texts, its requests and its size. */
import { randomUUID } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { get } from 'node:http';
import type { Page } from 'playwright-core';
import { createTestSecrets } from '../../scripts/faults/secret-search';
import { workflowIdOf } from '../../workflows/connector';
import { eventually } from '../support/eventually';
import { describeInBrowser } from './browser';
import { button, field, heading, openRow, openWebScene, type WebScene } from './scene';

const MINUTE_MS = 60_000;

let scene: WebScene;
/** The time by which the service's clock is ahead of the real time, in milliseconds. */
let passedMs = 0;

describeInBrowser('connect page', () => {
  beforeAll(async () => (scene = await openWebScene({ now: () => Date.now() + passedMs })));
  afterAll(() => scene?.close());
  beforeEach(() => void (scene.complaints.length = 0));
  afterEach(() => void (passedMs = 0));

  test('the connect page opens several connectors one after the other, then shows the list, and at the end a link to returnTo', async () => {
    const keys = scene.install('Brightdesk', 'Openrates', 'Fieldstone', 'Fernhill');
    const returnTo = `${scene.service.url}/docs`;
    const page = await scene.open(keys, { session: { returnTo } });
    await page.getByText('1 of 4 connected').waitFor();
    await field(page, 'API key').fill('right');
    await button(page, 'Connect').click();
    await page.getByText('2 of 4 connected').waitFor();

    await button(page, 'Next: Fernhill').click();
    await field(page, 'Company domain').fill('acme');
    await field(page, 'API key').fill('right');
    await button(page, 'Connect').click();
    await button(page, 'See all').click();

    await heading(page, 'That is all you can do here').waitFor();
    await page.getByRole('link', { name: 'Go back' }).click();
    await page.waitForURL(returnTo);
    await page.getByText('/v1/sessions').first().waitFor(); // the page at returnTo is /docs, which works with the service's content security policy
    expect(scene.complaints).toEqual([]);
  });

  test('after the user closes and reopens the connect page, the page shows the connectors that are already connected', async () => {
    const keys = scene.install('Openrates', 'Brightdesk');
    const first = await scene.open(keys);
    await field(first, 'API key').fill('right');
    await button(first, 'Connect').click();
    await button(first, 'See all').waitFor();
    await first.close();

    const again = await scene.open(keys);

    await heading(again, 'Everything is connected').waitFor();
  });

  test('the connect page shows the label of the account as text, and without a label the account id', async () => {
    const keys = scene.install('Brightdesk');
    const labelled = await scene.open(keys, { session: { accountLabel: '<b>Acme</b> & Söhne' } });
    const plain = await scene.open(keys, { session: { accountLabel: undefined } });

    await labelled.getByText('For <b>Acme</b> & Söhne', { exact: true }).waitFor();
    await plain.getByText(`For ${keys[0].accountId}`, { exact: true }).waitFor();
  });

  test("the connect page shows HTML in Cyclr's texts as text", async () => {
    const markup = '<img src=x onerror="document.title=1"> <a href="https://evil.example">here</a>';
    const accountId = `account-${randomUUID()}`;
    const key = scene.service.stage.install('Fernhill', {
      accountId,
      patch: { Name: markup, Connector: { Description: markup, AuthDescription: markup } },
    });
    const page = await scene.open([key]);
    await field(page, 'Company domain').waitFor();

    expect(await page.getByText(markup).count()).toBe(1);
    expect(await page.getByRole('link').allInnerTexts()).toEqual(['evil.example']); // the link is an address in the description of the sign-in
    expect(await page.getByRole('img').count()).toBe(0);
    expect(scene.complaints).toEqual([]);
  });

  test("the connect page is in German if the session's language is German", async () => {
    const page = await scene.open(scene.install('Brightdesk'), { session: { language: 'de-CH' } });

    await field(page, 'API-Schlüssel').waitFor();
    await heading(page, 'Apps verbinden').waitFor();
    expect(await page.evaluate('[document.title, document.documentElement.lang]')).toEqual(['Apps verbinden', 'de']);
  });

  test('the connect page shows Arabic from right to left, and shows English if the language can not be loaded', async () => {
    const [first, second] = [scene.install('Brightdesk'), scene.install('Brightdesk')];
    const page = await scene.open(first, { session: { language: 'ar' } });
    const without = await scene.open(second, {
      session: { language: 'ar' },
      before: (opened) => opened.route('**/connect/languages/*', (route) => route.abort()),
    });

    await field(page, 'مفتاح API').waitFor();
    await field(without, 'API key').waitFor();
    const seen = await page.evaluate('[document.title, document.documentElement.lang, document.documentElement.dir]');
    expect(seen).toEqual(['ربط تطبيقاتك', 'ar', 'rtl']);
    expect(
      (await fetch(`${scene.service.url}/connect/languages/ar.json`)).headers.get('access-control-allow-origin'),
    ).toBe('*');
  });

  test('the connect page sends and stores no secret in clear', async () => {
    const keys = scene.install('Kestrel', 'Insightful');
    const { secret, foundIn } = createTestSecrets();
    const sent: string[] = [];
    const page = await scene.open(keys, {
      before: async (opened) => void opened.on('request', (request) => sent.push(request.url() + request.postData())),
    });
    await field(page, 'Signing secret').fill(secret('signing'));
    await field(page, 'API key').fill(secret('key'));
    await button(page, 'Show API key').click();
    await button(page, 'Connect').click();
    await button(page, 'Next: Insightful').click();
    await field(page, 'User name').fill(secret('user'));
    await page.getByRole('checkbox').check();
    await button(page, 'Connect').click();
    await button(page, 'See all').waitFor();

    const kept = await page.evaluate<string>(everything);
    const stored = scene.service.stage.sandbox.connectorOf(keys[0].accountId, keys[0].connectorId);

    expect(stored.AuthValue).toBe(secret('key')); // this check proves that the page had the secret in clear
    expect(foundIn(sent.join('\n'))).toEqual([]);
    expect(foundIn(kept)).toEqual([]);
  });

  test('after a refusal, a pasted secret of several lines removes the problem, as a typed secret does', async () => {
    const page = await scene.open(scene.install('Brightdesk'));
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await field(page, 'API key').fill('wrong');
    await button(page, 'Connect').click();
    const invalid = page.locator('[aria-invalid="true"]');
    await invalid.waitFor();

    await page.evaluate(`navigator.clipboard.writeText('one\\ntwo')`);
    await field(page, 'API key').press('ControlOrMeta+V');

    await invalid.waitFor({ state: 'detached' });
    expect(await field(page, 'API key').inputValue()).toBe('one\ntwo');
  });

  test('a pasted secret of several lines is masked, and its line breaks arrive at Cyclr', async () => {
    const [kestrel, insightful] = scene.install('Kestrel', 'Insightful');
    const lines = '-----BEGIN KEY-----\nMIIB\n\nq3s\n-----END KEY-----';
    const page = await scene.open([kestrel, insightful]);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const paste = async (label: string, text: string) => {
      await page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(text)})`);
      await field(page, label).press('ControlOrMeta+V');
      return page.evaluate(maskOfFocused);
    };
    const masks = [await paste('Signing secret', lines)];
    masks.push(await paste('API key', lines));
    await button(page, 'Connect').click();
    await button(page, 'Next: Insightful').click();
    await field(page, 'User name').fill('user');
    masks.push(await paste('Password', 'one line\n'));
    await button(page, 'Connect').click();
    await button(page, 'See all').waitFor();

    const stored = ({ accountId, connectorId }: typeof kestrel) =>
      scene.service.stage.sandbox.connectorOf(accountId, connectorId);
    expect(masks).toEqual(['disc', 'disc', 'disc']);
    expect(stored(kestrel).AuthValue).toBe(lines);
    expect(JSON.stringify(stored(kestrel))).toContain(JSON.stringify({ Value: lines }).slice(1, -1));
    expect(Buffer.from(stored(insightful).AuthValue!, 'base64').toString()).toBe('user:one line');
  });

  test('after a success, the page opens the next connector by itself if the user works by mouse', async () => {
    const page = await scene.open(scene.install('Brightdesk', 'Insightful'));
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    await openRow(page, 'Brightdesk');
    await field(page, 'API key').fill('right');

    await button(page, 'Connect').click();

    await heading(page, 'Connect Insightful').waitFor();
  });

  test('after a success the page stays at the connector if the user works by keyboard', async () => {
    const page = await scene.open(scene.install('Brightdesk', 'Insightful'));
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    await openRow(page, 'Brightdesk');
    await field(page, 'API key').fill('right');
    await page.clock.install();

    await field(page, 'API key').press('Enter');

    await heading(page, 'Brightdesk is connected').waitFor();
    await page.clock.runFor(10_000);
    expect(await heading(page, 'Brightdesk is connected').isVisible()).toBe(true);
  });

  test.each([
    ['when the user types', async (page: Page, _loadedAt: number) => field(page, 'API key').pressSequentially('k')],
    // This row stops the clock of the page after 33 s, because after 40 s the page would notice that its stream is
    // silent.
    [
      'within 33 seconds, without an action of the user',
      async (page: Page, at: number) => {
        // `isLater` is true on a slow machine.
        const isLater = (await page.evaluate<number>('Date.now()')) > at + 33_000;
        if (!isLater) await page.clock.pauseAt(at + 33_000);
      },
    ],
  ])('the page notices a removed flow %s, and then shows the other connectors', async (_when, notice) => {
    const [removed, left] = scene.install('Brightdesk', 'Insightful');
    const page = await scene.open([removed, left], { before: (opened) => opened.clock.install() });
    const loadedAt = await page.evaluate<number>('Date.now()');
    await openRow(page, 'Brightdesk');
    await field(page, 'API key').waitFor();
    const { connection, namespace } = scene.service.stage;
    const workflowExecution = { workflowId: workflowIdOf(removed) };
    await connection.workflowService.deleteWorkflowExecution({ namespace, workflowExecution });
    await eventually(
      () => scene.view(removed).catch(({ code }: { code: string }) => code),
      (seen) => seen === 'notStarted',
    );

    await notice(page, loadedAt);

    await heading(page, 'Brightdesk can no longer be connected here').waitFor();
    await button(page, 'Load again').click();
    await heading(page, 'Connect Insightful').waitFor();
    expect(await page.getByText('Brightdesk').count()).toBe(0);
  });

  test('the connect page sends requests only to its own service, and violates no content security policy', async () => {
    const asked: string[] = [];
    const page = await scene.open(scene.install('Brightdesk'), {
      before: async (opened) => void opened.on('request', (request) => asked.push(request.url())),
    });
    await field(page, 'API key').waitFor();

    const origins = asked.filter((url) => !url.startsWith('data:')).map((url) => new URL(url).origin);
    expect([...new Set(origins)]).toEqual([scene.service.url]);
    expect(scene.complaints).toEqual([]);
  });

  test('the connect page reads the views by GET requests if the event stream fails', async () => {
    const keys = scene.install('Brightdesk');
    const page = await scene.open(keys, {
      before: (opened) => opened.route('**/v1/session/events', (route) => route.abort()),
    });
    await field(page, 'API key').waitFor();

    await scene.gives(keys[0]);

    await heading(page, 'Brightdesk is connected').waitFor();
    expect(await page.getByText('No connection at the moment.').count()).toBe(0);
  });

  test('without a connection the connect page keeps the sealed input, and sends the input when the connection is back', async () => {
    const keys = scene.install('Brightdesk');
    const page = await scene.open(keys);
    await field(page, 'API key').fill('half typed');
    await page.context().setOffline(true);
    await button(page, 'Connect').click();
    await page.getByText('Your device is offline.').first().waitFor();
    await page.getByText('What you entered is safe, and we keep trying.').waitFor();

    await page.context().setOffline(false);

    await heading(page, 'Brightdesk is connected').waitFor();
    expect(await page.getByText('Your device is offline.').count()).toBe(0);
  });

  test('the progress and the row of a connector show its new state after the browser has translated the page', async () => {
    const keys = scene.install('Brightdesk', 'Fernhill');
    const page = await scene.open(keys);
    await page.getByText('0 of 2 connected').waitFor();
    await page.evaluate(translate);

    await scene.gives(keys[0]);

    await page.getByText('1 of 2 connected').waitFor();
    const row = page.getByRole('button', { name: 'Brightdesk' }).and(page.locator('.row'));
    expect((await row.innerText()).split('\n').at(-1)).toBe('Connected');
    expect(await page.getByText('0 of 2 connected').count()).toBe(0);
  });

  test('a page with an invitation calls no API before the click on "Get started", which turns the invitation into a session', async () => {
    const keys = scene.install('Brightdesk');
    const invitation = await scene.service.session(keys, { kind: 'invitation' });
    const page = await (await scene.someone()).newPage();
    const calls: string[] = [];
    page.on('request', (request) => request.url().includes('/v1/') && calls.push(request.url()));
    await page.goto(`${scene.service.url}/connect#invitation=${invitation}`);
    await button(page, 'Get started').waitFor();
    const before = [...calls];

    await button(page, 'Get started').click();
    await field(page, 'API key').waitFor();
    await page.reload();

    await field(page, 'API key').fill('right');
    await button(page, 'Connect').click();
    await heading(page, 'Brightdesk is connected').waitFor();
    expect(before).toEqual([]);
  });

  test('an invitation is shown in its language, and another invitation replaces the session of the former one', async () => {
    const invitations = await Promise.all(
      [
        { language: 'de', accountLabel: 'Acme Ltd' },
        { language: 'fr', accountLabel: 'Other Ltd' },
      ].map((more) => scene.service.session(scene.install('Brightdesk'), { kind: 'invitation', ...more })),
    );
    const page = await (await scene.someone()).newPage();
    await page.goto(`${scene.service.url}/connect#invitation=${invitations[0]}`);
    await page.getByText('Acme Ltd').first().waitFor();
    await button(page, 'Los geht’s').click();
    await field(page, 'API-Schlüssel').waitFor();

    await page.locator('cyclr-connect').evaluate((element, invitation) => {
      (element as unknown as { invitation: string }).invitation = invitation!;
    }, invitations[1]);

    await button(page, 'Commencer').waitFor();
    await page.getByText('Other Ltd').first().waitFor();
    expect(await page.getByText('Acme Ltd').count()).toBe(0);
  });

  test('the connect page reports an expired session at the next step, and no input reaches the flow', async () => {
    const [key] = scene.install('Brightdesk');
    const page = await scene.open([key]);
    await field(page, 'API key').fill('right');
    passedMs = 16 * MINUTE_MS;

    await button(page, 'Connect').click();

    await heading(page, 'This session has ended').waitFor();
    expect((await scene.view(key)).state).toBe('awaitingCredentials');
  });

  test('the connect page replaces an expired session by a new one from the invitation, and sends the pending input to the flow', async () => {
    const [key] = scene.install('Brightdesk');
    const invitation = await scene.service.session(key, { kind: 'invitation' });
    const page = await (await scene.someone()).newPage();
    await page.goto(`${scene.service.url}/connect#invitation=${invitation}`);
    await button(page, 'Get started').click();
    await field(page, 'API key').fill('right');
    passedMs = 16 * MINUTE_MS;

    await button(page, 'Connect').click();

    await heading(page, 'Brightdesk is connected').waitFor();
    expect((await scene.view(key)).state).toBe('authenticated');
  });

  test('the connect page reports a link without a token, with an invalid session or with an invalid invitation', async () => {
    const opened = async (fragment: string) => {
      const page = await (await scene.someone()).newPage();
      await page.goto(`${scene.service.url}/connect${fragment}`);
      return page;
    };

    await heading(await opened(''), 'This link is not complete').waitFor();
    await heading(await opened('#session=x'), 'This link is not complete').waitFor();
    await heading(await opened('#invitation=x'), 'This link is not complete').waitFor();
    const label = { accountLabel: 'Acme Ltd', kind: 'invitation' };
    const invited = await opened(`#invitation=${await scene.service.session(scene.install('Brightdesk'), label)}`);
    await invited.getByText('For Acme Ltd').waitFor();
    passedMs = 8 * 24 * 60 * MINUTE_MS;
    await button(invited, 'Get started').click();
    await heading(invited, 'This link has expired').waitFor();
  });

  test('the module of the element imports no other module, and is smaller than 45 KB when compressed', async () => {
    const { body, encoding } = await new Promise<{ body: Buffer; encoding?: string }>((resolve, reject) => {
      const url = `${scene.service.url}/connect/cyclr-connect.js`;
      get(url, { headers: { 'Accept-Encoding': 'gzip' } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({ body: Buffer.concat(chunks), encoding: response.headers['content-encoding'] }),
        );
      }).on('error', reject);
    });

    expect(encoding).toBe('gzip');
    expect(gunzipSync(body).toString()).toContain('customElements.define');
    expect(gunzipSync(body).toString()).not.toMatch(/\bfrom ?"|\bimport\(/); // the module has no import
    expect(body.length).toBeLessThan(45_000);
  });
});

/**
 * A script for the page. The script returns the style property that shows dots in place of the text of the focused
 * input.
 */
const maskOfFocused =
  "getComputedStyle(document.querySelector('cyclr-connect').shadowRoot.activeElement).getPropertyValue('-webkit-text-security')";

/** Replaces each text by `<font>` elements, as Chrome's translator does. */
const translate = `(() => {
  const root = document.querySelector('cyclr-connect').shadowRoot;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) if (walker.currentNode.data.trim()) texts.push(walker.currentNode);
  for (const text of texts) {
    const [outer, inner] = [document.createElement('font'), document.createElement('font')];
    outer.append(inner);
    inner.append(text.data);
    text.replaceWith(outer);
  }
})()`;

/** The page's whole content, with shadow roots, input values and storage. */
const everything = `(() => {
  const text = (root) => [...root.querySelectorAll('*')].map((element) =>
    [element.outerHTML, element.value, element.defaultValue, element.shadowRoot ? text(element.shadowRoot) : ''].join(' '),
  ).join(' ');
  return [text(document), JSON.stringify({ ...localStorage, ...sessionStorage }), document.cookie,
    JSON.stringify(history.state), location.href].join(' ');
})()`;
