/**
 * Worker, service and command line with a server that demands a client certificate and an API key, and refuses calls of
 * the operator service. This server forwards all other calls to a real Temporal server.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from '@temporalio/client';
import { connect as connectCli } from '../../cli/config';
import {
  type LocalSandbox,
  type LocalTemporal,
  mintSession,
  startSandbox,
  startService,
  startTemporal,
  startWorker,
} from '../../scripts/local/parts';
import { serviceEnv, newServiceKeys, temporalEnv, workerEnv } from '../../scripts/local/settings';
import { generateKey } from '../../sealing/keys';
import { connect, connectAtOnce, temporalTarget } from '../../temporal/connection';
import { connectNative } from '../../temporal/native-connection';
import { registerSearchAttributes, searchAttributeNames } from '../../temporal/search-attributes';
import { cli } from '../cli/scene';
import { atEnd, launch, temporaryFolder, write } from '../scripts/parts/scene';
import { eventually } from '../support/eventually';
import { certificate, pem, startSecureServer, type Credentials, type SecureServer } from './secure-server';

jest.setTimeout(600_000); // this limit only ends a test that hangs

const NAMESPACE = 'flows.a1b2c';
const first: Credentials = { client: 'client-1', apiKey: 'first-marked-key' };
const second: Credentials = { client: 'client-2', apiKey: 'second-marked-key' };
const secrets = /marked-key|PRIVATE KEY/;

let logFolder: string;
let temporal: LocalTemporal;
let sandbox: LocalSandbox;
let sealingKeys: string;
/** A connection without TLS, for the preparation of the namespace. */
let direct: Connection;
let server: SecureServer;

beforeAll(async () => {
  logFolder = mkdtempSync(join(tmpdir(), 'cyclr-connect-test-'));
  [temporal, sandbox] = await Promise.all([startTemporal({ logFolder }), startSandbox({ logFolder })]);
  sealingKeys = JSON.stringify({ keys: [await generateKey()] });
  const { address } = temporal;
  direct = await connect({ address, namespace: NAMESPACE, connectionOptions: { address } });
  const workflowExecutionRetentionPeriod = { seconds: 86_400 as never };
  await direct.workflowService.registerNamespace({ namespace: NAMESPACE, workflowExecutionRetentionPeriod });
  await eventually(() => direct.workflowService.describeNamespace({ namespace: NAMESPACE }));
});

beforeEach(async () => {
  server = await startSecureServer(temporal.address, first);
});

afterEach(() => server.close());

afterAll(async () => {
  await direct.close();
  await Promise.all([temporal.stop(), sandbox.stop()]);
  rmSync(logFolder, { recursive: true, force: true });
});

/** The variables of a program that uses the secure server. Certificate, key and API key are in files of `folder`. */
function variablesIn(folder: string, { client, apiKey }: Credentials = first): NodeJS.ProcessEnv {
  const path = (name: string) => join(folder, name);
  write(path('client.pem'), pem(`${client}.pem`));
  write(path('client.key'), pem(`${client}.key`));
  write(path('api-key'), `${apiKey}\n`);
  return {
    ...temporalEnv({ address: server.address, namespace: NAMESPACE }),
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: certificate('ca-1.pem'),
    TEMPORAL_TLS_CLIENT_CERT_PATH: path('client.pem'),
    TEMPORAL_TLS_CLIENT_KEY_PATH: path('client.key'),
    TEMPORAL_API_KEY_FILE: path('api-key'),
  };
}

/** Runs the command line with the environment variables `env`. */
const command = (env: NodeJS.ProcessEnv, input?: string) => async (argv: string[]) =>
  cli(argv, { env: { ...env, SEALING_KEYS: sealingKeys }, input, connect: () => connectCli({ env, cwd: '/nowhere' }) });

const main = (name: string) => join(__dirname, '..', '..', 'dist', name, 'main.js'); // `npm test` builds this file

/** Starts a worker or a service that can't work with these variables, and returns its exit code and its output. */
async function failedStart(name: 'worker' | 'service', env: NodeJS.ProcessEnv) {
  const own =
    name === 'worker'
      ? workerEnv({ cyclr: sandbox.cyclr, sealingKeys, healthPort: 0 })
      : await serviceEnv({ port: 0, keys: newServiceKeys(), sealingKeys });
  return launch(process.execPath, [main(name)], { env: { ...own, ...env } }).ended;
}

test('without the search attributes, worker and doctor print the command that adds the search attributes in Temporal Cloud', async () => {
  const env = variablesIn(temporaryFolder());
  const addition = `tcld namespace search-attributes add --namespace ${NAMESPACE} --search-attribute `;

  const worker = await failedStart('worker', env);
  const doctor = await command(env)(['doctor']);

  expect(worker).toMatchObject({ code: 1, stderr: expect.stringContaining(addition) });
  expect(doctor.stdout).toContain('✗ searchAttributes  missing, or of another type: ');
  expect(doctor.stdout).toContain(`Remedy: run: ${addition}`);
  for (const name of searchAttributeNames) expect(doctor.stdout).toMatch(new RegExp(`--search-attribute ${name}=\\w`));
});

