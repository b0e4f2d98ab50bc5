/**
 * Starts the processes of a local stack: `startTemporal`, `startSandbox`, `startWorker`, `startService`. Each function
 * uses the given ports or free ports, and waits until its process is ready. With `waits: false`, the function does not
 * wait, and `ready()` waits instead. If the process does not start, the error has the last lines of the log. Each
 * function returns a `LocalProcess`, with `exited`, `stop()`, `kill()` and `log()`.
 *
 *     const temporal = await startTemporal({ logFolder });
 *     const sandbox = await startSandbox({ logFolder });
 *     const worker = await startWorker({ logFolder, temporal, cyclr: sandbox.cyclr, sealingKeys });
 *     const service = await startService({ logFolder, temporal, sealingKeys });
 */
import { postJson } from '../post-json';
import { findBinary } from './binary';
import { freePort } from './ports';
import { type LocalProcess, type ProcessOptions, startMain, startProgram } from './process';
import {
  type Cyclr,
  cyclrOf,
  newServiceKeys,
  sandboxEnv,
  serviceEnv,
  type ServiceKeys,
  type TemporalAddress,
  withoutSecrets,
  workerEnv,
} from './settings';
import { connect } from '../../temporal/connection';
import type { ConnectorKey } from '../../workflows/connector';

/**
 * The options that all processes of the stack share. `name`: the name of the log file. Each process has a default name.
 */
type PartOptions = Pick<ProcessOptions, 'logFolder' | 'env' | 'waits' | 'stopWithinMs'> & { name?: string };

export interface TemporalOptions extends PartOptions {
  port?: number;
  /** The port of Temporal Web. Without this port, Temporal Web does not run. */
  uiPort?: number;
  /**
   * The database file of the server, in an existing folder. Only one server may use the file at a time. Without a file,
   * all flows are lost when the server ends.
   */
  dbFile?: string;
  /** The types of the search attributes to register, by name. Search attributes that exist do not change. */
  searchAttributes?: { readonly [name: string]: string };
  /** Values of the server's dynamic configuration, such as `limit.historyCount.suggestContinueAsNew`. */
  dynamicConfig?: { [key: string]: number | boolean };
  /** Ends the download of the `temporal` command line, if the command line is not on this machine. */
  signal?: AbortSignal;
}

export interface LocalTemporal extends LocalProcess {
  address: string;
  namespace: 'default';
  uiUrl?: string;
}

/** Starts Temporal's dev server. After a stop and a start with the same `dbFile`, the server continues its flows. */
export async function startTemporal({
  name = 'temporal',
  port,
  uiPort,
  ...options
}: TemporalOptions): Promise<LocalTemporal> {
  const [own, ui] = [port || (await freePort()), uiPort === 0 ? await freePort() : uiPort];
  const address = `127.0.0.1:${own}`;
  const { logFolder, env, waits, stopWithinMs } = options;
  const started = await startProgram({
    ...{ name, logFolder, env: { ...withoutSecrets, ...env }, waits, stopWithinMs },
    ports: ui === undefined ? [own] : [own, ui],
    command: await findBinary('temporal', { signal: options.signal }),
    args: argumentsOf({ ...options, port: own, uiPort: ui }),
    isReady: answersGrpc(address),
  });
  return {
    ...started,
    address,
    namespace: 'default',
    ...(ui !== undefined && { uiUrl: `http://127.0.0.1:${ui}` }),
  };
}

function argumentsOf(options: Omit<TemporalOptions, 'logFolder'> & { port: number }): string[] {
  const { port, uiPort, dbFile, searchAttributes = {}, dynamicConfig = {} } = options;
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', `${port}`, '--log-level', 'warn'],
    ...(uiPort === undefined ? ['--headless'] : ['--ui-port', `${uiPort}`]),
    ...['--dynamic-config-value', 'frontend.enableServerVersionCheck=false'],
    // With the default value of 20, the server delays each workflow task by 50 ms.
    ...['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=1000'],
    // With these settings of SQLite, the server is twice as fast as with the defaults.
    ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'],
    ...Object.entries(dynamicConfig).flatMap(([key, value]) => ['--dynamic-config-value', `${key}=${value}`]),
    ...(dbFile === undefined ? [] : ['--db-filename', dbFile]),
    ...Object.entries(searchAttributes).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
  ];
}

/**
 * Returns a function that tests whether a gRPC server answers. Each call of this function opens a new connection,
 * because a single connection would wait a second between two tries. The time limit of the first connection is 100 ms,
 * and each call doubles the limit.
 */
function answersGrpc(address: string): () => Promise<boolean> {
  let attemptMs = 50;
  return async () => {
    const namespace = 'default';
    const target = { address, namespace, connectionOptions: { address } };
    const connection = await connect(target, (attemptMs *= 2));
    try {
      await connection.workflowService.describeNamespace({ namespace });
      return true;
    } finally {
      await connection.close();
    }
  };
}

export interface LocalSandbox extends LocalProcess {
  url: string;
  /** The address and the client, for `startWorker`. */
  cyclr: Cyclr;
}

