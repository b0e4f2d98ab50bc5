import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { keySetOf, privateKeysOf } from '../../sealing/keys';
import { temporaryFolder, write } from '../scripts/parts/scene';
import { cli } from './scene';

test.each([[['keys', 'generate']], [['keys', 'generate', '--json']]])(
  'the command %j prints a new private JWK set, and reads no environment variable',
  async (argv) => {
    const env = new Proxy({}, { get: () => { throw new Error('the environment was read'); } }); // prettier-ignore

    const { exitCode, stdout, stderr, closed } = await cli(argv, { env });

    expect({ exitCode, stderr, closed }).toEqual({ exitCode: 0, stderr: '', closed: 0 });
    expect(await privateKeysOf(stdout)).toHaveLength(1);
  },
);

test('keys rotate adds a new first key to SEALING_KEYS, and keys public prints the public half of SEALING_KEYS', async () => {
  const { stdout: generated } = await cli(['keys', 'generate']);

  const rotated = await cli(['keys', 'rotate'], { env: { SEALING_KEYS: generated } });
  const half = await cli(['keys', 'public', '--json'], { env: { SEALING_KEYS: rotated.stdout } });

  const [before, after, last] = await Promise.all([generated, rotated.stdout, half.stdout].map(keySetOf));
  expect(after!.keys.slice(1)).toEqual(before!.keys);
  expect(last!.keys.map(({ kid }) => kid)).toEqual(after!.keys.map(({ kid }) => kid));
  expect(half.stdout).not.toContain('"d"');
});

test('keys rotate and keys public read FILE in place of SEALING_KEYS', async () => {
  const { stdout: generated } = await cli(['keys', 'generate']);
  const file = write(join(temporaryFolder(), 'keys.json'), generated);
  const env = { SEALING_KEYS: 'not read' };

  const rotated = await cli(['keys', 'rotate', file], { env });
  const half = await cli(['keys', 'public', file], { env });

  expect([rotated.exitCode, half.exitCode]).toEqual([0, 0]);
  expect(await privateKeysOf(rotated.stdout)).toHaveLength(2);
});

test('keys rotate refuses a public JWK set', async () => {
  const { stdout: generated } = await cli(['keys', 'generate']);
  const { stdout: half } = await cli(['keys', 'public'], { env: { SEALING_KEYS: generated } });

  const { exitCode, stdout, stderr } = await cli(['keys', 'rotate'], { env: { SEALING_KEYS: half } });

  expect({ exitCode, stdout, stderr }).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'invalidKeys: key 1 of the JWK set has no private part\n',
  });
});

test('keys public fails with invalidKeys if the key file is missing', async () => {
  const { exitCode, stdout, stderr } = await cli(['keys', 'public', join(temporaryFolder(), 'absent.json')]);

  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
  expect(stderr).toMatch(/^invalidKeys: .*ENOENT/);
});

describe('--out FILE', () => {
  test.each([
    ['generate', ''],
    ['rotate', ''],
    ['public', ''],
    ['hash', 'k'.repeat(32)],
  ])('the option --out FILE makes keys %s write a new file of mode 0600, and print nothing', async (command, input) => {
    const cwd = temporaryFolder();
    const { stdout: SEALING_KEYS } = await cli(['keys', 'generate']);

    const result = await cli(['keys', command, '--out', 'file'], { cwd, env: { SEALING_KEYS }, input });

    const file = join(cwd, 'file');
    expect(result).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toMatch(command === 'hash' ? /^[0-9a-f]{64}\n$/ : /^\{\n {2}"keys": \[/);
  });

  test('the option --out FILE refuses the path of a file that exists, and does not change the file', async () => {
    const cwd = temporaryFolder();
    const file = write(join(cwd, 'keys.json'), 'the only key');

    const { exitCode, stdout, stderr } = await cli(['keys', 'generate', '--out', 'keys.json'], { cwd });

    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^wrongUsage: the file of --out exists: give another name\./);
    expect(readFileSync(file, 'utf8')).toBe('the only key');
  });

  test('the option --out FILE with a path in a missing folder fails and creates nothing', async () => {
    const cwd = temporaryFolder();

    const { exitCode, stderr } = await cli(['keys', 'generate', '--out', 'absent/keys.json'], { cwd });

    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining("can't be written (ENOENT)") });
    expect(readdirSync(cwd)).toEqual([]);
  });
});

describe('keys hash', () => {
  const key = 'k'.repeat(32);
  const digest = createHash('sha256').update(key).digest('hex');

  test.each([key, `${key}\n`, `${key}\r\n`, `\uFEFF${key}\r\n`])(
    'the command keys hash prints for %j the digest of the API key without its line end and byte order mark',
    async (input) => {
      expect(await cli(['keys', 'hash'], { input })).toMatchObject({ exitCode: 0, stdout: `${digest}\n`, stderr: '' });
      expect(JSON.parse((await cli(['keys', 'hash', '--json'], { input })).stdout)).toEqual({ digest });
    },
  );

  test('the command keys hash --name prints the name before the digest, and refuses an invalid name', async () => {
    const named = await cli(['keys', 'hash', '--name', 'crm-2.eu_1'], { input: key });
    const asJson = await cli(['keys', 'hash', '--name', 'crm', '--json'], { input: key });

    expect(named).toMatchObject({ exitCode: 0, stdout: `crm-2.eu_1:${digest}\n`, stderr: '' });
    expect(JSON.parse(asJson.stdout)).toEqual({ name: 'crm', digest });
    for (const name of ['', 'a:b', 'a,b', 'a b', 'a\u001b[2J', 'ä', 'x'.repeat(41)]) {
      const { exitCode, stdout, stderr } = await cli(['keys', 'hash', '--name', name], { input: key });
      expect({ name, exitCode, stdout }).toEqual({ name, exitCode: 2, stdout: '' });
      expect(stderr).not.toContain('\u001b');
    }
  });

  test('the command keys hash warns about a short API key, and does not quote the key', async () => {
    const { exitCode, stdout, stderr } = await cli(['keys', 'hash'], { input: 'hunter2' });

    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^[0-9a-f]{64}\n$/) });
    expect(stderr).toContain('32 characters');
    expect(stdout + stderr).not.toContain('hunter2');
  });

  test('the command keys hash on a terminal asks for the API key and does not show it', async () => {
    const { exitCode, stdout, stderr } = await cli(['keys', 'hash'], { terminal: true, input: `${key}\r` });

    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 0,
      stdout: `${digest}\n`,
      stderr: 'API key (hidden): \n',
    });
  });

  test.each([`${key} `, `${key}\n${key}`, `"${key}"`, `${key}ä`])(
    'the command keys hash refuses the key %j, which no request can carry, and does not quote the key',
    async (input) => {
      const { exitCode, stdout, stderr } = await cli(['keys', 'hash'], { input });

      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
      expect(stderr).toMatch(/^malformed: no request can carry this key/);
      expect(stderr).not.toContain(key);
    },
  );

  test('the command keys hash fails with wrongUsage for an empty standard input, and for an argument', async () => {
    expect(await cli(['keys', 'hash'], { input: '\n' })).toMatchObject({ exitCode: 2, stdout: '' });
    expect(await cli(['keys', 'hash', 'k'], { input: 'x' })).toMatchObject({ exitCode: 2, stdout: '' });
  });
});