const refused = 'refuses the connection (Request unauthorized.)';
const noCertificate = 'refuses the client certificate, or needs one';

test.each<[string, (env: NodeJS.ProcessEnv) => NodeJS.ProcessEnv, string]>([
  [
    'a wrong API key',
    (env) => ({ ...env, TEMPORAL_API_KEY_FILE: undefined, TEMPORAL_API_KEY: 'wrong-marked-key' }),
    refused,
  ],
  [
    'no client certificate',
    (env) => ({ ...env, TEMPORAL_TLS_CLIENT_CERT_PATH: undefined, TEMPORAL_TLS_CLIENT_KEY_PATH: undefined }),
    noCertificate,
  ],
])(
  'with %s, worker, service and doctor fail with one line that has the reason and no secret',
  async (_name, change, reason) => {
    const env = change(variablesIn(temporaryFolder()));

    const ends = [await failedStart('worker', env), await failedStart('service', env)];
    const doctor = await command(env)(['doctor']);

    for (const { code, stdout, stderr } of ends) {
      expect({ code, lines: stderr.trim().split('\n').length }).toEqual({ code: 1, lines: 1 });
      expect(stderr).toContain(`Temporal at ${server.address} ${reason}`);
      expect(stdout + stderr).not.toMatch(secrets);
    }
    expect(doctor.exitCode).toBe(1);
    expect(doctor.stdout).toMatch(/^✗ temporal .*\n- namespace/);
    expect(doctor.stdout).toContain(`Temporal at ${server.address} ${reason}`);
    expect(doctor.stdout + doctor.stderr).not.toMatch(secrets);
  },
);

test.each<[string, NodeJS.ProcessEnv, string]>([
  [
    'the certificate of an unknown authority',
    {
      TEMPORAL_TLS_CLIENT_CERT_PATH: certificate('client-2.pem'),
      TEMPORAL_TLS_CLIENT_KEY_PATH: certificate('client-2.key'),
    },
    'closes the connection. It may not know the client certificate: check TEMPORAL_TLS_CLIENT_CERT_PATH',
  ],
  [
    'an untrusted server',
    { TEMPORAL_TLS_SERVER_CA_CERT_PATH: certificate('ca-2.pem') },
    'has a certificate that this process does not trust. Check TEMPORAL_TLS_SERVER_CA_CERT_PATH.',
  ],
  [
    'another host name',
    { TEMPORAL_TLS_SERVER_NAME: 'other.example' },
    'has a certificate for another host name. Check TEMPORAL_ADDRESS and TEMPORAL_TLS_SERVER_NAME.',
  ],
  ['no TLS', { TEMPORAL_TLS: 'false' }, 'closes the connection. It may need TLS: set TEMPORAL_TLS to true.'],
])('with %s, each kind of connection fails with an error that has the reason', async (_name, changed, reason) => {
  const target = temporalTarget({ ...variablesIn(temporaryFolder()), ...changed });

  for (const way of [connect, connectAtOnce, connectNative])
    await expect(way(target, 500)).rejects.toThrow(`Temporal at ${server.address} ${reason}`);
});

test('a TLS connection to a server without TLS fails with an error that has the reason', async () => {
  const target = temporalTarget({ ...variablesIn(temporaryFolder()), TEMPORAL_ADDRESS: temporal.address });

  await expect(connect(target)).rejects.toThrow('speaks no TLS. Unset TEMPORAL_TLS');
});

test('a flow continues while the certificate and the API key of the running worker and service are replaced', async () => {
  await registerSearchAttributes(direct, NAMESPACE);
  const folder = temporaryFolder();
  const env = variablesIn(folder);
  const worker = await startWorker({ logFolder, cyclr: sandbox.cyclr, sealingKeys, env });
  atEnd(() => worker.stop());
  const service = await startService({ logFolder, sealingKeys, env });
  atEnd(() => service.stop());
  await mintSession(service, { accountId: 'acme', connectorIds: [1001] });
  const waiting = await eventually(
    () => command(env)(['view', 'acme', '1001', '--json']),
    ({ stdout }) => stdout.includes('awaitingCredentials'),
  );
  expect(waiting.exitCode).toBe(0);

  server.accept(first, second);
  variablesIn(folder, second);
  const inUse = "The new certificates or the new API key of Temporal's client are in use";
  await eventually(() => worker.log().includes(inUse) && service.log().includes(inUse));
  server.accept(second);
  const before = server.calls.length;
  const credentials = await command(
    env,
    JSON.stringify({ kind: 'apiKey', key: 'right' }),
  )(['credentials', 'acme', '1001']);
  await mintSession(service, { accountId: 'acme', connectorIds: [1004] });

  expect(credentials).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('authenticated') });
  expect([worker.isRunning(), service.isRunning()]).toEqual([true, true]);
  expect(new Set(server.calls.slice(before).map(({ client }) => client))).toEqual(new Set(['client-2']));
  expect(new Set(server.calls.map(({ namespace }) => namespace))).toContain(NAMESPACE);
  expect(worker.log() + service.log()).not.toMatch(secrets);
});
