/** All page states. */
import type { Page } from 'playwright-core';
import type { ProblemCode, StateName, View } from '../../workflows/messages';
import type { Look } from './look';
import { pages } from './pages';
import { ACCOUNT_ID, connectors, fields, oddFields, problem, storedFields, viewOf } from './views';

const { brightdesk, zenodesk, ledgerly, kestrel, harbour, wordy, hostile } = connectors;
const press = (name: string) => (page: Page) => page.getByRole('button', { name, exact: true }).click();
/** Opens a connector in the list. */
const openRow = (name: string) => (page: Page) => page.getByRole('button', { name: new RegExp(`^${name}`) }).click();
const fill = async (page: Page, label: string, value: string) => page.getByLabel(label, { exact: true }).fill(value);
const again = { intent: 'reauthenticate' as const };

const apiKey = viewOf('awaitingCredentials', brightdesk);
const properties = viewOf('awaitingProperties', kestrel, { fields });
const byConsent = { authType: 'OAuth2', oauth2Type: 'AuthorisationCode' };
const policyField = { required: true, stored: false };
const authFields = viewOf(
  'awaitingCredentials',
  { ...kestrel, authType: 'AuthFields', help: { default: { text: 'Ask the registry.' } } },
  {
    fields: [
      { name: 'user', label: 'User name', secret: false, ...policyField },
      { name: 'token', label: 'API token', secret: true, ...policyField },
    ],
  },
);
const consent = viewOf('awaitingAuthorization', ledgerly);
const attempt = { id: 'attempt', requestedAt: '2027-03-05T12:00:00.000Z', expiresAt: '2027-03-05T12:10:00.000Z' };

const one = (name: string, view: View, shows: string, more: Partial<Look> = {}): Look => ({
  name,
  views: [view],
  shows,
  ...more,
});

const forms: Look[] = [
  one('properties', properties, 'Enter your Kestrel API key.'),
  one('properties, user name and password', viewOf('awaitingProperties', zenodesk, { fields }), 'There is no password'),
  one(
    'properties, before a consent',
    viewOf('awaitingProperties', { ...kestrel, ...byConsent }, { fields }),
    'A few details first.',
  ),
  one('properties, all of them', properties, 'Notes for auditors', {
    async act(page) {
      await page.getByText('Optional settings (3)').click();
      await page.getByLabel('Environment', { exact: true }).selectOption('Other …');
    },
  }),
  one('properties, some left out', properties, 'Please fill this in.', { act: press('Connect') }),
  one('properties, other left out', properties, 'Please fill this in.', {
    async act(page) {
      await fill(page, 'Company domain', 'acme');
      await fill(page, 'Signing secret', 's3cret');
      await page.getByLabel('Environment', { exact: true }).selectOption('Other …');
      await press('Connect')(page);
    },
  }),
  one('properties, proposed and locked', properties, 'Set for you.', {
    session: { prefill: { 41: { Domain: { value: 'acme', locked: true }, Environment: { value: 'staging' } } } },
  }),
  one('properties, stored', viewOf('awaitingProperties', kestrel, { fields: storedFields, ...again }), 'Already set.'),
  one(
    'properties, refused',
    viewOf('awaitingProperties', kestrel, { fields, ...problem('refused', 'Domain') }),
    'Kestrel did not accept this.',
  ),
  one(
    'properties, odd',
    viewOf('awaitingProperties', { ...hostile, ...byConsent }, { fields: oddFields }),
    '<i>Label</i>',
  ),
  one('fields of a policy', authFields, 'Ask the registry.'),
  one('fields of a policy, left out', authFields, 'Please fill this in.', { act: press('Connect') }),
  one('API key', apiKey, 'Enter your Brightdesk API key.'),
  one('API key, shown', apiKey, 'Hide', {
    async act(page) {
      await fill(page, 'API key', 'k3y-of-brightdesk');
      await press('Show API key')(page);
    },
  }),
  one('API key, of several lines', apiKey, 'Show', {
    async act(page) {
      await page.locator('#key').waitFor();
      await page.evaluate(pasteLines);
    },
  }),
  one('API key, left out', apiKey, 'Please fill this in.', { act: press('Connect') }),
  one('API key, re-authentication', { ...apiKey, ...again }, 'replaces the stored values'),
  one('API key, long connector name', viewOf('awaitingCredentials', wordy), 'Connect Österreich'),
  one('API key, of HTML', viewOf('awaitingCredentials', hostile), '<script>alert(2)</script>'),
  one('API key, being checked', apiKey, 'Checking …', {
    replies: { 'POST /connectors/41/credentials': 'never' },
    act: giveKey,
  }),
  one('API key, slow', apiKey, 'What you entered is safe', {
    replies: { 'POST /connectors/41/credentials': { code: 'noWorker' } },
    before: (page) => page.clock.install(),
    async act(page) {
      await giveKey(page);
      await page.getByText('Checking …').first().waitFor();
      await page.clock.fastForward(9000);
    },
  }),
  one('user name and password', viewOf('awaitingCredentials', zenodesk), 'Enter your Zenodesk sign-in details.'),
  one('user name and password, left out', viewOf('awaitingCredentials', zenodesk), 'Please fill this in.', {
    async act(page) {
      await page.getByLabel('There is no password').check();
      await press('Connect')(page);
    },
  }),
  one(
    'user name and password, refused',
    viewOf('awaitingCredentials', zenodesk, problem('refused')),
    'Zenodesk did not accept this.',
  ),
  one('tokens', viewOf('awaitingCredentials', harbour), 'You need to do nothing'),
];

