/**
 * Starts, watches and ends child processes. The output of a child is appended to `{logFolder}/{name}.log`. A child runs
 * in its own process group, so that Ctrl-C in a terminal does not reach the child. A child ends when this process ends,
 * even when this process is killed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { jsonOf } from '../../workflows/connector';
import { isFree } from './ports';

export interface ProcessOptions {
  /** The name of the process in messages, and of its log file. */
  name: string;
  /** The folder of the log file. A missing folder is created. */
  logFolder: string;
  args?: readonly string[];
  /** Variables in addition to the variables of this process. The value `undefined` removes a variable. */
  env?: NodeJS.ProcessEnv;
  /** The ports of 127.0.0.1 on which the process listens. If a port is taken, no process is started. */
  ports?: readonly number[];
  /**
   * Tests whether the process is ready. An error counts as false. Without this function, a process is ready as soon as
   * it runs.
   */
  isReady?: () => Promise<boolean>;
  /** If false, the start does not wait until the process is ready. The caller can wait with `ready()`. */
  waits?: boolean;
  /** The time that `stop` waits between SIGTERM and SIGKILL. The default is 10 s. */
  stopWithinMs?: number;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface LocalProcess {
  name: string;
  pid: number;
  logFile: string;
  /** Resolves when the process has ended, for any reason. Never rejects. */
  exited: Promise<Exit>;
  isRunning(): boolean;
  /**
   * Resolves when the process is ready. Fails with the last lines of the output if the process ends before it is ready.
   * Fails if the process is not ready after 3 minutes.
   */
  ready(): Promise<void>;
  /**
   * Sends SIGTERM. If the process has not ended after `stopWithinMs`, sends SIGKILL. Safe to repeat, because only the
   * first call sends SIGTERM.
   */
  stop(withinMs?: number): Promise<Exit>;
  /** Sends `signal` and waits until the process has ended. Safe to repeat. */
  kill(signal?: NodeJS.Signals): Promise<Exit>;
  /** Returns the output that the process has written since it was started, without the older output in the log file. */
  log(): string;
  /** Returns the last lines of `log()`. */
  lastLines(count?: number): string;
}

const STOP_MS = 10_000;
const POLL_MS = 50;
/** Only a process that hangs reaches this limit. A process that can't start ends much earlier. */
const READY_MS = 180_000;

const above = join(__dirname, '..', '..');
/** The folder dist/. This file runs from `dist/scripts/local/process.js`. Only Jest runs this file from its source. */
const dist = basename(above) === 'dist' ? above : join(above, 'dist');

/**
 * Starts a `main.js` of this project, and waits until the process is ready. `main` is a path within dist/, or an
 * absolute path. If the process ends before it is ready, this function fails with the last lines of its output, and
 * leaves nothing running.
 */
export const startMain = ({
  main,
  nodeArgs = [],
  args = [],
  ...options
}: ProcessOptions & {
  main: string;
  nodeArgs?: readonly string[];
}): Promise<LocalProcess> => {
  const preload = ['--require', join(dist, 'scripts', 'local', 'with-parent.js')];
  const line = [process.execPath, ...nodeArgs, ...preload, resolve(dist, main), ...args];
  return start(options, async (log, env) => launch(line, log, env));
};

/**
 * Starts any program, in the same way as {@link startMain} starts a `main.js`. A small guard process ends the program
 * when this process has ended.
 */
export const startProgram = ({
  command,
  args = [],
  ...options
}: ProcessOptions & { command: string }): Promise<LocalProcess> =>
  start(options, async (log, env) => {
    const launched = launch([process.execPath, '-e', guard, command, ...args], log, env);
    return { ...launched, pid: await guardedPid(launched.child) };
  });

/**
 * Starts processes that are stopped together. `start` registers a stop function for each process. `stop()` calls these
 * functions, the latest first. A second `stop()` does nothing. If `start` fails, this function stops the processes that
 * `start` has registered.
 */
export async function startTogether<T extends object>(
  start: (onStop: (end: () => unknown) => void) => Promise<T>,
): Promise<T & { stop(): Promise<void> }> {
  const ends: (() => unknown)[] = [];
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    return { ...(await start((end) => void ends.push(end))), stop };
  } catch (err) {
    await stop();
    throw err;
  }
}

interface Launched {
  child: ChildProcess;
  /** The process id of the program. If `child` is a guard process, the program is a child of `child`. */
  pid: number;
  exited: Promise<Exit>;
}

