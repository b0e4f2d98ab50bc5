import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keySetOf, privateKeysOf } from '../../client/sealing/keys';
import { cli } from './scene';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-'));
});
afterEach(() => rm(folder, { recursive: true }));

test.each([[['keys', 'generate']], [['keys', 'generate', '--json']]])('%j prints a new private set', async (argv) => {
  const env = new Proxy({}, { get: () => { throw new Error('reads no environment'); } }); // prettier-ignore

  const { exitCode, stdout, stderr, closed } = await cli(argv, { env });

  expect({ exitCode, stderr, closed }).toEqual({ exitCode: 0, stderr: '', closed: 0 });
  expect(await privateKeysOf(stdout)).toHaveLength(1);
});

test('rotate and public read SEALING_KEYS', async () => {
  const { stdout: generated } = await cli(['keys', 'generate']);

  const rotated = await cli(['keys', 'rotate'], { env: { SEALING_KEYS: generated } });
  const half = await cli(['keys', 'public', '--json'], { env: { SEALING_KEYS: rotated.stdout } });

  const [before, after, last] = await Promise.all([generated, rotated.stdout, half.stdout].map(keySetOf));
  expect(after!.keys.slice(1)).toEqual(before!.keys);
  expect(last!.keys.map(({ kid }) => kid)).toEqual(after!.keys.map(({ kid }) => kid));
  expect(half.stdout).not.toContain('"d"');
});

test('rotate and public read a file before SEALING_KEYS', async () => {
  const { stdout: generated } = await cli(['keys', 'generate']);
  const file = join(folder, 'keys.json');
  await writeFile(file, generated);
  const env = { SEALING_KEYS: 'not read' };

  const rotated = await cli(['keys', 'rotate', file], { env });
  const half = await cli(['keys', 'public', file], { env });

  expect([rotated.exitCode, half.exitCode]).toEqual([0, 0]);
  expect(await privateKeysOf(rotated.stdout)).toHaveLength(2);
});

test('a public set can not be rotated', async () => {
  const { stdout: generated } = await cli(['keys', 'generate']);
  const { stdout: half } = await cli(['keys', 'public'], { env: { SEALING_KEYS: generated } });

  const { exitCode, stdout, stderr } = await cli(['keys', 'rotate'], { env: { SEALING_KEYS: half } });

  expect({ exitCode, stdout, stderr }).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'invalidKeys: key 1 of the JWK set has no private part\n',
  });
});

test('a file that is not there is a failure', async () => {
  const { exitCode, stdout, stderr } = await cli(['keys', 'public', join(folder, 'absent.json')]);

  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
  expect(stderr).toMatch(/^invalidKeys: .*ENOENT/);
});
