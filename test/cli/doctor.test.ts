import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { msToTs } from '@temporalio/common/lib/time';
import type { Server } from '../../cli/cli';
import { connect } from '../../cli/config';
import type { Outcome } from '../../cli/output';
import { startSandbox as openSandbox } from '../../sandbox/server';
import { findBinary } from '../../scripts/local/binary';
import { startSandbox, startTemporal, startWorker } from '../../scripts/local/parts';
import { freePort } from '../../scripts/local/ports';
import { temporalEnv } from '../../scripts/local/settings';
import { generateKey } from '../../sealing/keys';
import { searchAttributeTypeNumbers, searchAttributeTypes } from '../../temporal/search-attributes';
import { atEnd, temporaryFolder, write } from '../scripts/parts/scene';
import { eventually } from '../support/eventually';
import { cli, folderOfStack, SECRET, type Scene } from './scene';

const newKeys = async () => JSON.stringify({ keys: [await generateKey()] });
const grpcError = (code: number, details: string) => Object.assign(new Error(details), { code, details, metadata: {} });
const notFound = () => Promise.reject(grpcError(5, 'not found'));

interface Temporal {
  attributes?: { [name: string]: number };
  /** The pollers of workflow tasks, then the pollers of activity tasks. */
  pollers?: [object[], object[]];
  /** The worker versions that get the tasks of the queue from Temporal. */
  versioningInfo?: object;
  describeNamespace?: () => Promise<unknown>;
  describeWorkerDeployment?: () => Promise<unknown>;
}

const seen = (msAgo: number) => msToTs(Date.now() - msAgo);
const poller = (deploymentOptions?: object, msAgo = 0) => ({
  identity: 'worker-1',
  lastAccessTime: seen(msAgo),
  deploymentOptions,
});
const versioned = (buildId: string) => ({ deploymentName: 'my-auth', buildId, workerVersioningMode: 2 });

/** Makes a fake Temporal server for which every check passes. The arguments replace answers of this server. */
function temporal({
  attributes = searchAttributeTypeNumbers,
  pollers = [[poller()], [poller()]],
  versioningInfo,
  ...calls
}: Temporal = {}): Server {
  const services = {
    workflowService: {
      describeNamespace: async () => ({}),
      describeTaskQueue: async ({ taskQueueType }: { taskQueueType: number }) => ({
        pollers: pollers[taskQueueType - 1],
        versioningInfo,
      }),
      describeWorkerDeployment: notFound,
      ...calls,
    },
    operatorService: { listSearchAttributes: async () => ({ customAttributes: attributes }) },
  };
  return { services: services as never, address: '127.0.0.1:1', namespace: 'default' };
}

const names = ['temporal', 'namespace', 'searchAttributes', 'workers', 'deployment', 'cyclr', 'sealingKeys', 'clock'] as const; // prettier-ignore
type Name = (typeof names)[number];

/** Runs `doctor --json`. Returns what the command printed, and the outcome of each check by the name of the check. */
async function doctor(scene: Scene) {
  const { exitCode, stdout, stderr } = await cli(['doctor', '--json'], { server: temporal(), ...scene });
  expect(stderr).toBe('');
  const list = JSON.parse(stdout) as ({ check: Name } & Outcome)[];
  const outcomes = Object.fromEntries(list.map(({ check, ...outcome }) => [check, outcome])) as Record<Name, Outcome>;
  return { exitCode, stdout, names: list.map(({ check }) => check), ...outcomes };
}

