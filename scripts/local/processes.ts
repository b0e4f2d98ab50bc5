/** Our own processes beside each other on this machine, as `npm start` and the demo run them. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Child, startChild } from './child';

export interface ProcessOptions {
  /** Names it in messages, and its log file. */
  name: string;
  /** Its main within dist/, such as `worker/main.js`. */
  main: string;
  args?: readonly string[];
  /** Beside what this process has. */
  env?: NodeJS.ProcessEnv;
  /** Its output is appended to `{name}.log` in here. */
  logFolder: string;
}

export interface OwnProcess extends Child {
  name: string;
  logFile: string;
}

const READY_MS = 60_000;
const dist = join(__dirname, '..', '..');

/**
 * Starts one of our mains. It stops, as by SIGTERM, when `stop` is called or when this process ends in whatever way.
 */
export async function startProcess({ name, main, args = [], env, logFolder }: ProcessOptions): Promise<OwnProcess> {
  const logFile = join(logFolder, `${name}.log`);
  const child = await startChild({
    command: process.execPath,
    args: ['--require', join(__dirname, 'with-parent.js'), join(dist, main), ...args],
    env: { ...process.env, ...env },
    logFile,
    endsWithUs: 'channel',
  });
  return { ...child, name, logFile };
}

/** Waits until it is. Fails with its last words where it ends before, and after a minute. */
export async function untilReady(child: OwnProcess, ready: () => Promise<boolean>): Promise<void> {
  let ended = false;
  void child.exited.then(() => (ended = true));
  for (const until = Date.now() + READY_MS; Date.now() < until; await delay(100)) {
    if (ended) throw new Error(`The ${child.name} did not start:\n${child.lastLines()}`);
    if (await ready().catch(() => false)) return;
  }
  throw new Error(`The ${child.name} is not ready after ${READY_MS / 1000} s (log: ${child.logFile})`);
}

/** Whether something answers there with a success. */
export const answers = async (url: string): Promise<boolean> =>
  (await fetch(url, { signal: AbortSignal.timeout(1000) })).ok;
