/**
 * A repeated input has one effect at Cyclr, and each `<cyclr-connect>` element has at most one open event stream.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Page, Route } from 'playwright-core';
import type { ConnectorKey } from '../../workflows/connector';
import { eventually } from '../support/eventually';
import { pathOf } from '../support/http';
import { describeInBrowser } from './browser';
import { besideHost, type Host } from './host';
import { button, field, heading, type WebScene } from './scene';

let scene: WebScene;
let host: Host;

/**
 * Counts the event streams of the page: the open streams, the largest number of streams at the same time, and all
 * streams.
 */
function streamsOf(page: Page) {
  const open = new Set<unknown>();
  const seen = { open: () => open.size, most: 0, opened: 0 };
  page.on('request', (request) => {
    if (!request.url().endsWith('/v1/session/events')) return;
    open.add(request);
    seen.opened++;
    seen.most = Math.max(seen.most, open.size);
  });
  for (const end of ['requestfinished', 'requestfailed'] as const)
    page.on(end as 'requestfailed', (request) => void open.delete(request));
  return seen;
}

async function embedded(keys: ConnectorKey[], body: (session: string) => string, script = '') {
  const session = await scene.session(keys, { origin: host.origin });
  host.serves({ service: scene.service.url, body: body(session), scripts: { '/app.js': script } });
  const page = await (await scene.someone()).newPage();
  const streams = streamsOf(page);
  await page.goto(host.origin);
  return { page, streams, session };
}

/** The number of PUT requests for the account. Each PUT stores an AuthValue. */
const puts = ({ accountId }: ConnectorKey) =>
  scene.service.stage.sandbox.requests.filter(({ account, method }) => account === accountId && method === 'PUT')
    .length;

async function type(page: Page): Promise<void> {
  await field(page, 'API key').fill('right');
}

/** A script for the page. The script counts the open channels in `channels`. */
const countChannels = `window.channels = 0;
  window.BroadcastChannel = class extends BroadcastChannel {
    constructor(name) { super(name); channels++; }
    close() { super.close(); channels--; }
  };`;

