/** The library, the plugin, worker, service, command line and `replay` with the payload codec of an adopter. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { NativeConnection, Worker } from '@temporalio/worker';
import { connect as connectCli } from '../../cli/config';
import { ConnectorAuth } from '../../client/connector-auth';
import { startSandbox, startService, startTemporal, startWorker, mintSession } from '../../scripts/local/parts';
import { temporalEnv } from '../../scripts/local/settings';
import { generateKey, privateKeysOf, publicKeyOf } from '../../sealing/keys';
import { sealCredentials } from '../../sealing/seal';
import { connect, temporalTarget } from '../../temporal/connection';
import { payloadCodecsOf } from '../../temporal/payload-codecs';
import { installSilentRuntime } from '../../temporal/replay';
import { searchAttributeTypes } from '../../temporal/search-attributes';
import { ConnectorAuthPlugin } from '../../worker/plugin';
import { workflowIdOf } from '../../workflows/messages';
import { cli } from '../cli/scene';
import { atEnd, launch, temporaryFolder, write } from '../scripts/parts/scene';
import { eventually } from '../support/eventually';

jest.setTimeout(600_000); // this limit only ends a test that hangs

const PAYLOAD_CODECS = join(__dirname, 'codecs.cjs');
const dataConverter = { payloadCodecs: payloadCodecsOf({ PAYLOAD_CODECS })! };
const key = { accountId: 'acme', connectorId: 1001 };
const owned = { accountId: 'acme', connectorId: 1004 };

let logFolder: string;
let temporal: Awaited<ReturnType<typeof startTemporal>>;
let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let sealingKeys: string;
let env: NodeJS.ProcessEnv;
let connection: Connection;

beforeAll(async () => {
  installSilentRuntime();
  logFolder = mkdtempSync(join(tmpdir(), 'cyclr-connect-test-'));
  const searchAttributes = searchAttributeTypes;
  [temporal, sandbox] = await Promise.all([
    startTemporal({ logFolder, searchAttributes }),
    startSandbox({ logFolder }),
  ]);
  sealingKeys = JSON.stringify({ keys: [await generateKey()] });
  env = { ...temporalEnv(temporal), PAYLOAD_CODECS };
  connection = await connect(temporalTarget({ ...env, HOME: logFolder }));
});

afterAll(async () => {
  await connection.close();
  await Promise.all([temporal.stop(), sandbox.stop()]);
  rmSync(logFolder, { recursive: true, force: true });
});

const command = (argv: string[], input?: string) =>
  cli(argv, {
    ...{ input, env: { ...env, SEALING_KEYS: sealingKeys } },
    connect: () => connectCli({ env, cwd: '/nowhere' }),
  });

/** Returns the encoding of each payload in the history. In Temporal's JSON, the encodings are in base64. */
async function encodingsOf(workflowId: string): Promise<string[]> {
  const json = historyToJSON(await new Client({ connection }).workflow.getHandle(workflowId).fetchHistory());
  return [...json.matchAll(/"encoding": ?"([^"]+)"/g)].map(([, text]) => Buffer.from(text!, 'base64').toString());
}