async function start(
  { name, logFolder, env, ports = [], isReady, waits = true, stopWithinMs = STOP_MS }: ProcessOptions,
  begin: (log: number, env: NodeJS.ProcessEnv) => Promise<Launched>,
): Promise<LocalProcess> {
  for (const port of ports)
    if (!(await isFree(port))) throw new Error(`Can't start ${name}: another process uses port ${port} of 127.0.0.1`);
  mkdirSync(logFolder, { recursive: true });
  const logFile = join(logFolder, `${name}.log`);
  const log = openSync(logFile, 'a');
  try {
    const logStart = statSync(logFile).size;
    const launched = await begin(log, { ...process.env, ...env });
    const started = handleOf(launched, { name, logFile, logStart, isReady, stopWithinMs });
    if (waits) await started.ready().catch(async (err: unknown) => (await started.kill(), Promise.reject(err)));
    return started;
  } finally {
    closeSync(log); // the child has its own descriptor
  }
}

/** Starts a child with an IPC channel: when this process ends, the channel closes, and the child ends. */
function launch(line: readonly string[], log: number, env: NodeJS.ProcessEnv): Launched {
  const [command, ...args] = line as [string, ...string[]];
  const child = spawn(command, args, { env, stdio: ['ignore', log, log, 'ipc'], detached: true });
  const exited = new Promise<Exit>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  return { child, pid: child.pid!, exited };
}

type Facts = Pick<LocalProcess, 'name' | 'logFile'> &
  Pick<ProcessOptions, 'isReady'> & { logStart: number; stopWithinMs: number };

function handleOf({ child, pid, exited }: Launched, facts: Facts): LocalProcess {
  const { name, logFile, logStart, isReady, stopWithinMs } = facts;
  let stopped: Promise<Exit> | undefined; // SIGTERM is sent once, because a second SIGTERM makes some programs end without cleaning up
  const handle: LocalProcess = {
    ...{ name, pid, logFile, exited },
    isRunning: () => child.exitCode === null && child.signalCode === null,
    ready: () => untilReady(handle, isReady),
    stop: (withinMs = stopWithinMs) => (stopped ??= stop(child, exited, withinMs)),
    kill: async (signal = 'SIGKILL') => {
      if (handle.isRunning()) sendTo(pid, signal);
      return exited;
    },
    log: () => readFileSync(logFile).subarray(logStart).toString('utf8'),
    lastLines: (count = 20) => handle.log().trimEnd().split('\n').slice(-count).join('\n'),
  };
  return handle;
}

async function untilReady(process: LocalProcess, isReady: ProcessOptions['isReady'] = async () => true): Promise<void> {
  const ended = process.exited.then(() => false);
  for (const until = Date.now() + READY_MS; ; await delay(POLL_MS)) {
    const answered = await Promise.race([isReady().catch(() => false), ended]);
    if (!process.isRunning()) throw await notStarted(process);
    if (answered) return;
    if (Date.now() > until)
      throw new Error(`The ${process.name} is not ready after ${READY_MS / 1000} s (log: ${process.logFile})`);
  }
}

async function notStarted({ name, exited, lastLines, logFile }: LocalProcess): Promise<Error> {
  const { code, signal } = await exited;
  const how = signal ?? `exit code ${code}`;
  const lines = lastLines().split('\n').map(messageIn);
  return new Error(`The ${name} did not start: it ended with ${how} (log: ${logFile}):\n${lines.join('\n')}`);
}

/** Returns the message of a JSON log line. Returns any other line unchanged. */
function messageIn(line: string): string {
  const { msg } = Object(jsonOf(line)) as { msg?: unknown };
  return typeof msg === 'string' ? msg : line;
}

/**
 * The guard process: forwards signals to the program, and ends with the exit code of the program. Stops the program
 * when the parent has ended.
 */
const guard = `
const [command, ...args] = process.argv.slice(1);
const child = require('child_process').spawn(command, args, { stdio: 'inherit' });
const stop = () => child.kill();
process.on('SIGTERM', stop).on('SIGINT', stop).on('disconnect', stop);
child.on('spawn', () => process.send(child.pid));
child.on('error', ({ message }) => process.send(message, () => process.exit(127)));
child.on('exit', (code, signal) => {
  if (!signal) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});`;

async function guardedPid(guardProcess: ChildProcess): Promise<number> {
  const ended = once(guardProcess, 'disconnect').then(() => ['its guard process ended at once']);
  const [answer] = (await Promise.race([once(guardProcess, 'message'), ended])) as [number | string];
  if (typeof answer === 'string') throw new Error(answer);
  return answer;
}

async function stop(child: ChildProcess, exited: Promise<Exit>, withinMs: number): Promise<Exit> {
  child.kill('SIGTERM');
  const limit = setTimeout(() => killGroup(child), withinMs);
  try {
    return await exited;
  } finally {
    clearTimeout(limit);
  }
}

function killGroup(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    child.kill('SIGKILL'); // Windows has no process groups
  }
}

/** Sends a signal. Ignores an unknown process id, because the process can have ended before its exit event arrives. */
function sendTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ESRCH') throw err;
  }
}
