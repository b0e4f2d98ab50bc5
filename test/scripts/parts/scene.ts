/** Temporary files and processes for a test. The end of the test removes the files and kills the processes. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const endings: (() => unknown)[] = [];

/** Calls `ending` after the test. Of several functions, the last added function is called first. */
export const atEnd = (ending: () => unknown) => void endings.push(ending);

afterEach(async () => {
  for (const ending of endings.splice(0).reverse()) await ending();
});

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-test-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Makes the folders of the file, writes the file, and returns its path. */
export function write(path: string, content: string, mode = 0o644): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content, { mode });
  return path;
}

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Starts a process whose output a test reads. A process that still runs at the end of the test is killed. */
export function launch(command: string, args: string[], { cwd, env }: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (output.stdout += chunk));
  child.stderr.on('data', (chunk) => (output.stderr += chunk));
  atEnd(() => child.kill('SIGKILL'));
  const ended = new Promise<Ran>((resolve) => child.on('close', (code) => resolve({ code, ...output })));
  return { child, output, ended };
}

/** True if the process runs. A zombie counts as ended. */
export function isAlive(pid: number): boolean {
  try {
    if (process.platform !== 'linux') return process.kill(pid, 0);
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
