import { copyFile, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSandbox } from '../../sandbox/server';
import { ACCOUNT, scene, send, stopAll } from './scene';
import { oauthScene, type OAuthScene } from './oauth-scene';

let directory: string;
let dataFile: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sandbox-'));
  dataFile = join(directory, 'state.json');
});

afterEach(async () => {
  await stopAll();
  await rm(directory, { recursive: true });
});

/** Starts a second sandbox on a copy of the data file while the first sandbox runs, as if the first had crashed. */
async function afterCrash() {
  const copy = `${dataFile}.copy`;
  await copyFile(dataFile, copy);
  return scene([], { dataFile: copy });
}

/** Returns a link to the sandbox at `url`, with a token that the sandbox of the scene made. */
async function linkTo({ url }: { url: string }, { sandbox, link }: OAuthScene, token: string) {
  return (await link({ token })).replace(sandbox.url, url);
}

test('a restart of the sandbox keeps the stored values and the bearer tokens', async () => {
  const first = await scene(['Fernhill'], { dataFile });
  await first.set({ Domain: 'acme' });
  await first.put({ AuthValue: 'a key' });
  await first.sandbox.close();

  const second = await scene(['Fernhill'], { dataFile });
  const { json } = await second.call('GET', `/v1.0/account/connectors/${first.id}`, { token: first.token });

  expect(json).toMatchObject({ AuthValue: 'a key', Authenticated: true, Properties: [{ Name: 'Domain' }] });
  expect(second.id).toBeGreaterThan(first.id);
});

test('a change is in the data file before the sandbox answers the request', async () => {
  const first = await scene(['Brightdesk'], { dataFile });
  await first.put({ AuthValue: 'a key' });

  const second = await afterCrash();

  expect(second.sandbox.connectorOf(ACCOUNT, first.id).AuthValue).toBe('a key');
});

test('a change is in the data file even if the answer to the request for the change is lost', async () => {
  const first = await scene(['Brightdesk'], { dataFile });
  first.sandbox.fault({ match: { method: 'PUT' }, then: 'applied-then-reset' });
  await first.put({ AuthValue: 'a key' }).catch(() => undefined);

  const second = await afterCrash();

  expect(second.sandbox.connectorOf(ACCOUNT, first.id).Authenticated).toBe(true);
});

test('a connector whose authentication is delayed becomes authenticated even after a restart of the sandbox', async () => {
  const first = await scene(['Quartz'], { dataFile });
  await first.set({ ClientId: 'id', ClientSecret: 's' });
  await first.put({ AuthValue: '{}' });
  await first.sandbox.close();

  const second = await scene([], { dataFile });
  const { json } = await second.call('GET', `/v1.0/account/connectors/${first.id}`);

  expect(json.Authenticated).toBe(true);
});

test('an unused sign-in token can be used once after a restart of the sandbox, and a used token cannot be used again', async () => {
  const first = await oauthScene(['Ledgerly'], { dataFile });
  const [fresh, used] = [(await first.signIn()).json.Token, (await first.signIn()).json.Token];
  await first.open(await first.link({ token: used }));

  const { sandbox } = await afterCrash();
  const open = async (token: string) => sandbox.consent(await linkTo(sandbox, first, token), 'decline');
  const outcomes = [await open(used), await open(fresh), await open(fresh)];

  expect(outcomes.map(({ status }) => status)).toEqual([403, 302, 403]);
});

test('an open consent page accepts one decision after a restart of the sandbox', async () => {
  const first = await oauthScene(['Ledgerly'], { dataFile });
  const [begun, decided] = [await first.open(await first.link()), await first.open(await first.link())];
  await first.decide(decided, 'decline');
  await first.sandbox.close();

  const second = await oauthScene([], { dataFile });
  const answers = [
    await second.decide(decided, 'approve'),
    await second.decide(begun, 'approve'),
    await second.decide(begun, 'approve'),
  ];

  expect(answers.map(({ status }) => status)).toEqual([400, 302, 400]);
  expect(second.sandbox.connectorOf(ACCOUNT, first.id).Authenticated).toBe(true);
});

test('the data file keeps all simultaneous changes, and only its owner can read the file', async () => {
  const first = await scene([], { dataFile });
  const accountIds = Array.from({ length: 50 }, (_, n) => `m${n}`);
  await Promise.all(
    accountIds.map((accountId) =>
      send(first.sandbox, 'POST', '/_sandbox/accounts', { body: { accountId, connectors: [101] } }),
    ),
  );

  const second = await afterCrash();

  expect(second.sandbox.accounts().map(({ accountId }) => accountId)).toEqual(expect.arrayContaining(accountIds));
  expect(await readdir(directory)).toEqual(['state.json', 'state.json.copy']);
  expect((await stat(dataFile)).mode & 0o777).toBe(0o600);
});

test.each([
  ['is not JSON', 'hello'],
  ['has another shape', '{"accounts":[]}'],
])('a data file that %s is refused and not changed', async (_what, content) => {
  await writeFile(dataFile, content);

  await expect(startSandbox({ dataFile })).rejects.toThrow(/is no data file of this sandbox/);
  expect(await readFile(dataFile, 'utf8')).toBe(content);
});

test('a data file that cannot be written is refused at start', async () => {
  await expect(startSandbox({ dataFile: join(directory, 'nowhere', 'state.json') })).rejects.toThrow('ENOENT');
});
