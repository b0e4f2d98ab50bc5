/** Runs a command, and ends it with all processes that it has started. */
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * The time between SIGTERM and SIGKILL. The processes of this project need this time to wait for the end of open calls.
 */
const STOP_MS = 30_000;
const POLL_MS = 50;
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * The error of a command that was stopped by a signal or by the time limit. `exitCode`: the exit code that a shell
 * reports for such a command.
 */
class Stopped extends Error {
  constructor(message, exitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Runs a command in its own process group, and returns its exit code. At SIGINT, SIGTERM, SIGHUP (the terminal was
 * closed) and after `limitMs`, ends the group and all descendants, waits for their end, and fails with `Stopped`.
 */
export async function runTree(command, args, { limitMs, ...options }) {
  const child = spawn(command, args, { ...options, detached: true });
  const exited = new Promise((resolve, reject) =>
    child.on('error', reject).on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal])),
  );
  const { stopped, forget } = untilStopped(limitMs);
  try {
    const result = await Promise.race([exited, stopped]);
    if (typeof result === 'number') return result;
    await endTree(child.pid);
    throw result;
  } finally {
    forget();
    killGroup(child.pid, 'SIGKILL'); // ends the processes that the command has left in its group
  }
}

/**
 * Resolves at the first stop signal, or after `limitMs`. Ignores each later signal: npm forwards a signal that this
 * process has already got from the terminal.
 */
function untilStopped(limitMs) {
  let stop;
  const stopped = new Promise((resolve) => (stop = resolve));
  const onSignal = (signal) => stop(new Stopped(`stopped by ${signal}`, 128 + constants.signals[signal]));
  for (const signal of signals) process.on(signal, onSignal);
  const limit = limitMs && setTimeout(() => stop(new Stopped(`stopped after ${limitMs / 60_000} minutes`, 1)), limitMs);
  const forget = () => {
    clearTimeout(limit);
    for (const signal of signals) process.off(signal, onSignal);
  };
  return { stopped, forget };
}

/** Sends SIGTERM to the process and all descendants, then SIGKILL to the processes that have not ended. */
async function endTree(pid) {
  const tree = new Set(treeOf(pid));
  killGroup(pid, 'SIGTERM');
  for (const one of tree) kill(one, 'SIGTERM');
  const remain = () => processes().some((process) => tree.has(process.pid));
  for (const until = Date.now() + STOP_MS; Date.now() < until && remain();) await delay(POLL_MS);
  for (const one of tree) kill(one, 'SIGKILL');
}

/** Returns the ids of the process and of its descendants. */
function treeOf(pid) {
  const all = processes();
  const found = [pid];
  for (const parent of found) found.push(...all.filter(({ ppid }) => ppid === parent).map((child) => child.pid));
  return found;
}

/**
 * Returns the running processes of this machine, each with its parent. Returns an empty list if the machine has neither
 * /proc nor `ps`.
 */
function processes() {
  try {
    const all = process.platform === 'linux' ? processesOfLinux() : processesOfPs();
    return all
      .map(([pid, ppid, state]) => ({ pid: Number(pid), ppid: Number(ppid), state }))
      .filter(({ state }) => !state.startsWith('Z')); // a zombie process has ended
  } catch {
    return [];
  }
}

const processesOfPs = () =>
  execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));

const processesOfLinux = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const [state, ppid] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
        return [[pid, ppid, state]];
      } catch {
        return []; // the process has ended in the meantime
      }
    });

const killGroup = (pid, signal) => kill(-pid, signal);

function kill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // the process has ended
  }
}
