/** One link leads a user through every connector of the sandbox, of every auth type. */
import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { catalogue, entryOf } from '../../sandbox/catalogue';
import type { ConnectorKey } from '../../workflows/connector';
import type { StateName } from '../../workflows/messages';
import { describeInBrowser } from './browser';
import { button, field, heading, openWebScene, type WebScene } from './scene';

let scene: WebScene;
let keys: ConnectorKey[];
let page: Page;

/** The connector's name as the page shows it: the page cuts a name after 60 characters. */
function nameOf(connector: string): string {
  const name = [...entryOf(connector).definition.Name];
  return name.length > 60 ? `${name.slice(0, 60).join('').trimEnd()}…` : name.join('');
}
const keyOf = (connector: string) => keys[catalogue.findIndex(({ key }) => key === connector)]!;

/** Opens the connector's panel in the list, unless it is open. */
async function choose(connector: string): Promise<void> {
  const row = page.locator('button[aria-expanded]', { hasText: nameOf(connector) });
  if ((await row.getAttribute('aria-expanded')) === 'false') await row.click();
}

const enters = (values: { [label: string]: string }, submit: string) => async () => {
  for (const [label, value] of Object.entries(values)) await field(page, label).fill(value);
  await button(page, submit).click();
};
const entersKey = enters({ 'API key': 'right' }, 'Connect');
const nothing = () => Promise.resolve();
const goesOut = async (connector: string, decide: (popup: Page) => Promise<void>) => {
  const opening = page.waitForEvent('popup');
  await button(page, `Go to ${connector}`).click();
  const popup = await opening;
  const closed = popup.waitForEvent('close'); // the return page closes its window after a consent
  await decide(popup);
  await closed;
};
const consents = (connector: string) => goesOut(connector, (popup) => button(popup, 'Approve').click());
/**
 * The user's step for a connector with PasswordCredentials. Cyclr's page asks the user nothing. If the properties are
 * right, this page redirects to the return page at once.
 */
const isLetIn = (connector: string) => goesOut(connector, nothing);
/** Submits tokens as a partner's backend does. */
const tokensAreGiven = async (connector: string) => {
  const key = keyOf(connector);
  await heading(page, `Connect ${connector}`).waitFor();
  await page.getByText(`You need to do nothing: the company that sent you this link connects ${connector}`).waitFor();
  const submissionId = randomUUID();
  const { stage } = scene.service;
  const credentials = await stage.sealed(key, submissionId, { kind: 'tokens', accessToken: 'right' });
  await stage.auth.submitCredentials(key, { submissionId, credentials });
};

/** For each connector, the steps of the user. */
const ways: { [connector: string]: ((connector: string) => Promise<void>)[] } = {
  Brightdesk: [entersKey],
  Fernhill: [enters({ 'Company domain': 'acme', 'API key': 'right' }, 'Connect')],
  Kestrel: [enters({ 'Signing secret': 'signed', 'API key': 'right' }, 'Connect')],
  Plainfield: [entersKey],
  Nullarbor: [entersKey],
  Parrotmail: [enters({ 'Data centre': 'us21', 'API key': 'right' }, 'Connect')],
  Zenodesk: [enters({ Subdomain: 'acme', 'User name': 'ann/token', Password: 'pw' }, 'Connect')],
  Insightful: [
    () => page.getByRole('checkbox', { name: 'There is no password' }).check(),
    enters({ 'User name': 'key' }, 'Connect'),
  ],
  Ledgerly: [consents],
  Shopwell: [enters({ 'Shop name': 'acme' }, 'Continue'), consents],
  Chirper: [consents],
  Driftwood: [consents],
  Quartz: [enters({ 'Client ID': 'client', 'Client secret': 'secret' }, 'Continue')],
  Sugarloaf: [enters({ Username: 'ann', Password: 'pw' }, 'Continue'), isLetIn],
  Homeport: [tokensAreGiven],
  Openrates: [nothing],
  Weathervane: [enters({ 'Station code': 'LSZH' }, 'Continue')],
  Fieldstone: [nothing],
  Vaultline: [nothing],
  Evergreen: [nothing],
  Posterity: [entersKey],
  Longname: [entersKey],
};
const endsElsewhere: { [connector: string]: StateName } = { Fieldstone: 'unsupported', Vaultline: 'unsupported' };

describeInBrowser('one link for every connector of the sandbox', () => {
  beforeAll(async () => {
    scene = await openWebScene();
    keys = scene.install(...catalogue.map(({ key }) => key));
    page = await scene.open(keys);
  });
  afterAll(() => scene?.close());

  test.each(catalogue.map(({ key }) => [key, endsElsewhere[key] ?? 'authenticated'] as const))(
    'the user takes each step of the page for %s, and the flow ends as %s',
    async (connector, state) => {
      await choose(connector);
      for (const step of ways[connector]!) await step(connector);

      const end = state === 'authenticated' ? 'is connected' : 'can’t be connected here';
      await heading(page, `${nameOf(connector)} ${end}`).waitFor();
      expect((await scene.view(keyOf(connector))).state).toBe(state);
      expect(cyclrHas(connector)).toBe(state === 'authenticated');
    },
  );

  test('after the last connector, the page says that the user has nothing left to do', async () => {
    await button(page, 'See all').click();

    await heading(page, 'That is all you can do here').waitFor();
    expect(await page.locator('.chip').getByText('Needs support').count()).toBe(2);
    expect(scene.complaints).toEqual([]);
  });
});

function cyclrHas(connector: string): boolean {
  const { accountId, connectorId } = keyOf(connector);
  const { Authenticated, Connector } = scene.service.stage.sandbox.connectorOf(accountId, connectorId);
  return Authenticated || Connector.AuthType === 'None';
}
