/** A built copy of the project in a temporary folder, for processes that keep data in the project's folder. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../scripts/local/ports';
import { eventually } from '../support/eventually';

const root = join(__dirname, '..', '..');

export interface Running {
  process: ChildProcess;
  /** Standard output and standard error so far. */
  output(): string;
  /** Waits until the output contains the text. */
  prints(text: string | RegExp): Promise<void>;
  /** Resolves with the exit code. */
  ended: Promise<number | null>;
}

export interface Installation {
  folder: string;
  /** Starts `dist/scripts/{name}/main.js`. */
  run(name: 'start' | 'demo', env?: NodeJS.ProcessEnv, args?: string[]): Running;
  /** Kills the processes that still run, and removes the folder. */
  remove(): Promise<void>;
}

export function install(): Installation {
  const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-installed-'));
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
  for (const name of ['node_modules', 'package.json']) symlinkSync(join(root, name), join(folder, name));
  const started: Running[] = [];
  return {
    folder,
    run(name, env = {}, args = []) {
      const main = join(folder, 'dist', 'scripts', name, 'main.js');
      const child = spawn(process.execPath, [main, ...args], { cwd: folder, env: { ...process.env, ...env } });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
      const running: Running = {
        process: child,
        output: () => output,
        prints: async (text) => {
          await eventually(
            async () => output,
            (written) => written.search(text) >= 0,
          );
        },
        ended: once(child, 'close').then(([code]) => code as number | null),
      };
      started.push(running);
      return running;
    },
    async remove() {
      for (const { process: child } of started) child.kill('SIGKILL');
      await Promise.all(started.map(({ ended }) => ended));
      // The children of a killed process end some time after the process, and can write files until then.
      await eventually(
        () => rmSync(folder, { recursive: true, force: true }),
        () => true,
      );
    },
  };
}

/** Environment variables that set free ports for a local stack. */
export const freePorts = async (): Promise<NodeJS.ProcessEnv> => ({
  TEMPORAL_DEV_PORT: `${await freePort()}`,
  TEMPORAL_DEV_UI_PORT: `${await freePort()}`,
  SANDBOX_PORT: `${await freePort()}`,
  PORT: `${await freePort()}`,
});
