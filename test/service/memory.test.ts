/**
 * After the service has answered a call with success or with an error, the memory of the service contains no value that
 * users typed. Node 20.20 collects garbage before it writes a heap snapshot. The snapshot contains all objects and the
 * first thousand characters of each string, but not the content of buffers.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProxy, type Proxy } from '../../scripts/faults/proxy';
import { createTestSecrets, searchFor, type TestSecrets } from '../../scripts/faults/secret-search';
import { sessionTokenOf, startService, type LocalService } from '../../scripts/local/parts';
import type { ConnectorKey } from '../../workflows/connector';
import type { StateName } from '../../workflows/view';
import { eventually } from '../support/eventually';
import { callerOf, pathOf, type Answer, type Call } from '../support/http';
import { openStage, type Stage } from '../support/stage';

/**
 * An origin in the service's configuration. The search finds this origin in every heap snapshot, which proves that the
 * search works.
 */
const CONFIGURED = 'https://configured.example';

const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-test-'));
let stage: Stage;
let proxy: Proxy;
let service: LocalService;

beforeAll(async () => {
  stage = await openStage();
  proxy = await startProxy(process.env.TEST_TEMPORAL_ADDRESS!);
  service = await startService({
    logFolder: folder,
    temporal: { address: proxy.address, namespace: stage.namespace },
    sealingKeys: stage.keys,
    env: { ALLOWED_ORIGINS: CONFIGURED },
    nodeArgs: ['--heapsnapshot-signal=SIGUSR2', `--diagnostic-dir=${folder}`],
  });
});

afterAll(async () => {
  await service?.kill();
  await proxy?.close();
  await stage?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function heapSnapshot(): Promise<Buffer> {
  const isComplete = (path: string) => /\]\s*\}\s*$/.test(readFileSync(path).subarray(-10).toString());
  process.kill(service.pid, 'SIGUSR2');
  const path = await eventually(
    () => readdirSync(folder).flatMap((name) => (name.endsWith('.heapsnapshot') ? join(folder, name) : []))[0],
    (path) => path !== undefined && isComplete(path),
  );
  const bytes = readFileSync(path!);
  rmSync(path!);
  return bytes;
}

/** Starts a flow and waits until the flow is in the state `state`. */
async function flow(connector: string, state: StateName): Promise<ConnectorKey> {
  const { key, reaches } = await stage.scene(connector);
  await reaches(state);
  return key;
}

const post = (path: string, body: unknown, call: Call = {}): Promise<Answer> =>
  callerOf(service.url)('POST', path, { token: service.apiKey, body, ...call });
const giveCredentials = (key: ConnectorKey, credentials: unknown, call?: Call) =>
  post(pathOf(key, '/credentials'), { credentials }, call);
const giveProperties = (key: ConnectorKey, values: object) => post(pathOf(key, '/properties'), { values });
const large = { more: 'x'.repeat(300_000) };
const asking = () => flow('Brightdesk', 'awaitingCredentials');
const installed = () => stage.install('Brightdesk');
const apiKey = (secrets: TestSecrets) => ({ kind: 'apiKey', key: secrets.secret('key') });
const basic = (secrets: TestSecrets) => ({
  kind: 'basic',
  username: secrets.secret('user'),
  password: secrets.secret('password'),
});

/** For each call: a function that sends secrets, the expected status, and, for a refusal, the expected code. */
type Calls = { [what: string]: [(secrets: TestSecrets) => Promise<Answer>, status: number, code?: string] };

const withFlows: Calls = {
  'an API key that Cyclr accepts': [async (secrets) => giveCredentials(await asking(), apiKey(secrets)), 200],
  'an API key that Cyclr refuses': [
    async (secrets) => giveCredentials(await asking(), { kind: 'apiKey', key: `wrong-${secrets.secret('key')}` }),
    200,
  ],
  'a user name and a password': [
    async (secrets) => giveCredentials(await flow('Insightful', 'awaitingCredentials'), basic(secrets)),
    200,
  ],
  'credentials of the wrong kind': [async (secrets) => giveCredentials(await asking(), basic(secrets)), 200],
  'secret and other properties': [
    async (secrets) =>
      giveProperties(await flow('Kestrel', 'awaitingProperties'), {
        Environment: 'staging',
        SigningSecret: secrets.secret('property'),
        Region: 'eu',
      }),
    200,
  ],
  'an unknown property': [
    async (secrets) =>
      giveProperties(await flow('Fernhill', 'awaitingProperties'), {
        Domain: 'acme',
        [secrets.secret('name')]: secrets.secret('value'),
      }),
    422,
    'unknownProperty',
  ],
  'an API key while the flow waits for properties': [
    async (secrets) => giveCredentials(await flow('Fernhill', 'awaitingProperties'), apiKey(secrets)),
    409,
    'notNow',
  ],
  'an API key after a cancel': [
    async (secrets) => {
      const key = await asking();
      await stage.auth.cancel(key);
      return giveCredentials(key, apiKey(secrets));
    },
    409,
    'closed',
  ],
  'an API key without a flow': [async (secrets) => giveCredentials(installed(), apiKey(secrets)), 404, 'notFound'],
};