/** Starts an HTTP server on 127.0.0.1, and returns the server's address. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  atEnd(() => (server.closeAllConnections(), server.close()));
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function sandboxEnv() {
  const sandbox = await openSandbox();
  atEnd(() => sandbox.close());
  const { url, clientId, clientSecret } = sandbox;
  return { CYCLR_API_URL: url, CYCLR_CLIENT_ID: clientId, CYCLR_CLIENT_SECRET: clientSecret };
}

test('doctor prints one line for each check, and exits 0 if all checks pass', async () => {
  const env = { ...(await sandboxEnv()), SEALING_KEYS: await newKeys() };

  const { exitCode, stdout, stderr, closed } = await cli(['doctor'], { server: temporal(), env });

  expect({ exitCode, stderr, closed }).toEqual({ exitCode: 0, stderr: '', closed: 1 });
  expect(stdout.replace(/ first key \S+;/, ' first key KID;').split('\n')).toEqual([
    '✓ temporal          127.0.0.1:1',
    '✓ namespace         default',
    `✓ searchAttributes  all ${Object.keys(searchAttributeTypes).length} registered`,
    expect.stringMatching(/^✓ workers           1 on task queue connector-auth, last poll \d+ s ago$/),
    '✓ deployment        worker versioning is off',
    `✓ cyclr             ${env.CYCLR_API_URL} accepts the client id and secret`,
    "✓ sealingKeys       first key KID; not compared with the service's",
    expect.stringMatching(/^✓ clock {13}[01] s from the clock of http/),
    '',
  ]);
  expect(stdout).not.toContain(env.CYCLR_CLIENT_SECRET);
});

test('doctor --json prints an array of all checks, and skips the checks of Cyclr and of the sealing keys if their settings are absent', async () => {
  const { cyclr, sealingKeys, clock, ...result } = await doctor({});

  expect(result).toMatchObject({ exitCode: 0, names });
  expect(cyclr).toEqual({ detail: expect.stringMatching(/^not checked: set CYCLR_API_URL, .* HEALTH_PORT/) });
  expect(sealingKeys).toEqual({ detail: 'not checked: SEALING_KEYS is not set' });
  expect(clock).toEqual({ detail: expect.stringContaining('not checked: set CYCLR_API_URL') });
});

describe('checks of Temporal', () => {
  test('a check of Temporal fails for a closed port and prints the remedy, and the later checks of Temporal are skipped', async () => {
    const env = temporalEnv({ address: `127.0.0.1:${await freePort()}` });
    const unreachable = () => connect({ env, cwd: '/nowhere' });

    const { exitCode, ...outcomes } = await doctor({ env, connect: unreachable });
    const text = await cli(['doctor'], { env, connect: unreachable });

    expect(exitCode).toBe(1);
    expect(outcomes.temporal).toEqual({
      ok: false,
      detail: `Temporal at ${env.TEMPORAL_ADDRESS} does not run (the port is closed)`,
      remedy: expect.stringMatching(/^Start it, or set TEMPORAL_ADDRESS /),
    });
    expect(outcomes.namespace).toEqual({ detail: 'not checked: the check temporal has not passed' });
    expect(outcomes.deployment).toEqual({ detail: 'not checked: the check namespace has not passed' });
    expect(text.stdout).toMatch(
      /^✗ temporal {10}Temporal at .* \(the port is closed\)\. Remedy: Start it, .*\n- namespace/,
    );
  });

  test('a check of Temporal fails after 5 s for a server that never answers', async () => {
    const { exitCode, ...outcomes } = await doctor({ connect: () => new Promise(() => undefined) });

    expect(exitCode).toBe(1);
    expect(outcomes.temporal).toMatchObject({ ok: false, detail: 'no answer within 5 s' });
  });

  test('a check of Temporal fails for a namespace that does not exist, and prints the command that creates it', async () => {
    const { exitCode, ...outcomes } = await doctor({ server: temporal({ describeNamespace: notFound }) });

    expect(exitCode).toBe(1);
    expect(outcomes.namespace).toEqual({
      ok: false,
      detail: 'default does not exist',
      remedy: expect.stringContaining('temporal operator namespace create --namespace default --address 127.0.0.1:1'),
    });
    expect(outcomes.workers).not.toHaveProperty('ok');
  });

  test('a check of Temporal fails if Temporal refuses the call, and prints the message of the refusal', async () => {
    const describeNamespace = () => Promise.reject(grpcError(7, 'Request unauthorized.'));

    const { namespace } = await doctor({ server: temporal({ describeNamespace }) });

    expect(namespace).toEqual({ ok: false, detail: 'Temporal refuses the call (Request unauthorized.)' });
  });

  test('a check of Temporal fails for a search attribute that is missing or has another type, and prints its name and type', async () => {
    const { ConnectorAuthSince: _, ...attributes } = searchAttributeTypeNumbers;

    const { exitCode, searchAttributes } = await doctor({
      server: temporal({ attributes: { ...attributes, ConnectorAuthState: 1 } }),
    });

    expect(exitCode).toBe(1);
    expect(searchAttributes).toMatchObject({
      ok: false,
      remedy: 'run: cyclr-connect search-attributes',
    });
    expect(searchAttributes.detail!.split(': ')[1]!.split(', ').sort()).toEqual([
      'ConnectorAuthSince (Datetime)',
      'ConnectorAuthState (Keyword)',
    ]);
  });

  test.each<[string, [object[], object[]], string]>([
    ['no worker', [[], []], 'workflow and activity and event tasks'],
    ['no poller of activity tasks', [[poller()], []], 'activity and event tasks'],
    ['no poller within the last 90 s', [[poller(undefined, 95_000)], [poller()]], 'workflow tasks'],
  ])('a check of Temporal fails for %s, and prints the name of the task queue', async (_, pollers, tasks) => {
    const { exitCode, workers } = await doctor({ server: temporal({ pollers }), env: { TASK_QUEUE: 'my-queue' } });

    expect(exitCode).toBe(1);
    expect(workers).toEqual({
      ok: false,
      detail: `no worker polls task queue my-queue for ${tasks}`,
      remedy: 'start a worker with the same TASK_QUEUE',
    });
  });
});

describe('worker deployment', () => {
  const setCurrent =
    'run: temporal worker deployment set-current-version --deployment-name my-auth --build-id new --namespace default --address 127.0.0.1:1';
  const deployment = (current?: string) => async () => ({
    workerDeploymentInfo: {
      routingConfig: { currentDeploymentVersion: current && { buildId: current } },
      versionSummaries: [
        { deploymentVersion: { buildId: 'old' }, createTime: seen(2000) },
        { deploymentVersion: { buildId: 'new' }, createTime: seen(1000) },
      ],
    },
  });
  const polledBy = (...buildIds: string[]): [object[], object[]] => [
    buildIds.map((id) => poller(versioned(id))),
    [poller()],
  ];
  const WORKER_DEPLOYMENT = 'my-auth';

  test.each([
    [
      'passes if a worker of the current version polls',
      {},
      'new',
      polledBy('new'),
      true,
      /^current version of my-auth: new$/,
      undefined,
    ],
    [
      'fails if a worker polls and the deployment has no current version',
      {},
      undefined,
      polledBy('new'),
      false,
      /has no current version/,
      setCurrent,
    ],
    [
      'fails if no worker polls and the deployment has no current version',
      { WORKER_DEPLOYMENT },
      undefined,
      polledBy(),
      false,
      /has no current version/,
      setCurrent,
    ],
    [
      'fails if all workers that poll have another version',
      {},
      'old',
      polledBy('new'),
      false,
      /current version old .* polls/,
      setCurrent,
    ],
  ] as const)('the check of the worker deployment %s', async (_, env, current, pollers, ok, detail, remedy) => {
    const server = temporal({ pollers: pollers, describeWorkerDeployment: deployment(current) });

    const result = await doctor({ server, env });

    expect(result.deployment).toMatchObject({ ok, detail: expect.stringMatching(detail) });
    expect(result.deployment.remedy).toBe(remedy);
    expect(result.exitCode).toBe(ok ? 0 : 1);
  });

  test('the check of the worker deployment fails if the queue has a current version, but only unversioned workers poll the queue', async () => {
    const versioningInfo = { currentDeploymentVersion: { deploymentName: 'my-auth', buildId: 'new' } };
    const server = temporal({ versioningInfo, describeWorkerDeployment: deployment('new') });

    const result = await doctor({ server });

    expect(result.deployment).toEqual({
      ok: false,
      detail: 'no worker of the current version new of my-auth polls task queue connector-auth',
      remedy:
        'start a worker with WORKER_DEPLOYMENT=my-auth; or, to use workers without it, run: temporal worker deployment ' +
        'set-current-version --deployment-name my-auth --unversioned --namespace default --address 127.0.0.1:1',
    });
  });

  test('the check of the worker deployment fails for a deployment that Temporal does not know', async () => {
    const result = await doctor({ env: { WORKER_DEPLOYMENT } });

    expect(result.deployment).toEqual({
      ok: false,
      detail: 'no worker of deployment my-auth has polled',
      remedy: 'start a worker with WORKER_DEPLOYMENT=my-auth',
    });
  });
});

describe('Cyclr', () => {
  test('the check of Cyclr fails for a refused client secret, and does not print it', async () => {
    const env = { ...(await sandboxEnv()), CYCLR_CLIENT_SECRET: SECRET };

    const { exitCode, stdout, cyclr } = await doctor({ env });

    expect(exitCode).toBe(1);
    expect(cyclr).toEqual({
      ok: false,
      detail: expect.stringMatching(/: POST \/oauth\/token: 40\d: Cyclr refused the client id or secret$/),
      remedy: expect.stringContaining('CYCLR_CLIENT_ID and CYCLR_CLIENT_SECRET'),
    });
    expect(stdout).not.toContain(SECRET);
  });

  test.each([
    ['a missing variable', { CYCLR_CLIENT_SECRET: SECRET }, 'a CYCLR_* variable is not set'],
    [
      'an http address outside of loopback',
      { CYCLR_API_URL: `http://${SECRET}@cyclr.example`, CYCLR_CLIENT_ID: 'id', CYCLR_CLIENT_SECRET: SECRET },
      expect.stringMatching(/^CYCLR_API_URL is no origin such as https:/),
    ],
    [
      'an address with a path',
      { CYCLR_API_URL: `https://cyclr.example/${SECRET}`, CYCLR_CLIENT_ID: 'id', CYCLR_CLIENT_SECRET: SECRET },
      expect.stringMatching(/^CYCLR_API_URL is no origin such as https:/),
    ],
  ])('the check of Cyclr fails for %s, and sends nothing', async (_, env, detail) => {
    const { exitCode, stdout, cyclr } = await doctor({ env });

    expect(exitCode).toBe(1);
    expect(cyclr).toMatchObject({ ok: false, detail });
    expect(stdout).not.toContain(SECRET);
  });

  test.each([
    [{ ok: true }, undefined, /^not checked: .* has not asked Cyclr for a token yet$/],
    [{ ok: true, cyclr: { ok: true, at: 'T', detail: 'a token' } }, true, /readyz: a token \(T\)$/],
    [{ ok: true, cyclr: { ok: false, at: 'T', detail: 'refused' } }, false, /readyz: refused \(T\)$/],
  ])(
    'without the CYCLR_* variables, the check of Cyclr depends on the answer of /readyz of the worker at HEALTH_PORT: %j',
    async (body, ok, detail) => {
      const url = await serve((_request, response) => response.end(JSON.stringify(body)));

      const { exitCode, cyclr } = await doctor({ env: { HEALTH_PORT: new URL(url).port } });

      expect(cyclr).toMatchObject({ detail: expect.stringMatching(detail) });
      expect(cyclr.ok).toBe(ok);
      expect(exitCode).toBe(ok === false ? 1 : 0);
    },
  );

  test('the check of Cyclr fails if no worker answers at HEALTH_PORT', async () => {
    const port = `${await freePort()}`;

    const { cyclr } = await doctor({ env: { HEALTH_PORT: port } });

    expect(cyclr).toMatchObject({ ok: false, detail: `no worker answers at http://127.0.0.1:${port}/readyz` });
  });
});

test('a wrong environment variable fails only the checks that use the variable', async () => {
  const { cyclr, clock, workers, deployment } = await doctor({ env: { CYCLR_API_URL: 'cyclr.example' } });

  expect([cyclr, clock, workers, deployment].map(({ ok }) => ok)).toEqual([false, false, true, true]);
});

describe('sealing keys', () => {
  test.each([
    ['a missing file', '/nowhere/keys.json'],
    ['a text that is no JWK set', `{"${SECRET}"`],
  ])('the check of the sealing keys fails for %s, and does not print the setting', async (_, SEALING_KEYS) => {
    const { exitCode, stdout, sealingKeys } = await doctor({ env: { SEALING_KEYS } });

    expect(exitCode).toBe(1);
    expect(sealingKeys).toMatchObject({ ok: false, remedy: expect.stringMatching(/^set SEALING_KEYS /) });
    expect(stdout).not.toContain(SECRET);
  });

  test('the check of the sealing keys passes for the keys of the local stack, and fails if the first key is not the first key of the local stack', async () => {
    const keys = write(join(temporaryFolder(), 'keys.json'), await newKeys());
    const cwd = folderOfStack({ sealingKeys: keys });

    const own = await doctor({ cwd });
    const other = await doctor({ cwd, env: { SEALING_KEYS: await newKeys() } });

    expect(own.sealingKeys).toMatchObject({ ok: true, detail: expect.stringContaining('as npm start uses it') });
    expect(other.sealingKeys).toMatchObject({ ok: false, detail: expect.stringContaining('npm start seals with') });
  });
});

test.each([
  [29_000, true],
  [-28_000, true], // the header Date has whole seconds, so the date can be up to a second too early
  [32_000, false],
  [-32_000, false],
])(
  'if the clock differs by %i ms from the date in an answer of Cyclr, the check of the clock passes: %p',
  async (differenceMs, ok) => {
    const CYCLR_SERVICE_URL = await serve((_request, response) => {
      response.setHeader('Date', new Date(Date.now() + differenceMs).toUTCString());
      response.end();
    });

    const { exitCode, clock } = await doctor({ env: { CYCLR_SERVICE_URL } });

    expect(clock).toMatchObject({ ok, detail: expect.stringMatching(/^(2[89]|3\d) s from the clock of http/) });
    expect(exitCode).toBe(ok ? 0 : 1);
  },
);

test('the command that doctor and a versioned worker print sets the current version, and after this command all checks pass', async () => {
  const logFolder = temporaryFolder();
  const server = await startTemporal({ logFolder, searchAttributes: searchAttributeTypes });
  atEnd(() => server.stop());
  const sandbox = await startSandbox({ logFolder });
  atEnd(() => sandbox.stop());
  const sealingKeys = await newKeys();
  const healthPort = await freePort();
  const worker = await startWorker({
    ...{ logFolder, temporal: server, cyclr: sandbox.cyclr, sealingKeys, healthPort },
    env: { WORKER_DEPLOYMENT: 'my-auth' },
  });
  atEnd(() => worker.stop());
  const env = {
    ...temporalEnv(server),
    SEALING_KEYS: sealingKeys,
    HEALTH_PORT: `${healthPort}`,
    CYCLR_SERVICE_URL: sandbox.url,
  };
  const real: Scene = { env, connect: () => connect({ env, cwd: '/nowhere' }) };

  const before = await eventually(
    () => doctor(real),
    // Temporal knows the pollers of a worker before it knows the version of the worker.
    ({ workers, deployment }) => workers.ok === true && deployment.remedy?.startsWith('run: ') === true,
  );
  expect(before).toMatchObject({
    exitCode: 1,
    temporal: { ok: true },
    searchAttributes: { ok: true },
    deployment: { ok: false },
  });
  expect(worker.log()).toContain(before.deployment.remedy!.replace('run: ', 'Run: '));
  const [, ...args] = before.deployment.remedy!.replace('run: ', '').split(' ');
  await promisify(execFile)(await findBinary('temporal'), [...args, '--yes'], { env: { ...process.env, ...env } });
  await cli(['start', 'acme', '1002'], real);

  const after = await eventually(
    () => doctor(real),
    ({ cyclr }) => cyclr.ok === true,
  );
  expect(after).toMatchObject({ exitCode: 0, workers: { ok: true }, deployment: { ok: true }, clock: { ok: true } });
  expect(after.cyclr).toMatchObject({ detail: expect.stringMatching(/readyz: POST \/oauth\/token: token received/) });
}, 300_000); // this limit only ends a test that hangs
