/** A stage: the real programs that a flow needs (a Temporal server, a sandbox, a worker) and the client library. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type ClientOptions, type Connection, type WorkflowHandle } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { NativeConnection, Runtime, type Worker, type WorkerOptions } from '@temporalio/worker';
import type { Targets } from '../../activities';
import type { Policies } from '../../activities/policies/policies';
import { ConnectorAuth } from '../../client/connector-auth';
import type { ConnectorPatch } from '../../sandbox/control';
import { startSandbox } from '../../sandbox/server';
import { findBinary } from '../../scripts/local/binary';
import { startTemporal } from '../../scripts/local/parts';
import { freePort } from '../../scripts/local/ports';
import { generateKey, privateKeysOf, publicKeyOf } from '../../sealing/keys';
import { seal, sealCredentials } from '../../sealing/seal';
import { connect } from '../../temporal/connection';
import { registerSearchAttributes, searchAttributeTypeNumbers } from '../../temporal/search-attributes';
import { createWorker } from '../../worker/create-worker';
import { createLogger } from '../../worker/logger';
import { exporterOf } from '../../worker/telemetry';
import { workflowIdOf, type ConnectorKey, type Duration, type Sealed } from '../../workflows/connector';
import type { Credentials, Input } from '../../workflows/messages';
import type { StateName } from '../../workflows/view';
import { eventually } from './eventually';
import { failedTasks, kindOf, taskFailures, type HistoryEvent } from './histories';
import { recordHistory } from './replays';
import { startScene, type Scene, type Surroundings } from './scene';

export type { Scene } from './scene';

export const bundlePath = join(__dirname, '..', '..', 'dist', 'workflow-bundle.js');

/**
 * With TEST_MAX_CACHED_WORKFLOWS=0 every workflow task replays its whole history. CI runs the tests in test/workflows/
 * (without the replays) a second time with this setting.
 */
const cacheSize = process.env.TEST_MAX_CACHED_WORKFLOWS;
const cache: Partial<WorkerOptions> = cacheSize === undefined ? {} : { maxCachedWorkflows: Number(cacheSize) };

/**
 * Gives a worker a workflow cache, even with TEST_MAX_CACHED_WORKFLOWS=0. Two kinds of tests need a cache: tests of the
 * cache itself, and tests in which several readers query one flow. Without a cache the SDK (1.24) loses a query if a
 * workflow task completes during the query.
 */
export const cached: Partial<WorkerOptions> = { maxCachedWorkflows: 100 };

/** Fixed identities of client and worker, so that recorded histories contain no process id and no host name. */
const identities = { client: 'client', worker: 'worker' };

export interface Stage extends Surroundings {
  connection: Connection;
  namespace: string;
  /** The worker's sealing keys: a private JWK set as JSON. */
  keys: string;
  /** The lines that the worker has logged. */
  log: string[];
  /**
   * Stops the worker and starts a new worker with the options `more`, the targets of events, and the policies.
   * `monitorEvery` is the time between two reads of a connection.
   */
  restartWorker(
    more?: Partial<WorkerOptions>,
    targets?: Targets,
    policies?: Policies,
    monitorEvery?: Duration,
  ): Promise<void>;
  stopWorker(): Promise<void>;
  /** Installs a connector of the catalogue in a new account, or in the account `accountId`. Starts no flow. */
  install(connector: string, more?: { accountId?: string; patch?: ConnectorPatch }): ConnectorKey;
  /** Starts a flow. Installs the connector first if it is a name of the catalogue. */
  scene(connector: string | ConnectorKey, input?: Partial<Input>): Promise<Scene>;
  /** Starts a flow as `scene` does, and waits until the flow is in the state `state`. */
  sceneIn(state: StateName, connector: string | ConnectorKey, input?: Partial<Input>): Promise<Scene>;
  sealed(key: ConnectorKey, submissionId: string, credentials: Credentials): Promise<Sealed>;
  sealedProperty(key: ConnectorKey, submissionId: string, name: string, value: string): Promise<Sealed>;
  /** With RECORD=1, writes the history of `run` to test/histories/next/NAME.json when the stage closes. */
  record(name: string, run: WorkflowHandle): void;
  /** Closes the stage. Then fails if workflow code has thrown an error. */
  close(): Promise<void>;
}

/** A stage on the time-skipping server. */
export interface SkippingStage extends Stage {
  sleep(duration: string | number): Promise<void>;
  /** The server's time in milliseconds. */
  now(): Promise<number>;
  /**
   * Clears the faults of the sandbox. Terminates the open flows of a test, because the timers of these flows would fire
   * in the next test. Fails if workflow code has thrown an error.
   */
  reset(): Promise<void>;
}

