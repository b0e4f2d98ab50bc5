/** CPU time, memory and files of any process, also of the Temporal server, as the operating system reports them. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const TICK_MS = 10; // USER_HZ is 100 on every Linux platform of Node

/**
 * Returns the CPU time of a process in milliseconds: user time plus system time. Fails if the process does not exist.
 */
export function cpuMsOf(pid: number): number {
  if (process.platform !== 'linux') return msOf(ps(pid, 'time'));
  return TICK_MS * sum(statOf(pid).slice(11, 13).map(Number)); // utime and stime
}

/** Returns the fields of /proc/PID/stat that follow the name of the process. */
const statOf = (pid: number): string[] => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/**
 * Returns the CPU time of a process and of its present and ended child processes, in milliseconds. The child processes
 * have one thread each. Only on Linux. Fails if the process does not exist.
 */
export function cpuMsOfFamily(pid: number): number {
  const ofEnded = TICK_MS * sum(statOf(pid).slice(13, 15).map(Number)); // cutime and cstime
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return cpuMsOf(pid) + ofEnded + sum(children.map(preciseMsOf));
}

/**
 * Returns the CPU time of a process with one thread, or 0 if the process has ended. The value is more precise than the
 * value of {@link cpuMsOf}, which counts in ticks: in a round, many child processes need less CPU time than one tick.
 */
function preciseMsOf(pid: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  } catch {
    return 0;
  }
}

/** A server is idle if it needs less than this CPU time in a second. */
const IDLE_MS = 150;
/** The time limit of the wait. Only a server that always works reaches this limit. */
const IDLE_WITHIN_MS = 120_000;

/**
 * Waits until a server is idle, because the server still works for a flow after the flow's end. `cpuMs`: returns the
 * CPU time of the server.
 */
export async function untilIdle(cpuMs: () => number): Promise<void> {
  for (const until = performance.now() + IDLE_WITHIN_MS; ;) {
    const before = cpuMs();
    await delay(1000);
    if (cpuMs() - before < IDLE_MS) return;
    if (performance.now() > until) throw new Error('the server is not idle after two minutes');
  }
}

/** Returns the resident memory of a process in bytes. Fails if the process does not exist. */
export const rssOf = (pid: number): number => residentOf(pid, 'VmRSS');

/**
 * Returns the largest resident memory that a process has had, in bytes. On systems other than Linux, returns the
 * present resident memory. Fails if the process does not exist.
 */
export const peakRssOf = (pid: number): number => residentOf(pid, 'VmHWM');

/** Returns the number of open file descriptors of a process. Only on Linux. */
export const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

function residentOf(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  if (process.platform !== 'linux') return Number(ps(pid, 'rss')) * 1024;
  const [, kilobytes] = new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Number(kilobytes) * 1024;
}

const ps = (pid: number, what: string): string =>
  execFileSync('ps', ['-o', `${what}=`, '-p', `${pid}`], { encoding: 'utf8' }).trim();

/** Converts a time like `[hours:]minutes:seconds.hundredths` to milliseconds. */
const msOf = (time: string): number => time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0) * 1000;