/** A script that pastes two lines into the field of the API key. */
const pasteLines = `{
  const clipboardData = new DataTransfer();
  clipboardData.setData('text/plain', 'first line\\nsecond line');
  const paste = new ClipboardEvent('paste', { clipboardData, cancelable: true });
  document.querySelector('cyclr-connect').shadowRoot.querySelector('#key').dispatchEvent(paste);
}`;

async function giveKey(page: Page): Promise<void> {
  await fill(page, 'API key', 'k3y-of-brightdesk');
  await press('Connect')(page);
}

/** The text that the page shows for each problem. If a problem code has no text, this file does not compile. */
const saidOf: Record<ProblemCode, string> = {
  malformed: 'This doesn’t look right.',
  notNow: 'This step was already done.',
  notSealed: 'Something went wrong on this page.',
  notOpenable: 'Your input arrived, but',
  wrongKind: 'This app needs other credentials.',
  unknownProperty: 'One of these settings does not exist',
  missingProperty: 'Please fill this in.',
  refused: 'Brightdesk did not accept this key.',
  notAuthorized: 'No access yet.',
  cyclrUnavailable: 'The app could not be reached',
};
const problems = Object.entries(saidOf).map(([code, shows]) =>
  one(`problem ${code}`, viewOf('awaitingCredentials', brightdesk, problem(code as ProblemCode)), shows),
);

/** A script that acts as another page of the account, which opens the consent of Chirper. */
const openChirper = `new BroadcastChannel('cyclr-connect ${ACCOUNT_ID}').postMessage(
  { type: 'opening', from: 'another page', connectorId: 42, name: 'Chirper' },
)`;

