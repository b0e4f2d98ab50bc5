/**
 * The element in host pages: in a page of another origin, beside a second element, after a move in the DOM, and in
 * React.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Page, Route } from 'playwright-core';
import { eventually } from '../support/eventually';
import { describeInBrowser } from './browser';
import { besideHost, type Host } from './host';
import { button, field, heading, openRow, reachOpener, type WebScene } from './scene';

let scene: WebScene;
let host: Host;
/** The time by which the service's clock is ahead of the real time, in milliseconds. */
let passedMs = 0;

async function open(body: string, scripts?: { [path: string]: string }): Promise<Page> {
  host.serves({ service: scene.service.url, body, scripts });
  const page = await (await scene.someone()).newPage();
  await page.goto(host.origin);
  return page;
}
const session = (keys: Parameters<typeof scene.session>[0]) => scene.session(keys, { origin: host.origin });

/** Opens a host page that gives its element a new session after the end of a session, as the guide recommends. */
async function openRenewing(keys: Parameters<typeof scene.session>[0]): Promise<Page> {
  const renew = `document.addEventListener('session-expired', async ({ target }) => {
    target.session = await another();
    window.hasRenewed = true;
  });`;
  host.serves({
    service: scene.service.url,
    body: `<cyclr-connect session="${await session(keys)}"></cyclr-connect><script src="/renew.js"></script>`,
    scripts: { '/renew.js': renew },
  });
  const page = await (await scene.someone()).newPage();
  await page.clock.install();
  await page.exposeFunction('another', () => session(keys));
  await page.goto(host.origin);
  return page;
}

/** A script for the host page. The script records the element's events in `told` and `hints`. */
const listen = `window.told = [];
  for (const type of ['connected', 'problem', 'closed', 'session-expired'])
    document.addEventListener(type, ({ detail }) => told.push([type, detail]));
  window.hints = [];
  for (const type of ['opened', 'step', 'refused', 'window-opened', 'window-closed'])
    document.addEventListener(type, ({ detail }) => hints.push([type, detail]));`;

