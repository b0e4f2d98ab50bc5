/** A worker as it runs in production: a process, that can be killed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild, type Exit } from '../../client/temporal/child';
import { eventually } from '../support/eventually';

const main = join(__dirname, '..', '..', 'dist', 'worker', 'main.js'); // `npm test` builds it

const START_MS = 60_000; // on a machine that is busy with other tests

export interface WorkerProcess {
  /** How it ended, by itself or killed; never rejects. */
  exited: Promise<Exit>;
  /** Sends it a signal, SIGKILL by default, and waits until it is gone. Safe to repeat. */
  ends(by?: NodeJS.Signals): Promise<Exit>;
  /** Whether it has not ended by itself. */
  isRunning(): boolean;
}

/** Starts it, and waits until it takes tasks. Fails with its last words where it dies. */
export async function startWorkerProcess(env: NodeJS.ProcessEnv, logFile: string): Promise<WorkerProcess> {
  const { pid, exited } = await startChild({
    command: process.execPath,
    args: [main],
    env: { ...process.env, ...env, HEALTH_PORT: '0' },
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
    await eventually(log, (text) => exit !== undefined || text.includes('Health at'), START_MS);
    if (exit) throw new Error('It ended.');
  } catch {
    await ends();
    throw new Error(`The worker did not start:\n${log()}`);
  }
  return { exited, ends, isRunning: () => exit === undefined };
}

/** One that is gone already is not heard of at once. */
function kill(pid: number, by: NodeJS.Signals): void {
  try {
    process.kill(pid, by);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ESRCH') throw err;
  }
}