const consents: Look[] = [
  one('consent', consent, 'Go to Ledgerly'),
  one('consent, with an earlier link', { ...consent, attempt }, 'I have finished there'),
  one('consent, in its window', { ...consent, attempt }, 'Finish in the Ledgerly window.', {
    before: (page) =>
      page.addInitScript('window.open = () => ({ focus() {} }); HTMLFormElement.prototype.submit = () => {}'),
    act: press('Go to Ledgerly'),
  }),
  one('consent, its window closed', { ...consent, attempt }, 'The window was closed.', {
    before: (page) =>
      page.addInitScript(
        `HTMLFormElement.prototype.submit = () => {};
        window.open = () => {
          const openedAt = performance.now();
          return { get closed() { return performance.now() > openedAt + 700 }, focus() {} };
        };`,
      ),
    act: press('Go to Ledgerly'),
  }),
  one('consent, blocked', consent, 'Your browser has blocked the window.', {
    before: (page) => page.addInitScript('window.open = () => null'),
    act: press('Go to Ledgerly'),
  }),
  one('consent, replaced', { ...consent, attempt }, 'You started Chirper in another window.', {
    before: (page) =>
      page.addInitScript('window.open = () => ({ focus() {} }); HTMLFormElement.prototype.submit = () => {}'),
    async act(page) {
      await press('Go to Ledgerly')(page);
      await page.getByText('Finish in the Ledgerly window.').waitFor();
      await page.evaluate(openChirper);
    },
  }),
  one('consent, declined', { ...consent, attempt, ...problem('notAuthorized') }, 'No access yet.'),
  one('consent, re-authentication', { ...consent, ...again }, 'Signing in again replaces'),
];

const waits: Look[] = [
  { name: 'loading', shows: 'Loading …', replies: { 'GET ': 'never' } },
  one('reading', viewOf('fetchingConnector'), 'Getting things ready.'),
  one(
    'reading, Cyclr unavailable',
    viewOf('fetchingConnector', undefined, problem('cyclrUnavailable')),
    'we keep trying',
  ),
  one('applying', viewOf('applyingProperties', kestrel), 'Checking your input.'),
  one(
    'applying, Cyclr unavailable',
    viewOf('applyingCredentials', brightdesk, problem('cyclrUnavailable')),
    'we keep trying',
  ),
  one('verifying', viewOf('verifyingAuthorization', ledgerly), 'Checking the access to Ledgerly'),
  one(
    'verifying, Cyclr unavailable',
    viewOf('verifyingAuthorization', ledgerly, problem('cyclrUnavailable')),
    'we keep trying',
  ),
  { name: 'loading, without a worker', shows: 'The service can’t continue', replies: { 'GET ': { code: 'noWorker' } } },
  one('verifying, slow', viewOf('verifyingAuthorization', ledgerly), 'Not yet: Ledgerly', {
    before: (page) => page.clock.install(),
    async act(page) {
      await page.getByText('Checking the access to Ledgerly').waitFor();
      await page.clock.fastForward(9000);
    },
  }),
  one('no connection', apiKey, 'No connection at the moment.', {
    replies: { 'GET /events': 'unreachable' },
    before: onlyOnce,
  }),
];

/** Answers the first `GET /v1/session`, and lets all later calls fail. */
async function onlyOnce(page: Page): Promise<void> {
  let calls = 0;
  await page.route('**/v1/session', (route) => (calls++ === 0 ? route.fallback() : route.abort()));
}