/** Starts the Cyclr sandbox. With a `dataFile`, the sandbox keeps its state over a restart. */
export async function startSandbox({
  name = 'sandbox',
  port,
  dataFile,
  env,
  ...options
}: PartOptions & { port?: number; dataFile?: string }): Promise<LocalSandbox> {
  const own = port || (await freePort());
  const url = `http://127.0.0.1:${own}`;
  const started = await startMain({
    ...options,
    ...{ name, main: 'sandbox/main.js', ports: [own] },
    env: { ...sandboxEnv({ port: own, dataFile }), ...env },
    isReady: () => succeeds(`${url}/_sandbox/accounts`),
  });
  return { ...started, url, cyclr: cyclrOf(url) };
}

export interface WorkerOptions extends PartOptions {
  /** If `temporal` or `cyclr` is absent, the worker uses the variables of this process. */
  temporal?: TemporalAddress;
  cyclr?: Cyclr;
  /** The private JWK set, or the path of its file. */
  sealingKeys: string;
  healthPort?: number;
  /**
   * Another `main.js` within dist/, with its arguments. This program must read the same environment variables as the
   * worker.
   */
  main?: string;
  args?: readonly string[];
}

export interface LocalWorker extends LocalProcess {
  healthUrl: string;
}

/**
 * How long `stop()` waits for a worker before it kills the worker. This time is longer than the worker's
 * `shutdownGraceTime` and `shutdownForceTime`.
 */
const WORKER_STOP_MS = 80_000;

/** Starts a worker process. `stop()` waits for running activity attempts, and `kill()` does not wait. */
export async function startWorker({
  name = 'worker',
  main = 'worker/main.js',
  stopWithinMs = WORKER_STOP_MS,
  ...options
}: WorkerOptions): Promise<LocalWorker> {
  const { temporal, cyclr, sealingKeys, env, ...rest } = options;
  const healthPort = options.healthPort || (await freePort());
  const healthUrl = `http://127.0.0.1:${healthPort}/readyz`;
  const started = await startMain({
    ...{ ...rest, name, main, stopWithinMs, ports: [healthPort] },
    env: { ...workerEnv({ temporal, cyclr, sealingKeys, healthPort }), ...env },
    isReady: () => succeeds(healthUrl),
  });
  return { ...started, healthUrl };
}

export interface ServiceOptions extends PartOptions {
  /** If `temporal` is absent, the service uses the variables of this process. */
  temporal?: TemporalAddress;
  /** The private JWK set of the workers. The service gets only the public half. */
  sealingKeys: string;
  port?: number;
  metricsPort?: number;
  /** The keys of the service. The default is new keys. */
  keys?: ServiceKeys;
  nodeArgs?: readonly string[];
}

/** The address of a service, and the key with which a backend calls it. */
export interface ServiceAddress {
  url: string;
  apiKey: string;
}

export interface LocalService extends LocalProcess, ServiceAddress {
  metricsUrl?: string;
}

/**
 * How long `stop()` waits for a service before it kills the service. A stopping service answers open requests for at
 * most 40 s.
 */
const SERVICE_STOP_MS = 45_000;

/** Starts the onboarding service. */
export async function startService({
  name = 'service',
  keys = newServiceKeys(),
  stopWithinMs = SERVICE_STOP_MS,
  ...options
}: ServiceOptions): Promise<LocalService> {
  const { temporal, sealingKeys, metricsPort, env, ...rest } = options;
  const port = options.port || (await freePort());
  const url = `http://127.0.0.1:${port}`;
  const started = await startMain({
    ...{ ...rest, name, main: 'service/main.js', stopWithinMs },
    ports: [port, ...(metricsPort === undefined ? [] : [metricsPort])],
    env: { ...(await serviceEnv({ temporal, port, metricsPort, keys, sealingKeys })), ...env },
    isReady: () => succeeds(`${url}/readyz`),
  });
  const metricsUrl = metricsPort === undefined ? undefined : `http://127.0.0.1:${metricsPort}/metrics`;
  return { ...started, url, apiKey: keys.apiKey, ...(metricsUrl && { metricsUrl }) };
}

/** Creates a session as a backend does. Returns the token of the session, and the link to the connect page. */
export async function mintSession(
  { url, apiKey }: ServiceAddress,
  session: object,
): Promise<{ token: string; url: string }> {
  const minted = await postJson(`${url}/v1/sessions`, session, { Authorization: `Bearer ${apiKey}` });
  return minted as { token: string; url: string };
}

/**
 * Makes a session for one connector, and returns the token of the session. If no flow of the connector is open, this
 * call starts a flow.
 */
export async function sessionTokenOf(
  service: ServiceAddress,
  { accountId, connectorId }: ConnectorKey,
): Promise<string> {
  return (await mintSession(service, { accountId, connectorIds: [connectorId] })).token;
}

const succeeds = async (url: string): Promise<boolean> => (await fetch(url, { signal: AbortSignal.timeout(5000) })).ok;