const withoutFlows: Calls = {
  'an API key while Temporal does not answer': [
    async (secrets) => giveCredentials(installed(), apiKey(secrets)),
    503,
    'temporalUnavailable',
  ],
  'credentials with an unknown member': [
    async (secrets) => giveCredentials(installed(), { ...apiKey(secrets), [secrets.secret('name')]: 1 }),
    422,
    'malformed',
  ],
  'a user name with a colon': [
    async (secrets) =>
      giveCredentials(installed(), { kind: 'basic', username: `a:${secrets.secret('user')}`, password: '' }),
    422,
    'malformed',
  ],
  'an API key over 64 KiB': [
    async (secrets) =>
      giveCredentials(installed(), { kind: 'apiKey', key: secrets.secret('key') + 'x'.repeat(66_000) }),
    422,
    'malformed',
  ],
  'broken JSON': [
    async (secrets) => post(pathOf(installed(), '/credentials'), `{"credentials": "${secrets.secret('key')}" "broken"`),
    400,
    'brokenJson',
  ],
  'a body over 256 KiB': [
    async (secrets) => post(pathOf(installed(), '/credentials'), { credentials: apiKey(secrets), ...large }),
    413,
    'tooLarge',
  ],
  'a plain text': [
    async (secrets) =>
      post(pathOf(installed(), '/credentials'), `key=${secrets.secret('key')}`, {
        headers: { 'Content-Type': 'text/plain' },
      }),
    415,
    'unsupportedMediaType',
  ],
  'an unknown API key of the service': [
    async (secrets) =>
      giveCredentials(installed(), apiKey(secrets), { token: secrets.secret('token').replace(/[^\w-]/g, '') }),
    401,
    'unauthorized',
  ],
  'an unknown path': [async (secrets) => post('/v1/nothing', { credentials: apiKey(secrets) }), 404, 'notFound'],
};

/** Makes all calls with the same secrets, one after the other, and searches a heap snapshot for the secrets. */
async function resultOf(calls: Calls): Promise<{ unexpected: unknown[]; found: string[]; isSearched: boolean }> {
  const secrets = createTestSecrets();
  const unexpected = [];
  for (const [what, [call, status, code]] of Object.entries(calls)) {
    const answer = await call(secrets);
    const seen = { what, status: answer.status, code: answer.body?.code };
    if (seen.status !== status || seen.code !== code) unexpected.push(seen);
  }
  const snapshot = await heapSnapshot();
  const isSearched = searchFor(CONFIGURED)(snapshot).includes('clear');
  return { unexpected, found: secrets.foundIn(snapshot), isSearched };
}

const noSecret = { unexpected: [], found: [], isSearched: true };

test('no value of a call that a flow accepts or refuses stays in the memory of the service', async () => {
  expect(await resultOf(withFlows)).toEqual(noSecret);
});

test('no value of a call that the service itself refuses stays in the memory of the service', async () => {
  const key = await asking();
  const token = await sessionTokenOf(service, key);
  const inClear = async (secrets: TestSecrets) => {
    const body = { submissionId: 'in-clear', credentials: apiKey(secrets) };
    return post(`/v1/session/connectors/${key.connectorId}/credentials`, body, { token });
  };
  proxy.cut();
  try {
    const calls: Calls = { ...withoutFlows, 'an API key that a browser did not seal': [inClear, 422, 'notSealed'] };
    expect(await resultOf(calls)).toEqual(noSecret);
  } finally {
    proxy.restore();
  }
});

test('no value of a body stays in memory if the body ends early, or is over 256 KiB and has no Content-Length', async () => {
  const secrets = createTestSecrets();

  const statuses = [await sendPartly(secrets, ''), await sendPartly(secrets, large.more)];

  expect(statuses).toEqual([undefined, 413]);
  expect(secrets.foundIn(await heapSnapshot())).toEqual([]);
});

/**
 * Sends the first part of a body, then the text `more`, but never the end of the body. If `more` is empty, closes the
 * connection instead. Returns the status of the service's answer, or undefined if there is no answer.
 */
async function sendPartly(secrets: TestSecrets, more: string): Promise<number | undefined> {
  const headers = { Authorization: `Bearer ${service.apiKey}`, 'Content-Type': 'application/json' };
  return new Promise((resolve) => {
    const sending = request(service.url + pathOf(installed(), '/credentials'), { method: 'POST', headers });
    sending.on('response', (answer) => resolve(answer.resume().statusCode));
    sending.on('error', () => resolve(undefined));
    sending.write(`{"credentials": {"kind": "apiKey", "key": "${secrets.secret('key')}`, () => {
      if (more === '') sending.destroy();
      else sending.write(more);
    });
  });
}
