/**
 * A user connects every connector of the sandbox that a user can connect, from one invitation, by keyboard alone and on
 * a narrow screen. Meanwhile, the test stops the worker twice. Set REHEARSAL_SHOTS to a folder to get screenshots.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { en, type Messages } from '../../page/languages/en';
import { messagesWith } from '../../page/languages/templates';
import { catalogue, entryOf } from '../../sandbox/catalogue';
import { wordsFor } from '../../service/page-words';
import { describeInBrowser } from './browser';
import { focused, reach } from './keys';
import { button, heading, openWebScene, type WebScene } from './scene';
import { watchTruth } from './truth';

jest.setTimeout(600_000);

/** `withoutUser`: connectors that need no user. `notByUser`: connectors that no user can connect. */
const withoutUser = ['Openrates', 'Evergreen'];
const notByUser = ['Homeport', 'Fieldstone', 'Vaultline'];

/** The user's input for each connector, by step. */
type Step = { properties?: { [label: string]: string }; key?: string; user?: string; password?: string } | Consent;
type Consent = 'consent' | 'return';
const entersKey = { key: 'right' };
const steps: { [connector: string]: Step[] } = {
  Brightdesk: [entersKey],
  Fernhill: [{ properties: { 'Company domain': 'acme' }, ...entersKey }],
  Kestrel: [{ properties: { 'Signing secret': 'signed' }, ...entersKey }],
  Plainfield: [entersKey],
  Nullarbor: [entersKey],
  Parrotmail: [{ properties: { 'Data centre': 'us21' }, ...entersKey }],
  Zenodesk: [{ properties: { Subdomain: 'acme' }, user: 'ann/token', password: 'pw' }],
  Insightful: [{ user: 'key' }],
  Ledgerly: ['consent'],
  Shopwell: [{ properties: { 'Shop name': 'acme' } }, 'consent'],
  Chirper: ['consent'],
  Driftwood: ['consent'],
  Quartz: [{ properties: { 'Client ID': 'client', 'Client secret': 'secret' } }],
  Sugarloaf: [{ properties: { Username: 'ann', Password: 'pw' } }, 'return'],
  Weathervane: [{ properties: { 'Station code': 'LSZH' } }],
  Posterity: [entersKey],
  Longname: [entersKey],
};
/**
 * The connectors at which the test stops the worker: at the first of them before the user sends an input, at the second
 * of them before a consent window opens.
 */
const stopsAt = ['Plainfield', 'Chirper'];

const german = join(__dirname, '..', '..', 'page', 'static', 'languages', 'de.json');
const de = messagesWith(JSON.parse(readFileSync(german, 'utf8')));

let scene: WebScene;
let truth: ReturnType<typeof watchTruth> | undefined;

const nameOf = (connector: string): string => {
  const name = [...entryOf(connector).definition.Name];
  return name.length > 60 ? `${name.slice(0, 60).join('').trimEnd()}…` : name.join('');
};

/** Returns the connector whose panel is open. */
async function openConnector(page: Page): Promise<string> {
  const name = (await page.locator('li.open .name').innerText()).trim();
  return Object.keys(steps).find((connector) => nameOf(connector) === name) ?? name;
}

function panelOf(step: Step): string {
  if (typeof step === 'string') return 'consent';
  if (step.properties) return 'properties';
  return step.key !== undefined ? 'apiKey' : 'basic';
}

async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.REHEARSAL_SHOTS;
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
}

