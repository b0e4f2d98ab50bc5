/** Temporal's development server on this machine. */
import { setTimeout as sleep } from 'node:timers/promises';
import { findBinary } from './binary';
import { type Child, type Exit, startChild } from './child';
import { connect } from '../../temporal/connection';
import { isFree } from './ports';

const START_MS = 30_000;

export interface DevServerOptions {
  port: number;
  /** Without it there is no UI. */
  uiPort?: number;
  /** Default 127.0.0.1: its UI and its API ask nobody who they are. */
  ip?: string;
  /** Where the flows are kept; without it they end with the server. Its folder must exist. One server at a time. */
  dbFile?: string;
  logFile: string;
  /** Names of Keyword attributes to register; those that are there already stay. */
  searchAttributes?: readonly string[];
  /** Of the server's dynamic configuration, such as `limit.historyCount.suggestContinueAsNew`. */
  dynamicConfig?: { [key: string]: number | boolean };
  /** The `temporal` command line, where the caller knows it. */
  binary?: string;
}

export interface DevServer {
  address: string;
  uiUrl?: string;
  pid: number;
  /** How it ended, by itself or stopped; never rejects. */
  exited: Promise<Exit>;
  /** Ends it, and kills it when it takes longer than 10 s. Safe to repeat. */
  stop(): Promise<Exit>;
}

/** Which variables `npm start` takes the ports from: a message about a taken port names them. */
export const portVariables = { port: 'TEMPORAL_DEV_PORT', uiPort: 'TEMPORAL_DEV_UI_PORT' } as const;

/**
 * Starts it and waits until it answers. Stopped and started again with the same `dbFile` it goes on where it was. Fails
 * with what to do where a port is taken, with its last words where it dies, and after 30 s.
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  const { port, uiPort, ip = '127.0.0.1', logFile } = options;
  await refuseTaken('port', port, ip);
  if (uiPort !== undefined) await refuseTaken('uiPort', uiPort, ip);
  const command = options.binary ?? (await findBinary('temporal'));
  const child = await startChild({ command, args: argumentsOf(options), logFile, endsWithUs: 'guard' });
  const address = `${ip}:${port}`;
  try {
    await untilAnswering(address, child);
  } catch (err) {
    await child.stop();
    throw new Error(`The Temporal dev server did not start: ${(err as Error).message} (log: ${logFile})`);
  }
  const uiUrl = uiPort === undefined ? undefined : `http://${ip}:${uiPort}`;
  return { address, uiUrl, pid: child.pid, exited: child.exited, stop: () => child.stop() };
}

function argumentsOf(options: DevServerOptions): string[] {
  const { port, uiPort, ip = '127.0.0.1', dbFile, searchAttributes = [], dynamicConfig = {} } = options;
  return [
    ...['server', 'start-dev', '--ip', ip, '--port', `${port}`, '--log-level', 'warn'],
    ...(uiPort === undefined ? ['--headless'] : ['--ui-port', `${uiPort}`]),
    ...['--dynamic-config-value', 'frontend.enableServerVersionCheck=false'],
    ...['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=1000'], // 20 delays each workflow task by 50 ms
    ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'], // else half as fast
    ...Object.entries(dynamicConfig).flatMap(([key, value]) => ['--dynamic-config-value', `${key}=${value}`]),
    ...(dbFile === undefined ? [] : ['--db-filename', dbFile]),
    ...searchAttributes.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
  ];
}

async function refuseTaken(which: keyof typeof portVariables, port: number, ip: string): Promise<void> {
  if (await isFree(port, ip)) return;
  throw new Error(
    `Port ${port} of ${ip} is taken, which the Temporal dev server needs${which === 'uiPort' ? ' for its UI' : ''}. Stop what listens there, or set ${portVariables[which]} to another port; to use a Temporal that runs already, set TEMPORAL_ADDRESS.`,
  );
}

async function untilAnswering(address: string, { exited, lastLines }: Child): Promise<void> {
  let exit: Exit | undefined;
  void exited.then((how) => (exit = how));
  // Short attempts first: a single connection waits a second before it tries again.
  for (let [deadline, attemptMs] = [Date.now() + START_MS, 100]; ; attemptMs *= 2) {
    const answering = await answers(address, attemptMs);
    if (exit) throw new Error(`it ended with ${exit.signal ?? `exit code ${exit.code}`}:\n${lastLines()}`);
    if (answering) return;
    if (Date.now() > deadline) throw new Error(`it does not answer at ${address} within ${START_MS / 1000} s`);
    await sleep(20);
  }
}

async function answers(address: string, withinMs: number): Promise<boolean> {
  const namespace = 'default';
  const connection = await connect({ address, namespace, connectionOptions: { address } }, withinMs).catch(
    () => undefined,
  );
  try {
    await connection?.workflowService.describeNamespace({ namespace });
    return connection !== undefined;
  } catch {
    return false;
  } finally {
    await connection?.close();
  }
}
