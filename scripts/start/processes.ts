/** Our own processes beside each other on this machine, as `npm start` and the demo run them. */
import { join } from 'node:path';
import { type Child, startChild } from '../../client/temporal/child';

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
