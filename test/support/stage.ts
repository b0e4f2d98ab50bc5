/** Everything a flow needs, for real: a sandbox, a Temporal server, a worker, the client library. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Client, type Connection, type WorkflowHandle } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { NativeConnection, Runtime, type Worker, type WorkerOptions } from '@temporalio/worker';
import { ConnectorAuth } from '../../client/connector-auth';
import { generateKey, privateKeysOf, publicKeyOf, type SealingKey } from '../../sealing/keys';
import { seal, sealCredentials } from '../../sealing/seal';
import { findBinary } from '../../scripts/local/binary';
import { connect } from '../../temporal/connection';
import { registerSearchAttributes, searchAttributeNames } from '../../temporal/search-attributes';
import type { AccountConnector } from '../../sandbox/answers';
import type { ConnectorPatch } from '../../sandbox/control';
import type { RecordedRequest } from '../../sandbox/requests';
import { startSandbox, type Sandbox } from '../../sandbox/server';
import { createWorker } from '../../worker/create-worker';
import { createLogger } from '../../worker/logger';
import type { ConnectorKey, Sealed } from '../../workflows/connector';
import { workflowIdOf, type Credentials, type Input, type TimelineEntry, type View } from '../../workflows/messages';
import { eventually } from './eventually';
import type { HistoryEvent } from './histories';

jest.setTimeout(60_000);

export const bundlePath = join(__dirname, '..', '..', 'dist', 'workflow-bundle.js');

/** With TEST_MAX_CACHED_WORKFLOWS=0 every task is a replay of all that was before it: CI runs the flows once that way. */
const cacheSize = process.env.TEST_MAX_CACHED_WORKFLOWS;
const cache: Partial<WorkerOptions> = cacheSize === undefined ? {} : { maxCachedWorkflows: Number(cacheSize) };

/**
 * A cache, whatever the tests are run with: where a test is about it; where several watch one flow (without a cache, the
 * SDK loses queries of a flow whose task is done meanwhile, and reads ahead of others: neither is the flow's doing); and
 * where a flow goes through a day of outages (a thousand events; a replay of them for each task takes minutes).
 */
export const cached: Partial<WorkerOptions> = { maxCachedWorkflows: 100 };

export interface Stage {
  sandbox: Sandbox;
  connection: Connection;
  client: Client;
  namespace: string;
  auth: ConnectorAuth;
  /** The private JWK set. */
  keys: string;
  publicKey: SealingKey;
  /** Everything that the worker has logged. */
  log: string[];
  /** Starts another worker in place of the present one. */
  restartWorker(more?: Partial<WorkerOptions>): Promise<void>;
  stopWorker(): Promise<void>;
  /** A connector of the catalogue in a fresh account, or in the one that is named. Nothing is started. */
  install(connector: string, more?: { accountId?: string; patch?: ConnectorPatch }): ConnectorKey;
  /** A flow that was just started: of this connector of the catalogue, newly installed, or of one that is there. */
  scene(connector: string | ConnectorKey, input?: Partial<Input>): Promise<Scene>;
  sealed(key: ConnectorKey, submissionId: string, credentials: Credentials): Promise<Sealed>;
  sealedProperty(key: ConnectorKey, submissionId: string, name: string, value: string): Promise<Sealed>;
  close(): Promise<void>;
}

export interface Scene {
  key: ConnectorKey;
  workflowId: string;
  runId: string;
  /** This very run. */
  handle: WorkflowHandle;
  /** The view, when there is nothing to do. */
  view(): Promise<View>;
  /** The same, once it is in this state. */
  reaches(state: View['state']): Promise<View>;
  gives(credentials: Credentials, submissionId?: string): Promise<View>;
  sets(values: { [name: string]: Sealed | string }, submissionId?: string): Promise<View>;
  /** Sends a signal as anybody could: nothing is checked before. */
  signals(name: string, ...args: unknown[]): Promise<void>;
  /** The timeline, when there is nothing to do. */
  timeline(): Promise<TimelineEntry[]>;
  history(): Promise<HistoryEvent[]>;
  /** What Cyclr has of it. */
  cyclr(): AccountConnector;
  /** What Cyclr was asked about this account, as `METHOD last-part-of-the-path`. */
  calls(): string[];
  requests(): RecordedRequest[];
}

/** A stage on the server that skips time. */
export interface SkippingStage extends Stage {
  sleep(duration: string | number): Promise<void>;
  /** What time it is there, in milliseconds. */
  now(): Promise<number>;
}

interface Server {
  connection: Connection;
  native: NativeConnection;
  client: Client;
  namespace: string;
  close(): Promise<unknown>;
}

/** Opens a stage on a dev server, by default on the one that all tests share, in a namespace of its own. */
export async function openStage(address = process.env.TEST_TEMPORAL_ADDRESS!): Promise<Stage> {
  const log = installRuntime();
  const namespace = `test-${randomUUID().slice(0, 8)}`;
  const connection = await connect({ address, namespace, connectionOptions: { address } });
  await registerNamespace(connection, namespace);
  const native = await NativeConnection.connect({ address });
  const client = new Client({ connection, namespace });
  const close = () => Promise.all([native.close(), connection.close()]);
  return stageOn({ connection, native, client, namespace, close }, log);
}