/** A user who has only a keyboard, and reads the page in the language of the messages `m`. */
function keyboardUser(page: Page, m: Messages) {
  const press = (key: string) => page.keyboard.press(key);
  const choose = async (name: string) => {
    await reach(page, name, 60);
    await press('Enter');
  };
  const type = async (label: string, value: string) => {
    await reach(page, label);
    await page.keyboard.type(value);
  };
  let stops = 0;
  const worker = {
    stop: () => scene.service.stage.stopWorker(),
    start: () => scene.service.stage.restartWorker(),
  };
  const untilStarted = async (text: Promise<unknown>) => {
    await text;
    await picture(page, `${m.tag}-without-worker-${++stops}`);
    await worker.start();
  };
  const consents = async (connector: string, asks: boolean) => {
    const isStopped = stopsAt.includes(connector);
    if (isStopped) await worker.stop();
    const opening = page.waitForEvent('popup');
    await choose(m.panels.consent.open(nameOf(connector)));
    const popup = await opening;
    const closed = popup.waitForEvent('close'); // the return page closes its window after a consent
    if (isStopped) await untilStarted(popup.getByText(wordsFor(m.tag).slow).waitFor());
    if (asks) {
      await button(popup, 'Approve').waitFor();
      await reach(popup, 'Approve');
      await popup.keyboard.press('Enter');
    }
    await closed;
  };
  const takes = async (connector: string, step: Step) => {
    if (step === 'consent' || step === 'return') return consents(connector, step === 'consent');
    for (const [label, value] of Object.entries(step.properties ?? {})) await type(label, value);
    if (step.key !== undefined) await type(m.panels.apiKey.label, step.key);
    if (step.user !== undefined) {
      await type(m.panels.basic.username, step.user);
      if (step.password !== undefined) await type(m.panels.basic.password, step.password);
      else {
        await reach(page, m.panels.basic.noPassword);
        await press('Space');
      }
    }
    const isStopped = stopsAt.includes(connector);
    if (isStopped) await worker.stop();
    await press('Enter');
    if (isStopped) await untilStarted(page.getByText(m.slow).first().waitFor());
  };
  const isAsked = async (connector: string, step: Step) => {
    await page.locator(`li.open .panel.${panelOf(step)}`).waitFor();
    await picture(page, `${m.tag}-${connector}-${panelOf(step)}`);
  };
  return {
    choose,
    async connects(connector: string) {
      for (const step of steps[connector]!) {
        await isAsked(connector, step);
        await takes(connector, step);
      }
      await heading(page, m.panels.connected.title(nameOf(connector))).waitFor();
      await picture(page, `${m.tag}-${connector}-connected`);
    },
  };
}

describeInBrowser('the rehearsal', () => {
  beforeAll(async () => (scene = await openWebScene()));
  afterAll(async () => {
    await truth?.stop().catch(() => undefined);
    await scene?.close();
  });

  test.each([
    ['en-GB', en],
    ['de-DE', de],
  ])(
    'one invitation connects every connector by keyboard alone, with two stops of the worker: %s',
    async (locale, m) => {
      const connectors = catalogue.map(({ key }) => key).filter((key) => !notByUser.includes(key));
      const keys = scene.install(...connectors);
      const { accountId } = keys[0]!;
      const link = { kind: 'invitation', language: m.tag, accountLabel: 'Acme Ltd' };
      const invitation = await scene.service.session(keys, link);
      const context = await scene.browser.newContext({ locale, viewport: { width: 390, height: 844 } });
      const page = await context.newPage();
      page.setDefaultTimeout(120_000);
      truth = watchTruth(scene, page, accountId, (done) => m.progress(done, keys.length));
      await page.goto(`${scene.service.url}/connect#invitation=${invitation}`);
      const user = keyboardUser(page, m);
      await button(page, m.invitation.begin).waitFor();
      await picture(page, `${m.tag}-0-invitation`);
      await user.choose(m.invitation.begin);
      await page.locator('li.open').waitFor();

      const connected: string[] = [];
      const isLast = () => connected.length === Object.keys(steps).length;
      for (;;) {
        const connector = await openConnector(page);
        await user.connects(connector);
        connected.push(connector);
        expect(await focused(page)).toBe(m.panels.connected.title(nameOf(connector)));
        if (isLast()) break;
        await user.choose(m.next(''));
      }
      await user.choose(m.toOverview);

      await heading(page, m.done.title).waitFor();
      await picture(page, `${m.tag}-9-end`);
      expect(connected.sort()).toEqual(Object.keys(steps).sort());
      expect(connectors.filter((key) => !connected.includes(key))).toEqual(withoutUser);
      expect(await truth.stop()).toEqual([]);
      await context.close();
    },
  );
});