describeInBrowser('repeated actions', () => {
  besideHost((both) => ({ scene, host } = both));

  test('an API key that is sent from five tabs at the same time reaches Cyclr once, and all tabs show the outcome', async () => {
    const [key] = scene.install('Brightdesk');
    const context = await scene.someone();
    const pages = await Promise.all(Array.from({ length: 5 }, () => scene.open([key], { context })));
    // Holds the inputs until all tabs have sent one. Otherwise the first input could end the flow before the last click.
    let sent = 0;
    await context.route('**/credentials', async (route) => {
      sent++;
      await eventually(() => sent >= pages.length);
      await route.continue();
    });
    await Promise.all(pages.map(type));

    await Promise.all(pages.map((page) => button(page, 'Connect').dispatchEvent('click')));

    await Promise.all(pages.map((page) => heading(page, 'Brightdesk is connected').waitFor()));
    expect(puts(key)).toBe(1);
    // 409: the input of another tab came first. 503: the worker of a busy machine was late, so the page sent its input
    // again.
    expect(scene.complaints.filter((text) => !/409|503/.test(text))).toEqual([]);
  });

  test('if two elements have the same session, both elements show the outcome of an input to one element', async () => {
    const keys = scene.install('Brightdesk');
    const element = (id: string, session: string) => `<cyclr-connect id="${id}" session="${session}"></cyclr-connect>`;
    const { page } = await embedded(keys, (session) => element('one', session) + element('other', session));
    const connected = (id: string) => page.locator(id).getByRole('heading', { name: 'Brightdesk is connected' });

    await page.locator('#one').getByLabel('API key', { exact: true }).fill('right');
    await page.locator('#one').getByRole('button', { name: 'Connect' }).click();

    await Promise.all([connected('#one').waitFor(), connected('#other').waitFor()]);
    expect(puts(keys[0])).toBe(1);
  });

  test('an element has one open event stream after moves and changes, and no stream after its removal', async () => {
    const keys = scene.install('Brightdesk');
    const { page, streams, session } = await embedded(
      keys,
      (session) => `<cyclr-connect session="${session}"></cyclr-connect><main></main>`,
    );
    await type(page);
    const other = await scene.session(keys, { origin: host.origin });

    const element = "document.querySelector('cyclr-connect')";
    const opensAnother = async (script: string) => {
      const before = streams.opened;
      await page.evaluate(script);
      await eventually(() => streams.opened > before);
    };
    for (const [token, language] of [
      [other, 'de'],
      [session, 'en'],
      [other, 'de'],
    ]) {
      await opensAnother(`document.querySelector('main').append(${element})`);
      await opensAnother(`${element}.session = ${JSON.stringify(token)}`);
      await page.evaluate(`Object.assign(${element}, { language: '${language}', theme: 'dark' })`);
    }
    await eventually(streams.open, (open) => open === 1);
    const { most } = streams;
    await page.evaluate("document.querySelector('cyclr-connect').remove()");

    await eventually(streams.open, (open) => open === 0);
    expect(most).toBe(1);
  });

  test.each([
    ['within 33 seconds', (page: Page) => page.clock.fastForward(33_000)],
    [
      'when the user comes back to the tab',
      (page: Page) => page.evaluate("document.dispatchEvent(new Event('visibilitychange'))"),
    ],
  ])(
    'a page whose connectors were all connected shows a new re-authentication %s, and follows it',
    async (_when, notice) => {
      const [key] = scene.install('Brightdesk');
      await scene.session([key]);
      await scene.gives(key);
      let streams!: ReturnType<typeof streamsOf>;
      const before = async (page: Page) => {
        streams = streamsOf(page);
        await page.clock.install();
      };
      const page = await scene.open([key], { before });
      await heading(page, 'Brightdesk is connected').waitFor();
      await eventually(() => streams.opened === 1 && streams.open() === 0);
      await scene.service.asBackend('POST', pathOf(key, '/reauthenticate'), {});

      await notice(page);

      await field(page, 'API key').waitFor();
      await eventually(() => streams.open() === 1);
      expect(streams.opened).toBe(2);
    },
  );

  test.each([
    ['the first read of the session', '**/v1/session', async () => undefined],
    ['a click on "Reconnect"', '**/reauthenticate', (page: Page) => button(page, 'Reconnect').click()],
  ])('a removed element opens neither a stream nor a channel after a late answer to %s', async (_to, call, ask) => {
    const [key] = scene.install('Brightdesk');
    await scene.session([key]);
    await scene.gives(key);
    let streams!: ReturnType<typeof streamsOf>;
    let late!: Promise<Route>;
    const before = async (page: Page) => {
      streams = streamsOf(page);
      await page.addInitScript(countChannels);
      late = new Promise((held) => void page.route(call, held, { times: 1 }));
    };
    const page = await scene.open([key], { session: { reauthenticate: [key.connectorId] }, before });
    await ask(page);
    const route = await late;
    await page.evaluate("document.querySelector('cyclr-connect').remove()");
    const { opened } = streams;

    await route.continue();

    await (await route.request().response())!.finished();
    // When the page has this answer, the page also has the late answer.
    await page.evaluate("fetch('/connect').then((answer) => answer.text())");
    expect(await page.evaluate('channels')).toBe(0);
    expect(streams.opened).toBe(opened);
  });

  test('the request of a click on "Reconnect" is sent again after a click on "Try now", but not after the element was removed', async () => {
    const [key] = scene.install('Brightdesk');
    await scene.session([key]);
    await scene.gives(key);
    const page = await scene.open([key], { session: { reauthenticate: [key.connectorId] } });
    let calls = 0;
    await page.route('**/reauthenticate', (route) => {
      calls++;
      return route.fulfill({ status: 503, headers: { 'Retry-After': '600' }, json: { code: 'noWorker' } });
    });
    const answered = () => page.evaluate("fetch('/connect').then((answer) => answer.text())"); // see the test above
    await button(page, 'Reconnect').click();
    await button(page, 'Try now').click();
    await eventually(() => calls === 2);
    await answered();

    await page.evaluate("document.querySelector('cyclr-connect').remove()");

    await answered();
    expect(calls).toBe(2);
  });

  test("an element in React's strict mode has one open event stream, and no stream after its removal", async () => {
    const app = execFileSync(process.execPath, [join(__dirname, 'bundle.mjs'), join(__dirname, 'react-app.mjs')]);
    const { page, streams } = await embedded(
      scene.install('Brightdesk'),
      (session) => `<main data-session="${session}"></main><script type="module" src="/app.js"></script>`,
      app.toString(),
    );
    await button(page, 'Show').click();
    await type(page);
    await eventually(streams.open, (open) => open === 1);

    await button(page, 'Hide').click();
    await eventually(streams.open, (open) => open === 0);
    await button(page, 'Show').click();
    await type(page);

    await button(page, 'Connect').click();
    await heading(page, 'Brightdesk is connected').waitFor();
    expect(streams.most).toBe(1);
    expect(scene.complaints).toEqual([]);
  });
});
