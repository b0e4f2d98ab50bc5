/** What was typed is not in the service's memory once it is answered, however it is answered. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestSecrets, searchFor, type TestSecrets } from '../../scripts/faults/secret-search';
import { startProxy, type Proxy } from '../../scripts/faults/proxy';
import type { ConnectorKey } from '../../workflows/connector';
import type { StateName } from '../../workflows/messages';
import { eventually } from '../support/eventually';
import { pathOf, type Answer, type Call } from '../support/http';
import { serviceProcess, type ServiceProcess } from '../support/service-process';
import { openStage, type Stage } from '../support/stage';

/** A snapshot takes seconds, and more beside other tests. */
const PATIENCE_MS = 120_000;
jest.setTimeout(PATIENCE_MS);

/** Stands in the configuration, and so in every snapshot. */
const KEPT = 'https://kept-for-ever.example';

const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-test-'));
let stage: Stage;
let proxy: Proxy;
let service: ServiceProcess;

beforeAll(async () => {
  stage = await openStage();
  proxy = await startProxy(process.env.TEST_TEMPORAL_ADDRESS!);
  service = await serviceProcess({
    temporalAddress: proxy.address,
    namespace: stage.namespace,
    sealingKeys: stage.keys,
    folder,
    env: { ALLOWED_ORIGINS: KEPT },
    nodeOptions: ['--heapsnapshot-signal=SIGUSR2', `--diagnostic-dir=${folder}`],
  });
  await service.start();
});

afterAll(async () => {
  await service?.ends();
  await proxy?.close();
  await stage?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** All objects of its heap and the beginnings of its texts, once garbage is collected; what is in buffers is not told. */
async function snapshot(): Promise<Buffer> {
  const files = () => readdirSync(folder).filter((name) => name.endsWith('.heapsnapshot'));
  process.kill(service.process().pid, 'SIGUSR2');
  const [file] = await eventually(
    files,
    ([name]) => name !== undefined && /\]\s*\}\s*$/.test(readFileSync(join(folder, name)).subarray(-10).toString()),
    PATIENCE_MS,
  );
  const bytes = readFileSync(join(folder, file!));
  rmSync(join(folder, file!));
  return bytes;
}

/** A flow that waits there. */
async function flow(connector: string, state: StateName): Promise<ConnectorKey> {
  const { key, reaches } = await stage.scene(connector);
  await reaches(state);
  return key;
}

const post = (path: string, body: unknown, call: Call = {}): Promise<Answer> =>
  service.call('POST', path, { token: service.apiKey, body, ...call });
const credentials = (key: ConnectorKey, given: unknown, call?: Call) =>
  post(pathOf(key, '/credentials'), { credentials: given }, call);
const large = { more: 'x'.repeat(300_000) };
const asking = () => flow('Brightdesk', 'awaitingCredentials');
const apiKey = (mark: TestSecrets) => ({ kind: 'apiKey', key: mark.secret('key') });

