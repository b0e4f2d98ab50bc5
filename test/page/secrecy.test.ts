/** The page sends a secret only as a sealed value, and stores no secret. */
import type { BrowserContext, Page, Request } from 'playwright-core';
import { createTestSecrets, searchFor, type Search } from '../../scripts/faults/secret-search';
import type { ConnectorKey } from '../../workflows/connector';
import { describeInBrowser } from './browser';
import { besideHost, type Host } from './host';
import { button, field, heading, openRow, type WebScene } from './scene';

let scene: WebScene;
let host: Host;

/** Everything that a browser has sent or written to its console. */
interface Record {
  context: BrowserContext;
  requests: Request[];
  said: string[];
  /** Each request: URL, headers and body. */
  sent(): Promise<string[]>;
}

async function recorded(): Promise<Record> {
  const context = await scene.someone();
  const [requests, said]: [Request[], string[]] = [[], []];
  context.on('request', (request) => requests.push(request));
  context.on('console', (message) => said.push(message.text()));
  context.on('weberror', (error) => said.push(String(error.error().stack)));
  const textOf = async (request: Request) =>
    [request.url(), JSON.stringify(await request.allHeaders()), request.postData() ?? ''].join('\n');
  return { context, requests, said, sent: () => Promise.all(requests.map(textOf)) };
}

/** Returns the whole content of a page: elements, shadow roots, input values, storages, and the history state. */
const held = (page: Page): Promise<string> =>
  page.evaluate(`(async () => {
    const text = (root) => [...root.querySelectorAll('*')].map((element) =>
      [element.outerHTML, element.value, element.defaultValue, element.shadowRoot ? text(element.shadowRoot) : ''].join(' '),
    ).join(' ');
    const stores = JSON.stringify([{ ...localStorage }, { ...sessionStorage }, await caches.keys()]);
    const databases = JSON.stringify(await indexedDB.databases());
    if (databases !== '[]') throw new Error('There is a database: ' + databases);
    return [text(document), stores, document.cookie, JSON.stringify(history.state), location.href].join(' ');
  })()`);

/** Submits every kind of secret. Returns the content of the page after each submission. */
async function typesAll(page: Page, secret: (name: string) => string): Promise<string[]> {
  const after: string[] = [];
  const give = async (label: string, then: () => Promise<unknown>) => {
    await button(page, label).click();
    await then();
    after.push(await held(page));
  };
  await openRow(page, 'Kestrel');
  await field(page, 'Environment').selectOption('staging');
  await field(page, 'Signing secret').fill(secret('property'));
  await field(page, 'API key').fill(`wrong-${secret('refused')}`);
  await button(page, 'Show API key').click();
  await give('Connect', () => page.getByText('did not accept this key.').waitFor());
  await field(page, 'API key').fill(secret('key'));
  await give('Connect', () => heading(page, 'Kestrel is connected').waitFor());
  await openRow(page, 'Insightful');
  await field(page, 'User name').fill(secret('user'));
  await field(page, 'Password').fill(secret('password'));
  await give('Connect', () => heading(page, 'Insightful is connected').waitFor());
  return after;
}

const stored = ({ accountId, connectorId }: ConnectorKey) =>
  scene.service.stage.sandbox.connectorOf(accountId, connectorId);

function findNone(foundIn: Search, texts: string[]): void {
  for (const text of texts) expect({ found: foundIn(text), in: text.slice(0, 100) }).toMatchObject({ found: [] });
}

describeInBrowser('secrets', () => {
  besideHost((both) => ({ scene, host } = both));

  test.each(['the connect page', 'a page of another site'])(
    'a value typed into %s leaves the page only sealed, and the page keeps no copy in clear',
    async (where) => {
      const { secret, foundIn } = createTestSecrets();
      const keys = scene.install('Kestrel', 'Insightful');
      const origin = where === 'the connect page' ? undefined : host.origin;
      const session = await scene.session(keys, { origin });
      const body = `<cyclr-connect session="${session}"></cyclr-connect>`;
      host.serves({ service: scene.service.url, body });
      const record = await recorded();
      const page = await record.context.newPage();
      await page.goto(origin ?? `${scene.service.url}/connect#session=${session}`);

      const after = await typesAll(page, secret);

      expect(stored(keys[0]).AuthValue).toBe(secret('key')); // this check proves that the page had the secret in clear
      expect(Buffer.from(stored(keys[1]).AuthValue!, 'base64').toString()).toContain(secret('password'));
      const sent = await record.sent();
      const sealed = sent.filter((text) => text.includes('"sealed":"ey'));
      // If an answer takes long, the page sends its input again, with the same submission id.
      expect(new Set(sealed.map((text) => /"submissionId":"([^"]+)"/.exec(text)?.[1])).size).toBe(4);
      expect(after).toHaveLength(3);
      findNone(foundIn, [...sent, ...after, ...record.said]);
      expect(await record.context.cookies()).toEqual([]);
    },
  );

  test('a session token is in no Referer and no URL except the fragment of the session link', async () => {
    const [key] = scene.install('Ledgerly');
    const session = await scene.session([key]);
    const record = await recorded();
    // Keeps the windows open, because Chromium does not give the headers of the requests of a closed window.
    await record.context.addInitScript('window.close = () => undefined');
    const page = await record.context.newPage();
    await page.goto(`${scene.service.url}/connect#session=${session}`);
    const opening = page.waitForEvent('popup');
    await button(page, 'Go to Ledgerly').click();
    const popup = await opening;
    await button(popup, 'Approve').click();
    await heading(page, 'Ledgerly is connected').waitFor();
    await heading(popup, 'Ledgerly is connected').waitFor();

    const addresses = await Promise.all(
      record.requests.map(async (request) => {
        const { referer = '' } = await request.allHeaders();
        return [request.url().replace(/^([^#]*)#session=.*$/, '$1'), referer].join('\n');
      }),
    );
    const elsewhere = record.requests.filter((request) => !request.url().startsWith(scene.service.url));
    const foundIn = searchFor(session.split('.')[2]!);
    expect(foundIn((await record.sent()).join('\n'))).not.toEqual([]); // this check proves that the search finds secrets
    findNone(foundIn, [...addresses, page.url(), popup.url(), ...record.said]);
    findNone(foundIn, await Promise.all(elsewhere.map(async (request) => JSON.stringify(await request.allHeaders()))));
    expect(elsewhere.length).toBeGreaterThan(0);
  });

  test('every page of the service has a content security policy without unsafe sources and other sites', async () => {
    const [key] = scene.install('Ledgerly');
    const record = await recorded();
    const page = await scene.open([key], { context: record.context });
    const pages = new Map<string, string>();
    record.context.on('response', (response) => {
      if (response.request().isNavigationRequest() && response.url().startsWith(scene.service.url))
        pages.set(new URL(response.url()).pathname, response.headers()['content-security-policy'] ?? 'none');
    });
    await page.reload();
    const opening = page.waitForEvent('popup');
    await button(page, 'Go to Ledgerly').click();
    const popup = await opening;
    const closed = popup.waitForEvent('close');
    await button(popup, 'Approve').click();
    await closed;

    expect([...pages.keys()].sort()).toEqual(['/connect', '/connect/go', '/connect/return']);
    for (const policy of pages.values()) {
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toMatch(/unsafe|\*|https?:/);
    }
  });
});