interface Server {
  connection: Connection;
  native: NativeConnection;
  client: Client;
  namespace: string;
  close(): Promise<unknown>;
}

/** Opens a stage in a new namespace of a dev server. The default is the dev server that all tests share. */
export async function openStage(
  address = process.env.TEST_TEMPORAL_ADDRESS!,
  interceptors: ClientOptions['interceptors'] = {},
): Promise<Stage> {
  const log = await installRuntime();
  const namespace = `test-${randomUUID().slice(0, 8)}`;
  const connection = await connect({ address, namespace, connectionOptions: { address } });
  await registerNamespace(connection, namespace);
  const native = await NativeConnection.connect({ address });
  const client = new Client({ connection, namespace, interceptors, identity: identities.client });
  const disconnect = () => Promise.all([native.close(), connection.close()]);
  const stage = await stageOn({ connection, native, client, namespace, close: disconnect }, log);
  return {
    ...stage,
    close: async () => {
      const failures = await taskFailures(stage).catch((err: Error) => [err.message]);
      await stage.close();
      throwAny(failures);
    },
  };
}

/** The server suggests continue-as-new at this number of history events. Temporal's default is 4,096. */
export const SUGGESTED_AT = 60;

/** Opens a stage on a new dev server that suggests continue-as-new after only SUGGESTED_AT history events. */
export async function openStageOfShortHistories(
  dynamicConfig: { [key: string]: number | boolean } = {},
): Promise<Stage> {
  const logFolder = mkdtempSync(join(tmpdir(), 'cyclr-connect-test-'));
  const server = await startTemporal({
    logFolder,
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': SUGGESTED_AT, ...dynamicConfig },
  });
  const stage = await openStage(server.address);
  return {
    ...stage,
    close: async () => {
      await stage.close().finally(() => server.stop());
      rmSync(logFolder, { recursive: true, force: true });
    },
  };
}

/**
 * Opens a stage on its own time-skipping server. This server cannot list workflows. Run only one flow at a time on this
 * stage. The server (1.40) can lose the workflow task of an update if a query is sent at the same time (3 of 3,000). The
 * server repeats the task only after 30 s, so a test must repeat the update after the time limit of the library.
 */
export async function openSkippingStage(): Promise<SkippingStage> {
  const log = await installRuntime();
  const path = await findBinary('temporal-test-server');
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
    client: { identity: identities.client },
  });
  const namespace = 'default';
  const searchAttributes = { ...searchAttributeTypeNumbers };
  await env.connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  const { connection, nativeConnection: native, client } = env;
  const stage = await stageOn({ connection, native, client, namespace, close: () => env.teardown() }, log);
  // This server skips time only while the SDK's own `result` waits.
  stage.auth.result = async (key) => {
    await client.workflow
      .getHandle(workflowIdOf(key))
      .result()
      .catch(() => undefined);
    return stage.auth.view(key);
  };
  const started: WorkflowHandle[] = [];
  return {
    ...stage,
    scene: async (connector, input) => {
      const scene = await stage.scene(connector, input);
      started.push(scene.handle);
      return scene;
    },
    sleep: (duration) => env.sleep(duration as never),
    now: () => env.currentTimeMs(),
    reset: async () => {
      stage.sandbox.clearFaults();
      const failures: string[] = [];
      for (const run of started.splice(0)) {
        failures.push(...failedTasks((await eventually(() => eventsIfIdle(run)))!));
        await run.terminate().catch(() => undefined); // terminate() fails if the run has ended
      }
      throwAny(failures);
    },
  };
}

/**
 * The history of a run that is closed, or has neither a workflow task nor an activity task. Undefined for any other run:
 * after the termination of a run with a task, the time-skipping server (1.40) never skips time again.
 */
async function eventsIfIdle(run: WorkflowHandle): Promise<HistoryEvent[] | undefined> {
  const { status, historyLength, raw } = await run.describe();
  const events = (await run.fetchHistory()).events ?? [];
  const lastTask = events.map(kindOf).findLast((kind) => kind.startsWith('workflowTask'));
  const hasNoTask =
    events.length === historyLength && // the description is still true
    lastTask === 'workflowTaskCompleted' &&
    (raw.pendingActivities ?? []).every(isBetweenAttempts);
  return status.name !== 'RUNNING' || hasNoTask ? events : undefined;
}