describeInBrowser('embedding', () => {
  besideHost((both) => ({ scene, host } = both), { now: () => Date.now() + passedMs });
  afterEach(() => void (passedMs = 0));

  test('an element with the layout "single" shows one connector after the other, without a list, and with the texts of the host page', async () => {
    const token = await session(scene.install('Brightdesk', 'Insightful'));
    const page = await open(`<cyclr-connect session="${token}" layout="single"></cyclr-connect>`);
    await heading(page, 'Connect Brightdesk').waitFor();
    await page.evaluate(
      "document.querySelector('cyclr-connect').messages = { panels: { apiKey: { label: 'Your key' } } }",
    );
    await field(page, 'Your key').waitFor();
    await page.evaluate("document.querySelector('cyclr-connect').messages = null");
    const shown = await page.getByText('Insightful').count();
    await field(page, 'API key').fill('right');
    await button(page, 'Connect').click();

    await button(page, 'Next: Insightful').click();

    await heading(page, 'Connect Insightful').waitFor();
    expect([shown, await page.locator('.row').count()]).toEqual([0, 0]);
  });

  test('the element in a page of another origin connects by API key and by consent, and emits its events', async () => {
    const keys = scene.install('Brightdesk', 'Ledgerly');
    const element = `<cyclr-connect session="${await session(keys)}" closable></cyclr-connect>`;
    const page = await open(`<script src="/listen.js"></script>${element}`, { '/listen.js': listen });
    await field(page, 'API key').fill('wrong');
    await button(page, 'Connect').click();
    await page.getByText('did not accept this key.').waitFor();
    await field(page, 'API key').fill('right');
    await button(page, 'Connect').click();
    await button(page, 'Next: Ledgerly').click();
    const opening = page.waitForEvent('popup');
    await button(page, 'Go to Ledgerly').click();
    const popup = await opening;
    await button(popup, 'Approve').waitFor();
    const reached = await popup.evaluate(reachOpener);
    // `reachOpener` tries forbidden actions, so the errors that the browser wrote about them are removed here.
    scene.complaints.length = 0;
    await button(popup, 'Approve').click();
    await button(page, 'See all').click();
    await heading(page, 'Everything is connected').waitFor();
    await button(page, 'Done').click();

    const [first, second] = keys.map(({ connectorId }) => ({ connectorId }));
    expect(await page.evaluate('told')).toEqual([
      ['problem', first],
      ['connected', first],
      ['connected', second],
      ['closed', {}],
    ]);
    expect(await page.evaluate('hints')).toEqual(
      expect.arrayContaining([
        ['opened', {}],
        ['step', { ...first, step: 'apiKey' }],
        ['refused', { ...first, code: 'refused' }],
        ['window-opened', second],
        ['step', { ...second, step: 'connected' }],
      ]),
    );
    expect(reached).toEqual([]);
    expect(scene.complaints).toEqual([]);
  });

  test('the element of an onboarding that has no flow yet shows that it loads, then a list of the flows, and emits "opened" once', async () => {
    const [{ accountId }] = scene.install('Brightdesk', 'Insightful');
    const onboarding = { accountId, onboardingId: 'crm' };
    const { asBackend, stage } = scene.service;
    const release = stage.sandbox.fault({ match: { account: accountId }, times: 'always', then: 'held' });
    await asBackend('POST', '/v1/onboardings', { ...onboarding, scope: { all: true } });
    const session = { ...onboarding, accountLabel: 'Acme Ltd', origin: host.origin };
    const { token } = (await asBackend('POST', '/v1/sessions', session)).body;
    const element = `<cyclr-connect session="${token}"></cyclr-connect>`;
    const page = await open(`<script src="/listen.js"></script>${element}`, { '/listen.js': listen });
    await page.getByText('Acme Ltd').waitFor(); // the element has read its session
    const texts = await page.locator('cyclr-connect .panel, cyclr-connect .notice').allInnerTexts();
    release();

    await page.getByText('0 of 2 connected').waitFor();

    expect(texts).toEqual(['Loading …']);
    expect(await page.evaluate("hints.filter(([type]) => type === 'opened')")).toEqual([['opened', {}]]);
    expect(await page.locator('.row').count()).toBe(2);
  });

  test('if a page has two elements, each element shows its own session', async () => {
    const [one, other] = [scene.install('Brightdesk'), scene.install('Insightful')];
    const page = await open(`<cyclr-connect id="one" session="${await session(one)}"></cyclr-connect>
      <cyclr-connect id="other" session="${await session(other)}"></cyclr-connect>`);

    await page.locator('#one').getByLabel('API key', { exact: true }).fill('right');
    await page.locator('#one').getByRole('button', { name: 'Connect' }).click();

    await heading(page, 'Brightdesk is connected').waitFor();
    await page.locator('#other').getByLabel('User name').waitFor();
    expect((await scene.view(other[0])).state).toBe('awaitingCredentials');
  });

  test('the element continues after a script has removed it from the page and added it again', async () => {
    const keys = scene.install('Brightdesk');
    const page = await open(`<cyclr-connect session="${await session(keys)}"></cyclr-connect><main></main>`);
    await field(page, 'API key').waitFor();

    await page.evaluate(`{
      const element = document.querySelector('cyclr-connect');
      element.remove();
      document.querySelector('main').append(element);
    }`);
    await scene.gives(keys[0]);

    await heading(page, 'Brightdesk is connected').waitFor();
  });

  test('the element emits session-expired after the end of its session, and continues with a new session', async () => {
    const keys = scene.install('Brightdesk');
    const page = await open(`<script src="/listen.js"></script><cyclr-connect></cyclr-connect>`, {
      '/listen.js': listen,
    });
    const give = (token: string) => page.evaluate(`document.querySelector('cyclr-connect').session = '${token}'`);
    await page.getByText('Loading …').waitFor();
    await give('over');
    await heading(page, 'This session has ended').waitFor();

    await give(await session(keys));

    await field(page, 'API key').waitFor();
    expect(await page.evaluate('told')).toEqual([['session-expired', {}]]);
  });

  test('if an input is not sent when the session ends, the element sends the input with the new session that the host page gives it', async () => {
    const keys = scene.install('Brightdesk');
    const page = await openRenewing(keys);
    await field(page, 'API key').fill('right');
    await page.context().setOffline(true);
    await button(page, 'Connect').click();
    await page.getByText('Your device is offline.').first().waitFor();
    passedMs = 16 * 60_000;

    await page.context().setOffline(false);

    await heading(page, 'Brightdesk is connected').waitFor();
    expect(await page.evaluate('hasRenewed')).toBe(true);
  });

  test('a late refusal of the earlier session does not end the new session, and the element sends the input again', async () => {
    const page = await openRenewing(scene.install('Brightdesk', 'Insightful'));
    const late = new Promise<Route>((held) => void page.route('**/credentials', held, { times: 1 }));
    await field(page, 'API key').fill('right');
    await button(page, 'Connect').click();
    const route = await late;
    await openRow(page, 'Insightful');
    await field(page, 'User name').fill('ann');
    await field(page, 'Password').fill('right');
    passedMs = 16 * 60_000;
    await button(page, 'Connect').click();
    await eventually(() => page.evaluate('window.hasRenewed'));
    await page.evaluate("document.addEventListener('session-expired', () => (window.hasExpiredAgain = true))");

    await route.continue();

    await openRow(page, 'Brightdesk');
    await heading(page, 'Brightdesk is connected').waitFor();
    expect(await page.evaluate('window.hasExpiredAgain')).toBeUndefined();
  });

  test('the element keeps what the user has typed when the host page gives it a new session', async () => {
    const page = await openRenewing(scene.install('Brightdesk'));
    await field(page, 'API key').fill('half typ');
    passedMs = 16 * 60_000;
    await page.clock.fastForward(passedMs); // the clock of the page jumps, as after a sleep of the device

    await eventually(() => page.evaluate('window.hasRenewed'));

    await field(page, 'API key').waitFor();
    expect(await field(page, 'API key').inputValue()).toBe('half typ');
    await field(page, 'API key').fill('right');
    await button(page, 'Connect').click();
    await heading(page, 'Brightdesk is connected').waitFor();
  });

  test('the service allows an element in a page of another origin to send Last-Event-ID', async () => {
    const { headers } = await fetch(`${scene.service.url}/v1/session/events`, {
      method: 'OPTIONS',
      headers: {
        Origin: host.origin,
        'Access-Control-Request-Method': 'GET',
        'Access-Control-Request-Headers': 'authorization,last-event-id',
      },
    });

    expect(headers.get('access-control-allow-origin')).toBe(host.origin);
    expect(headers.get('access-control-allow-headers')?.toLowerCase()).toContain('last-event-id');
  });

  test("the element connects in React's strict mode, which mounts the element twice", async () => {
    const keys = scene.install('Brightdesk');
    const main = `<main data-session="${await session(keys)}"></main><script type="module" src="/app.js"></script>`;
    const app = execFileSync(process.execPath, [join(__dirname, 'bundle.mjs'), join(__dirname, 'react-app.mjs')]);
    const page = await open(main, { '/app.js': app.toString() });
    await button(page, 'Show').click();
    await field(page, 'API key').fill('right');
    await button(page, 'Connect').click();

    await heading(page, 'Brightdesk is connected').waitFor();
    await page.getByText(`2 mounts, connected: ${keys[0].connectorId}`, { exact: true }).waitFor();
    expect(scene.complaints).toEqual([]);
  });
});