/** Opens a stage on a server of its own that skips time: no lists, and one flow after the other. */
export async function openSkippingStage(): Promise<SkippingStage> {
  const log = installRuntime();
  const path = await findBinary('temporal-test-server');
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
  });
  const namespace = 'default';
  const searchAttributes = Object.fromEntries(searchAttributeNames.map((name) => [name, KEYWORD]));
  await env.connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  const { connection, nativeConnection: native, client } = env;
  const stage = await stageOn({ connection, native, client, namespace, close: () => env.teardown() }, log);
  return {
    ...stage,
    sleep: (duration) => env.sleep(duration as never),
    now: () => env.currentTimeMs(),
  };
}

const KEYWORD = 2; // temporal.api.enums.v1.IndexedValueType

async function stageOn({ connection, native, client, namespace, close }: Server, log: string[]): Promise<Stage> {
  const sandbox = await startSandbox();
  const keys = JSON.stringify({ keys: [await generateKey()] });
  const publicKey = await publicKeyOf(keys);
  const auth = new ConnectorAuth(client);
  let worker: Worker | undefined;
  let running: Promise<void> | undefined;

  const stopWorker = async () => {
    if (worker?.getState() === 'RUNNING') worker.shutdown();
    await running;
    worker = undefined;
  };
  const restartWorker = async (more: Partial<WorkerOptions> = {}) => {
    await stopWorker();
    const { url: apiUrl, clientId, clientSecret } = sandbox;
    const config = {
      cyclr: { apiUrl, clientId, clientSecret },
      keys: await privateKeysOf(keys),
      consent: { serviceUrl: sandbox.url },
    };
    worker = await createWorker(config, { connection: native, namespace }, bundlePath, { ...cache, ...more });
    running = worker.run();
  };
  const install: Stage['install'] = (connector, { accountId = `account-${randomUUID()}`, patch } = {}) => {
    const [{ id: connectorId } = missing()] = sandbox.createAccount(accountId, { connectors: [connector] });
    if (patch) sandbox.update(accountId, connectorId, patch);
    return { accountId, connectorId };
  };
  const sealed: Stage['sealed'] = (key, submissionId, credentials) =>
    sealCredentials(credentials, { ...key, submissionId }, publicKey);
  const sealedProperty: Stage['sealedProperty'] = (key, submissionId, name, value) =>
    seal(value, { ...key, purpose: `property:${name}`, submissionId }, publicKey);

  const scene: Stage['scene'] = async (connector, input = {}) => {
    const key = typeof connector === 'string' ? install(connector, { accountId: input.accountId }) : connector;
    const { runId } = await auth.start(key, input);
    const handle = client.workflow.getHandle(workflowIdOf(key), runId);
    const requests = () => sandbox.requests.filter(({ account }) => account === key.accountId);
    const newest = client.workflow.getHandle(handle.workflowId);
    const view = () => settled(newest, () => auth.view(key));
    const reaches = async (state: View['state']) => {
      const early = await eventually(
        () => auth.view(key),
        (seen) => seen.state === state,
      );
      const seen = await eventually(view, () => true);
      return seen.state === state ? seen : early; // where it does not stay for long
    };
    return {
      key,
      workflowId: handle.workflowId,
      runId,
      handle,
      view,
      reaches,
      gives: async (credentials, submissionId = randomUUID()) =>
        auth.submitCredentials(key, { submissionId, credentials: await sealed(key, submissionId, credentials) }),
      sets: (values, submissionId = randomUUID()) => auth.submitProperties(key, { submissionId, values }),
      signals: (name, ...args) => handle.signal(name, ...args),
      timeline: async () => (await settled(newest, () => auth.timeline(key))).entries,
      history: async () => (await handle.fetchHistory()).events ?? [],
      cyclr: () => sandbox.connectorOf(key.accountId, key.connectorId),
      calls: () => requests().map(({ method, path }) => `${method} ${path.split('/').at(-1)}`),
      requests,
    };
  };

  await restartWorker();
  return {
    sandbox,
    connection,
    client,
    namespace,
    auth,
    keys,
    publicKey,
    log,
    restartWorker,
    stopWorker,
    install,
    scene,
    sealed,
    sealedProperty,
    close: async () => {
      await stopWorker();
      await Promise.all([close(), sandbox.close()]);
    },
  };
}

/**
 * What a query says when no task waits, and none comes in between. Without a cache it would else read what a task is
 * still to do: a moment before an update finds it so, and by a time that will not be the task's.
 */
async function settled<T>(flow: WorkflowHandle, query: () => Promise<T>): Promise<T> {
  const before = await eventually(
    () => flow.describe(),
    ({ raw }) => !raw.pendingWorkflowTask,
  );
  const said = await query();
  const { historyLength } = await flow.describe();
  return historyLength === before.historyLength ? said : settled(flow, query);
}

let logged: string[] | undefined;

/** The SDK's runtime, once for each test file. Its log. */
function installRuntime(): string[] {
  if (logged) return logged;
  const log: string[] = (logged = []);
  Runtime.install({ logger: createLogger('INFO', { write: (line) => void log.push(line) }), shutdownSignals: [] });
  return log;
}

async function registerNamespace(connection: Connection, namespace: string): Promise<void> {
  const workflowExecutionRetentionPeriod = { seconds: 86_400 as never };
  await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod });
  await eventually(
    () => connection.workflowService.describeNamespace({ namespace }),
    () => true,
  );
  await registerSearchAttributes(connection, namespace);
}

const missing = (): never => {
  throw new Error('The catalogue has no such connector');
};