/** An activity in the pause before a retry has no task. */
const isBetweenAttempts = ({ state, attempt }: temporal.api.workflow.v1.IPendingActivityInfo): boolean =>
  state === temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED && attempt! > 1;

async function stageOn({ connection, native, client, namespace, close }: Server, log: string[]): Promise<Stage> {
  const sandbox = await startSandbox();
  const keys = JSON.stringify({ keys: [await generateKey()] });
  const publicKey = await publicKeyOf(keys);
  const surroundings: Surroundings = { sandbox, client, auth: new ConnectorAuth(client), publicKey };
  const recorded: { name: string; run: WorkflowHandle }[] = [];
  let worker: Worker | undefined;
  let running: Promise<void> | undefined;

  const stopWorker = async () => {
    if (worker?.getState() === 'RUNNING') worker.shutdown();
    await running;
    worker = undefined;
  };
  const restartWorker: Stage['restartWorker'] = async (more = {}, targets = {}, policies, monitorEvery) => {
    await stopWorker();
    const { url: apiUrl, clientId, clientSecret } = sandbox;
    const config = {
      cyclr: { apiUrl, clientId, clientSecret },
      keys: await privateKeysOf(keys),
      consent: { serviceUrl: sandbox.url },
      targets,
      policies,
      monitorEvery,
    };
    const workerOptions: Partial<WorkerOptions> = { identity: identities.worker, ...cache, ...more };
    worker = await createWorker({ ...config, connection: native, namespace, bundlePath, workerOptions });
    running = worker.run();
  };
  const install: Stage['install'] = (connector, { accountId = `account-${randomUUID()}`, patch } = {}) => {
    const [{ id: connectorId } = missing()] = sandbox.createAccount(accountId, { connectors: [connector] });
    if (patch) sandbox.update(accountId, connectorId, patch);
    return { accountId, connectorId };
  };

  await restartWorker();
  return {
    ...surroundings,
    connection,
    namespace,
    keys,
    log,
    restartWorker,
    stopWorker,
    install,
    scene: (connector, input = {}) => {
      const key = typeof connector === 'string' ? install(connector, { accountId: input.accountId }) : connector;
      return startScene(surroundings, key, input);
    },
    async sceneIn(this: Stage, state, connector, input) {
      const scene = await this.scene(connector, input);
      await scene.reaches(state);
      return scene;
    },
    sealed: (key, submissionId, credentials) => sealCredentials(credentials, { ...key, submissionId }, publicKey),
    sealedProperty: (key, submissionId, name, value) =>
      seal(value, { ...key, purpose: `property:${name}`, submissionId }, publicKey),
    record: (name, run) => void recorded.push({ name, run }),
    close: async () => {
      if (process.env.RECORD) await Promise.all(recorded.map(({ name, run }) => recordHistory(client, name, run)));
      await stopWorker();
      await Promise.all([close(), sandbox.close()]);
    },
  };
}

const LOOPBACK = '127.0.0.1';

let installed: Promise<{ log: string[]; port: number }> | undefined;

/** Installs the SDK's runtime, once for each test file. Returns the lines that the runtime logs. */
async function installRuntime(): Promise<string[]> {
  installed ??= (async () => {
    const log: string[] = [];
    const port = await freePort(LOOPBACK);
    const logger = createLogger('INFO', { write: (line) => void log.push(line) });
    // Without the option `logging.forward`, the SDK writes each line of the log without a delay.
    const telemetryOptions = {
      logging: { filter: { core: 'ERROR', other: 'ERROR' } as const },
      metrics: exporterOf({ host: LOOPBACK, port }),
    };
    Runtime.install({ logger, shutdownSignals: [], telemetryOptions });
    return { log, port };
  })();
  return (await installed).log;
}

/** The metrics of the workers of this test file, in Prometheus' text format. */
export async function workerMetrics(): Promise<string> {
  const { port } = await installed!;
  return (await fetch(`http://${LOOPBACK}:${port}/metrics`)).text();
}

async function registerNamespace(connection: Connection, namespace: string): Promise<void> {
  const workflowExecutionRetentionPeriod = { seconds: 86_400 as never };
  await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod });
  await eventually(() => connection.workflowService.describeNamespace({ namespace }));
  await registerSearchAttributes(connection, namespace);
}

const missing = (): never => {
  throw new Error('The catalogue has no connector of this name');
};

function throwAny(failures: string[]): void {
  if (failures.length > 0) throw new Error(failures.join('\n'));
}