test('worker, service, library and command line run a flow whose payloads are encrypted', async () => {
  const worker = await startWorker({ ...{ logFolder, temporal, cyclr: sandbox.cyclr, sealingKeys }, env });
  atEnd(() => worker.stop());
  const service = await startService({ logFolder, temporal, sealingKeys, env });
  atEnd(() => service.stop());
  const auth = new ConnectorAuth(new Client({ connection, dataConverter }));

  const { token } = await mintSession(service, { accountId: 'acme', connectorIds: [key.connectorId] });
  for await (const { state } of auth.views(key)) if (state === 'awaitingCredentials') break;
  const page = await fetch(`${service.url}/v1/session`, { headers: { Authorization: `Bearer ${token}` } });
  const view = await command(['view', 'acme', '1001', '--json']);
  const end = await command(['credentials', 'acme', '1001'], JSON.stringify({ kind: 'apiKey', key: 'right' }));
  const list = await eventually(
    () => command(['list', '--account', 'acme', '--state', 'authenticated']),
    ({ stdout }) => stdout.includes('1001'),
  );
  const audit = await command(['audit', 'acme']);

  expect(page.status).toBe(200);
  expect(JSON.parse(view.stdout)).toMatchObject({ ...key, state: 'awaitingCredentials' });
  expect(end).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('authenticated') });
  expect(audit.stdout).toMatch(/credentialsSubmitted|awaitingCredentials/);
  expect(list.exitCode).toBe(0);
  expect(await auth.result(key)).toMatchObject({ state: 'authenticated' });
  const encodings = await encodingsOf(workflowIdOf(key));
  expect(encodings.filter((encoding) => encoding === 'binary/encrypted').length).toBeGreaterThan(10);
});

test("the plugin's worker runs a flow whose payloads are encrypted, and replay needs the codec", async () => {
  const native = await NativeConnection.connect({ address: temporal.address });
  atEnd(() => native.close());
  const { url: apiUrl, clientId, clientSecret } = sandbox.cyclr;
  const plugin = new ConnectorAuthPlugin({
    ...{ cyclr: { apiUrl, clientId, clientSecret }, consent: { serviceUrl: apiUrl }, taskQueue: 'own' },
    keys: await privateKeysOf(sealingKeys),
  });
  // `npm test` builds this file
  const workflowBundle = { codePath: join(__dirname, '..', '..', 'dist', 'workflow-bundle.js') };
  const own = { taskQueue: 'own', plugins: [plugin], dataConverter, workflowBundle };
  const worker = await Worker.create({ connection: native, ...own });
  const auth = new ConnectorAuth(new Client({ connection, dataConverter }), { taskQueue: 'own' });

  const end = await worker.runUntil(async () => {
    await auth.start(owned);
    for await (const { state } of auth.views(owned)) if (state === 'awaitingCredentials') break;
    const submissionId = 'first';
    const values = { kind: 'apiKey', key: 'right' } as const;
    const credentials = await sealCredentials(values, { ...owned, submissionId }, await publicKeyOf(sealingKeys));
    await auth.submitCredentials(owned, { submissionId, credentials });
    return auth.result(owned);
  });
  const history = await new Client({ connection }).workflow.getHandle(workflowIdOf(owned)).fetchHistory();
  const file = write(join(temporaryFolder(), 'history.json'), historyToJSON(history));
  const main = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');
  const replay = (variables: NodeJS.ProcessEnv, ...args: string[]) =>
    launch(process.execPath, [main, 'replay', ...args], { env: { ...env, ...variables } }).ended;
  const query = `WorkflowId = '${workflowIdOf(owned)}'`;
  await eventually(async () => (await new Client({ connection }).workflow.count(query)).count === 1);
  const fromServer = await replay({}, '--from-server', '--query', query);
  const [withCodec, without] = [await replay({}, file), await replay({ PAYLOAD_CODECS: '' }, file)];

  expect(end).toMatchObject({ state: 'authenticated' });
  expect(fromServer).toMatchObject({ code: 0, stdout: `ok  ${workflowIdOf(owned)}\n` });
  expect(withCodec).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok/) });
  expect(without).toMatchObject({ code: 1, stdout: expect.stringMatching(/^differs/) });
});

test.each([
  ['a module that does not exist', './nowhere.js', 'names no module that can be loaded (MODULE_NOT_FOUND)'],
  [
    'a module without codecs',
    join(__dirname, 'secure-server.ts'),
    'names a module that does not export `payloadCodecs`',
  ],
])('PAYLOAD_CODECS with %s is refused', (_name, module, reason) => {
  expect(() => temporalTarget({ PAYLOAD_CODECS: module, HOME: temporaryFolder() })).toThrow(`PAYLOAD_CODECS ${reason}`);
});
