/** One of our mains as it runs in production: a process, that can be killed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild, type Exit } from '../../scripts/local/child';
import { eventually } from './eventually';

const dist = join(__dirname, '..', '..', 'dist'); // `npm test` builds it

const START_MS = 60_000; // on a machine that is busy with other tests

export interface OwnProcess {
  pid: number;
  /** How it ended, by itself or killed; never rejects. */
  exited: Promise<Exit>;
  /** Sends it a signal, SIGKILL by default, and waits until it is gone. Safe to repeat. */
  ends(by?: NodeJS.Signals): Promise<Exit>;
  /** Whether it has not ended by itself. */
  isRunning(): boolean;
  /** All that it has written. */
  log(): string;
}

export interface Program {
  /** Within dist/, such as `worker/main.js`. */
  main: string;
  /** Beside what this process has. */
  env: NodeJS.ProcessEnv;
  /** Of Node itself. */
  nodeOptions?: string[];
  logFile: string;
  /** Whether it has started, by its log or by what it answers. */
  isReady: (log: string) => boolean | Promise<boolean>;
}

/** Starts it, and waits until it is ready. Fails with its last words where it dies. */
export async function startOwn({ main, env, nodeOptions = [], logFile, isReady }: Program): Promise<OwnProcess> {
  const { pid, exited } = await startChild({
    command: process.execPath,
    args: [...nodeOptions, join(dist, main)],
    env: { ...process.env, ...env },
    logFile,
    endsWithUs: 'guard',
  });
  let exit: Exit | undefined;
  void exited.then((how) => (exit = how));
  const log = () => readFileSync(logFile, 'utf8');
  const ends = async (by: NodeJS.Signals = 'SIGKILL') => {
    if (!exit) kill(pid, by);
    return exited;
  };
  try {
    await eventually(
      async () => exit !== undefined || isReady(log()),
      (over) => over,
      START_MS,
    );
    if (exit) throw new Error('It ended.');
  } catch {
    await ends();
    throw new Error(`${main} did not start:\n${log()}`);
  }
  return { pid, exited, ends, isRunning: () => exit === undefined, log };
}

/** One that is gone already is not heard of at once. */
function kill(pid: number, by: NodeJS.Signals): void {
  try {
    process.kill(pid, by);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ESRCH') throw err;
  }
}
