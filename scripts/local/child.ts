/** A process that we start and must end: in a process group of its own, its output in a log file. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const STOP_MS = 10_000;

export interface ChildOptions {
  command: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** Its standard output and standard error are appended here; the folder is made. */
  logFile: string;
  /**
   * How it hears that this process is gone, even if that was killed. `channel`: an IPC channel closes, for Node programs
   * that listen to that. `guard`: a process between ends it, for any other.
   */
  endsWithUs?: 'channel' | 'guard';
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Child {
  pid: number;
  /** How it ended, by itself or stopped; never rejects. */
  exited: Promise<Exit>;
  /** SIGTERM, and SIGKILL when it is still there after `withinMs` (10 s). Safe to repeat. */
  stop(withinMs?: number): Promise<Exit>;
  /** The last lines that it wrote since this start. */
  lastLines(count?: number): string;
}

/**
 * Starts it. A terminal's Ctrl-C does not reach it, so that this process can end its children in order. Fails where
 * the command can't be run.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { logFile, endsWithUs } = options;
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a');
  const logStart = statSync(logFile).size;
  try {
    const child = launch(options, log);
    const exited = new Promise<Exit>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    await once(child, 'spawn');
    const pid = endsWithUs === 'guard' ? await guardedPid(child) : (child.pid as number);
    let stopped: Promise<Exit> | undefined; // a second signal would make some drop everything
    return {
      pid,
      exited,
      stop: (withinMs = STOP_MS) => (stopped ??= stop(child, exited, withinMs)),
      lastLines: (count = 20) =>
        readFileSync(logFile).subarray(logStart).toString('utf8').trimEnd().split('\n').slice(-count).join('\n'),
    };
  } finally {
    closeSync(log); // the child has its own
  }
}

function launch({ command, args, env, endsWithUs }: ChildOptions, log: number): ChildProcess {
  const channel = endsWithUs ? (['ipc'] as const) : [];
  const line = endsWithUs === 'guard' ? [process.execPath, '-e', guard, command, ...args] : [command, ...args];
  return spawn(line[0] as string, line.slice(1), { env, stdio: ['ignore', log, log, ...channel], detached: true });
}

/** Is to the command what the command is to us: hands signals on, and ends as it ends. */
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

async function guardedPid(guardian: ChildProcess): Promise<number> {
  const ended = once(guardian, 'exit').then(() => ['its guard ended at once']);
  const [answer] = (await Promise.race([once(guardian, 'message'), ended])) as [number | string];
  if (typeof answer === 'string') throw new Error(answer);
  return answer;
}

async function stop(child: ChildProcess, exited: Promise<Exit>, withinMs: number): Promise<Exit> {
  child.kill('SIGTERM');
  const impatience = setTimeout(() => killGroup(child), withinMs);
  try {
    return await exited;
  } finally {
    clearTimeout(impatience);
  }
}

function killGroup(child: ChildProcess): void {
  try {
    process.kill(-(child.pid as number), 'SIGKILL');
  } catch {
    child.kill('SIGKILL'); // Windows knows no groups
  }
}