/** What is sent, and what comes of it: a status, and the code where it is refused. */
const calls: { [what: string]: [(mark: TestSecrets) => Promise<Answer>, number, string?] } = {
  'an API key that is taken': [async (mark) => credentials(await asking(), apiKey(mark)), 200],
  'an API key that Cyclr refuses': [
    async (mark) => credentials(await asking(), { kind: 'apiKey', key: `wrong-${mark.secret('key')}` }),
    200,
  ],
  'a user name and a password': [
    async (mark) =>
      credentials(await flow('Insightful', 'awaitingCredentials'), {
        kind: 'basic',
        username: mark.secret('user'),
        password: mark.secret('password'),
      }),
    200,
  ],
  'credentials of the wrong kind': [
    async (mark) =>
      credentials(await asking(), { kind: 'basic', username: mark.secret('user'), password: mark.secret('password') }),
    200,
  ],
  'secret and other properties': [
    async (mark) =>
      post(pathOf(await flow('Kestrel', 'awaitingProperties'), '/properties'), {
        values: { Environment: 'staging', SigningSecret: mark.secret('property'), Region: 'eu' },
      }),
    200,
  ],
  'properties that the flow does not know': [
    async (mark) =>
      post(pathOf(await flow('Fernhill', 'awaitingProperties'), '/properties'), {
        values: { Domain: 'acme', [mark.secret('name')]: mark.secret('value') },
      }),
    422,
    'unknownProperty',
  ],
  'an API key that comes too early': [
    async (mark) => credentials(await flow('Fernhill', 'awaitingProperties'), apiKey(mark)),
    409,
    'notNow',
  ],
  'an API key that comes too late': [
    async (mark) => {
      const key = await asking();
      await stage.auth.cancel(key);
      return credentials(key, apiKey(mark));
    },
    409,
    'closed',
  ],
  'credentials of a wrong shape': [
    async (mark) => credentials(stage.install('Brightdesk'), { ...apiKey(mark), [mark.secret('name')]: 1 }),
    422,
    'malformed',
  ],
  'a user name with a colon': [
    async (mark) =>
      credentials(stage.install('Brightdesk'), { kind: 'basic', username: `a:${mark.secret('user')}`, password: '' }),
    422,
    'malformed',
  ],
  'an API key that is too long': [
    async (mark) =>
      credentials(stage.install('Brightdesk'), { kind: 'apiKey', key: mark.secret('key') + 'x'.repeat(66_000) }),
    422,
    'malformed',
  ],
  'an API key for nobody': [async (mark) => credentials(stage.install('Brightdesk'), apiKey(mark)), 404, 'notFound'],
  'broken JSON': [
    async (mark) => post(pathOf(await asking(), '/credentials'), `{"credentials": "${mark.secret('key')}" "broken"`),
    400,
    'brokenJson',
  ],
  'a body that is too large': [
    async (mark) => post(pathOf(await asking(), '/credentials'), { credentials: apiKey(mark), ...large }),
    413,
    'tooLarge',
  ],
  'a body of another type': [
    async (mark) =>
      post(pathOf(await asking(), '/credentials'), `key=${mark.secret('key')}`, {
        headers: { 'Content-Type': 'text/plain' },
      }),
    415,
    'unsupportedMediaType',
  ],
  'an API key without a right to': [
    async (mark) => credentials(await asking(), apiKey(mark), { token: mark.secret('token').replace(/[^\w-]/g, '') }),
    401,
    'unauthorized',
  ],
  'an API key to an unknown path': [
    async (mark) => post('/v1/nothing', { credentials: apiKey(mark) }),
    404,
    'notFound',
  ],
  'an API key that a browser has not sealed': [
    async (mark) => {
      const key = await asking();
      const body = { submissionId: 'in-clear', credentials: apiKey(mark) };
      const token = await service.session(key);
      return post(`/v1/session/connectors/${key.connectorId}/credentials`, body, { token });
    },
    422,
    'notSealed',
  ],
  'an API key while no worker runs': [
    async (mark) => {
      const key = await asking();
      await stage.stopWorker();
      return credentials(key, apiKey(mark)).finally(() => stage.restartWorker());
    },
    503,
    'noWorker',
  ],
  'an API key while Temporal is away': [
    async (mark) => {
      const key = await asking();
      proxy.cut();
      return credentials(key, apiKey(mark)).finally(proxy.mend);
    },
    503,
    'temporalUnavailable',
  ],
};

test('what is in its memory is found', async () => {
  expect(searchFor(KEPT)(await snapshot())).toContain('clear');
});

test.each(Object.entries(calls))('%s', async (_what, [call, status, code]) => {
  const mark = createTestSecrets();

  const answer = await call(mark);

  expect([answer.status, answer.body.code]).toEqual([status, code]);
  expect(mark.foundIn(await snapshot())).toEqual([]);
});

test.each([
  ['a call that is broken off', '', undefined],
  ['a body that grows too large while it arrives', large.more, 413],
])('%s', async (_what, more, expected) => {
  const mark = createTestSecrets();
  const key = await asking();
  const headers = { Authorization: `Bearer ${service.apiKey}`, 'Content-Type': 'application/json' };

  const status = await new Promise<number | undefined>((resolve) => {
    const sending = request(service.url + pathOf(key, '/credentials'), { method: 'POST', headers });
    sending.on('response', (answer) => resolve(answer.resume().statusCode));
    sending.on('error', () => resolve(undefined));
    sending.write(`{"credentials": {"kind": "apiKey", "key": "${mark.secret('key')}`);
    sending.write(more, () => expected === undefined && setTimeout(() => sending.destroy(), 200));
  });

  expect(status).toBe(expected);
  expect(mark.foundIn(await snapshot())).toEqual([]);
});