const ends: Look[] = [
  one('connected', viewOf('authenticated', brightdesk), 'Brightdesk is connected'),
  one('connected, linked account', viewOf('authenticated', brightdesk, { identity: 'me@example.com' }), 'Connected as'),
  one('connected, may reconnect', viewOf('authenticated', brightdesk), 'Reconnect', {
    session: { reauthenticate: [41] },
  }),
  one('connected, with a return address', viewOf('authenticated', brightdesk), 'Go back', {
    session: { returnTo: 'https://app.acme.example/apps' },
  }),
  one(
    'connected, unproven',
    viewOf('authenticated', ledgerly, { verification: 'unproven', ...again }),
    'Your earlier connection',
  ),
  one('removed', viewOf('removed' as StateName, brightdesk), 'can no longer be connected here'),
  one('expired', viewOf('expired', brightdesk), 'was not connected in time'),
  one('expired, invited', viewOf('expired', brightdesk), 'You can start over here', {
    link: 'invitation',
    act: press('Get started'),
  }),
  one('cancelled', viewOf('cancelled', brightdesk), 'was cancelled'),
  one(
    'failed',
    viewOf('failed', brightdesk, { failure: { code: 'accessDenied', message: 'accessDenied' } }),
    'could not be connected',
  ),
  one('unsupported', viewOf('unsupported', kestrel), 'can’t be connected here'),
  { name: 'nothing to connect', views: [], shows: 'There is nothing to connect' },
  { name: 'session expired', shows: 'This session has ended', replies: { 'GET ': { code: 'tokenExpired' } } },
  { name: 'session void', shows: 'This link is no longer needed', replies: { 'GET ': { code: 'tokenVoid' } } },
  { name: 'invitation', shows: 'Get started', link: 'invitation' },
  {
    name: 'invitation lapsed',
    shows: 'This link has expired',
    link: 'invitation',
    replies: { 'POST /redeem': { code: 'tokenExpired' } },
    act: press('Get started'),
  },
  {
    name: 'session malformed',
    shows: 'This link is not complete',
    replies: { 'GET ': { code: 'unauthorized' } },
  },
  { name: 'link without a token', shows: 'This link is not complete', link: 'nothing' },
  {
    name: 'page without a secure connection',
    shows: 'This connection is not secure',
    before: (page) => page.addInitScript("Object.defineProperty(crypto, 'subtle', { value: undefined })"),
  },
];

const several = [
  viewOf('authenticated', brightdesk, { connectorId: 1 }),
  viewOf('awaitingCredentials', zenodesk, { connectorId: 2 }),
  viewOf('awaitingAuthorization', ledgerly, { connectorId: 3 }),
  viewOf('verifyingAuthorization', wordy, { connectorId: 4 }),
  viewOf('unsupported', kestrel, { connectorId: 5 }),
];
const many = Array.from({ length: 9 }, (_, at) =>
  viewOf(at === 2 ? 'fetchingConnector' : 'awaitingCredentials', at === 2 ? undefined : at % 2 ? zenodesk : kestrel, {
    connectorId: 10 + at,
  }),
);
const done = several.map((view) => ({ ...view, state: 'authenticated' as const }));
const lists: Look[] = [
  { name: 'list', views: several, shows: '1 of 5 connected' },
  { name: 'list, with a filter', views: many, shows: 'Find an app' },
  {
    name: 'list, closed',
    views: several,
    shows: 'To do',
    act: (page) => page.getByRole('button', { name: 'Zenodesk' }).click(),
  },
  { name: 'list, consent', views: several, shows: 'Go to Ledgerly', act: openRow('Ledgerly') },
  {
    name: 'list, connected',
    views: several,
    shows: 'Next: Zenodesk',
    act: openRow('Brightdesk'),
  },
  {
    name: 'list, working',
    views: several,
    shows: 'Checking the access to',
    act: openRow('Österreich'),
  },
  {
    name: 'list, unsupported',
    views: several,
    shows: 'Kestrel can’t be connected here',
    act: openRow('Kestrel'),
  },
  {
    name: 'list, done',
    views: done,
    shows: 'Everything is connected',
    session: { returnTo: 'https://app.acme.example/apps' },
  },
  { name: 'list, done in part', views: [...done.slice(0, 4), several[4]!], shows: 'That is all you can do here' },
];

const brands: Look[] = [
  one('brand', apiKey, 'API key', { branded: true }),
  {
    name: 'brand, invitation',
    shows: 'Acme Cloud asks you to connect your apps (2).',
    link: 'invitation',
    branded: true,
  },
  one('brand, failed', viewOf('failed', brightdesk), 'Acme Cloud can help.', { branded: true }),
  one('brand, long account name', apiKey, 'API key', {
    branded: true,
    session: {
      accountLabel: 'Kundenbeziehungsmanagementgesellschaft Nordrhein-Westfalen mbH & Co. KG, Zweigstelle Süd',
    },
  }),
];

export const looks: Look[] = [...forms, ...problems, ...consents, ...waits, ...ends, ...lists, ...brands, ...pages];
