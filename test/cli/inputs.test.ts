import { join } from 'node:path';
import { ConnectorAuthError } from '../../client/connector-auth-error';
import { generateKey, privateKeysOf, type PrivateKeys } from '../../sealing/keys';
import { open } from '../../sealing/seal';
import type { Field, Sealed } from '../../workflows/connector';
import type { ProblemCode, StateName, View } from '../../workflows/messages';
import { temporaryFolder, write } from '../scripts/parts/scene';
import { cli, folderOfStack, inputOf, SECRET, viewOf } from './scene';

const key = { accountId: 'acme', connectorId: 42 };
const fields: Field[] = [
  { name: 'Domain', label: 'Domain', required: true, secret: false, stored: false },
  { name: 'Secret', label: 'Client secret', required: true, secret: true, stored: false },
];
const awaitingProperties = viewOf({ state: 'awaitingProperties', fields });
const taken = viewOf({ state: 'authenticated', verification: 'notChecked' });
const answers = {
  view: async () => awaitingProperties,
  submitProperties: async () => taken,
  submitCredentials: async () => taken,
};
const apiKey = JSON.stringify({ kind: 'apiKey', key: SECRET });

let env: NodeJS.ProcessEnv;
let keys: PrivateKeys;

beforeAll(async () => {
  env = { SEALING_KEYS: JSON.stringify({ keys: [await generateKey()] }) };
  keys = await privateKeysOf(env.SEALING_KEYS!);
});

const opened = (sealed: unknown, purpose: 'credentials' | `property:${string}`, submissionId: string) =>
  open(sealed as Sealed, { ...key, purpose, submissionId }, keys);

describe('cyclr-connect properties', () => {
  test('the command properties with --set sends plain values unchanged and secrets sealed, and warns about the history of the shell', async () => {
    const argv = ['properties', 'acme', '42', '--set', 'Domain=a=b', '--set', `Secret=${SECRET}`];

    const { exitCode, stdout, stderr, calls, inputRead } = await cli(argv, { answers, env, input: 'not read' });

    const { submissionId, values, by } = inputOf(calls, 'submitProperties');
    expect(exitCode).toBe(0);
    expect(values).toEqual({ Domain: 'a=b', Secret: { sealed: expect.any(String) } });
    expect(await opened(values.Secret, 'property:Secret', submissionId)).toBe(SECRET);
    expect(submissionId).toMatch(/^[0-9a-f-]{36}$/);
    expect(by).toMatch(/^cli/);
    expect(stderr).toMatch(/^warning: .*history.*\n$/);
    expect(stdout + stderr).not.toContain(SECRET);
    expect(stdout).toMatch(/^state +authenticated, notChecked$/m);
    expect(inputRead).toBe(false);
  });

  test('the command properties sends a JSON object from standard input without a warning', async () => {
    const input = `\uFEFF${JSON.stringify({ Domain: 'acme', Secret: SECRET })}\n`;

    const { exitCode, stdout, stderr, calls } = await cli(['properties', 'acme', '42', '--json'], {
      answers,
      env,
      input,
    });

    const { submissionId, values } = inputOf(calls, 'submitProperties');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual(taken);
    expect(stderr).toBe('');
    expect(values.Domain).toBe('acme');
    expect(await opened(values.Secret, 'property:Secret', submissionId)).toBe(SECRET);
  });

  test.each<[string, () => Promise<ReturnType<typeof viewOf>>]>([
    ['a property that the flow does not list', async () => awaitingProperties],
    ['every property if the flow lists none', async () => viewOf({ state: 'fetchingConnector' })],
  ])('the command properties seals %s, because the value can be a secret', async (_, view) => {
    const { calls, stderr } = await cli(['properties', 'acme', '42', '--set', `Unknown=${SECRET}`], {
      answers: { ...answers, view },
      env,
    });

    const { submissionId, values } = inputOf(calls, 'submitProperties');
    expect(await opened(values.Unknown, 'property:Unknown', submissionId)).toBe(SECRET);
    expect(stderr).toMatch(/^warning: /);
  });

  test('the command properties needs no sealing keys for values that are not secret', async () => {
    const { exitCode, calls } = await cli(['properties', 'acme', '42', '--set', 'Domain='], { answers });

    expect(exitCode).toBe(0);
    expect(inputOf(calls, 'submitProperties').values).toEqual({ Domain: '' });
  });

  test('the command properties accepts a property named __proto__', async () => {
    const { calls } = await cli(['properties', 'acme', '42'], { answers, env, input: '{"__proto__":"x"}' });

    expect(Object.keys(inputOf(calls, 'submitProperties').values)).toEqual(['__proto__']);
  });

  test('the command properties sends --submission-id, so that a script can repeat the submission', async () => {
    const argv = ['properties', 'acme', '42', '--set', `Secret=${SECRET}`, '--submission-id', 'mine_1'];

    const { calls } = await cli(argv, { answers, env });

    const { submissionId, values } = inputOf(calls, 'submitProperties');
    expect(submissionId).toBe('mine_1');
    expect(await opened(values.Secret, 'property:Secret', 'mine_1')).toBe(SECRET);
  });

  test.each(['', ' \n'])(
    'the command properties without --set fails with wrongUsage if standard input is %j',
    async (input) => {
      const { exitCode, stderr, calls } = await cli(['properties', 'acme', '42'], { answers, env, input });

      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/^wrongUsage: no input: standard input is empty/);
      expect(calls).toEqual([]);
    },
  );

  test.each<[string, string | Buffer]>([
    ['broken JSON', `{"Secret":"${SECRET}"`],
    ['a list', `["${SECRET}"]`],
    ['a number as value', `{"Secret":1,"Other":"${SECRET}"}`],
    ['null', 'null'],
    ['a string', `"${SECRET}"`],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['more than 1 MiB', `{"Secret":"${'x'.repeat(1024 * 1024)}"}`],
    ['a value over 64 KiB', `{"Secret":"${'x'.repeat(70_000)}"}`],
    ['a value with a lone surrogate', '{"Secret":"\\ud800"}'],
  ])(
    'the command properties fails with malformed and sends nothing if standard input contains %s',
    async (_, input) => {
      const { exitCode, stdout, stderr, calls } = await cli(['properties', 'acme', '42'], { answers, env, input });

      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/^malformed: .*\n$/);
      expect(stdout + stderr).not.toContain(SECRET);
      expect(calls.filter(({ name }) => name !== 'view')).toEqual([]);
    },
  );
});

describe('cyclr-connect credentials', () => {
  test('the command credentials sends the credentials from standard input sealed, never in clear', async () => {
    const { exitCode, stdout, stderr, calls } = await cli(['credentials', 'acme', '42'], {
      answers,
      env,
      input: apiKey,
    });

    const { submissionId, credentials } = inputOf(calls, 'submitCredentials');
    expect(exitCode).toBe(0);
    expect(JSON.parse(await opened(credentials, 'credentials', submissionId))).toEqual({ kind: 'apiKey', key: SECRET });
    expect(JSON.stringify(calls) + stdout + stderr).not.toContain(SECRET);
  });

  test('the command credentials without --submission-id sends a new submission id for each submission', async () => {
    const first = await cli(['credentials', 'acme', '42'], { answers, env, input: apiKey });
    const second = await cli(['credentials', 'acme', '42'], { answers, env, input: apiKey });

    const ids = [first, second].map(({ calls }) => inputOf(calls, 'submitCredentials').submissionId);
    expect(new Set(ids).size).toBe(2);
  });

  test('the command credentials fails with wrongUsage if standard input is empty', async () => {
    const { exitCode, calls } = await cli(['credentials', 'acme', '42'], { answers, env });

    expect(exitCode).toBe(2);
    expect(calls).toEqual([]);
  });

  test('the command credentials fails with malformed for JSON that is no credentials, and does not quote the JSON', async () => {
    const input = JSON.stringify({ kind: 'apiKey', apiKey: SECRET });

    const { exitCode, stdout, stderr, calls } = await cli(['credentials', 'acme', '42'], { answers, env, input });

    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^malformed: /);
    expect(stdout + stderr).not.toContain(SECRET);
    expect(calls).toEqual([]);
  });

  test('the command credentials prints the code of a refusal by the flow', async () => {
    const submitCredentials = async () => {
      throw new ConnectorAuthError('notNow', 'It waits for properties.');
    };

    const { exitCode, stdout, stderr } = await cli(['credentials', 'acme', '42'], {
      answers: { submitCredentials },
      env,
      input: apiKey,
    });

    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'notNow: It waits for properties. To see the state: cyclr-connect view acme 42\n',
    });
  });
});

test.each<[ProblemCode | undefined, StateName, number]>([
  ['refused', 'awaitingCredentials', 1],
  ['notAuthorized', 'awaitingProperties', 1],
  ['notAuthorized', 'awaitingAuthorization', 1],
  ['cyclrUnavailable', 'awaitingCredentials', 0],
  ['cyclrUnavailable', 'applyingCredentials', 0],
  ['refused', 'applyingCredentials', 0],
  [undefined, 'awaitingCredentials', 0],
  [undefined, 'authenticated', 0],
])(
  'for a view with the problem %s in the state %s, the command credentials prints the view and exits with %i',
  async (code, state, expected) => {
    const view = viewOf({ state, ...(code && { problem: { code, message: 'Refused.' } }) });

    const { exitCode, stdout, stderr } = await cli(['credentials', 'acme', '42', '--json'], {
      answers: { submitCredentials: async () => view },
      env,
      input: apiKey,
    });

    expect(exitCode).toBe(expected);
    expect(JSON.parse(stdout)).toEqual(view);
    expect(stderr).toBe(expected === 1 ? `${code}: Refused.\n` : '');
  },
);

test.each<[string, Partial<View>, string]>([
  [
    'failed',
    { state: 'failed', failure: { code: 'connectorNotFound', message: 'There is none.' } },
    'connectorNotFound: There is none.\n',
  ],
  ['cancelled', { state: 'cancelled' }, 'cancelled: the flow has ended\n'],
  ['expired', { state: 'expired' }, 'expired: the flow has ended\n'],
])(
  'if the flow ends as %s before Cyclr has taken the input, the commands properties and credentials print the view and exit with 1',
  async (_state, parts, line) => {
    const end = viewOf(parts);
    const submit = async () => end;
    const scene = { answers: { ...answers, submitProperties: submit, submitCredentials: submit }, env, input: apiKey };

    const ends = [
      await cli(['credentials', 'acme', '42', '--json'], scene),
      await cli(['properties', 'acme', '42', '--set', 'Domain=a', '--json'], scene),
    ];

    for (const { exitCode, stdout, stderr } of ends) {
      expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: line });
      expect(JSON.parse(stdout)).toEqual(end);
    }
  },
);

describe('cyclr-connect seal', () => {
  test.each([
    ['hunter2', 'hunter2'],
    ['hunter2\n', 'hunter2'],
    ['hunter2\r\n', 'hunter2'],
    ['hunter2\n\n', 'hunter2\n'],
    [' hunter2 ', ' hunter2 '],
    ['\uFEFFhunter2', '\uFEFFhunter2'],
    ['', ''],
  ])(
    'the command seal reads %j from standard input and seals %j for a property, without Temporal',
    async (input, value) => {
      const argv = ['seal', 'acme', '42', 'sub-1', '--property', 'Secret'];

      const { exitCode, stdout, stderr, closed } = await cli(argv, { env, input });

      expect({ exitCode, stderr, closed }).toEqual({ exitCode: 0, stderr: '', closed: 0 });
      expect(await opened(JSON.parse(stdout), 'property:Secret', 'sub-1')).toBe(value);
    },
  );

  test('the command seal without --property seals credentials', async () => {
    const { exitCode, stdout } = await cli(['seal', 'acme', '42', 'sub-1', '--json'], { env, input: `${apiKey}\n` });

    expect(exitCode).toBe(0);
    expect(await opened(JSON.parse(stdout), 'credentials', 'sub-1')).toBe(apiKey);
  });

  test.each([
    ['a plain text', SECRET],
    ['an empty text', ''],
    ['JSON without kind', `{"key":"${SECRET}"}`],
  ])('the command seal without --property seals only credentials, and refuses %s', async (_what, input) => {
    const { exitCode, stdout, stderr } = await cli(['seal', 'acme', '42', 'sub-1'], { env, input });

    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toMatch(/^malformed: /);
    expect(stderr).not.toContain(SECRET);
  });
});

describe('sealing keys', () => {
  const seal = ['seal', 'acme', '42', 'sub-1', '--property', 'Secret'];

  test('the sealing keys of the command line come from a file if SEALING_KEYS is the path of the file', async () => {
    const file = write(join(temporaryFolder(), 'keys.json'), env.SEALING_KEYS!);

    const { stdout } = await cli(seal, { env: { SEALING_KEYS: file }, input: SECRET });

    expect(await opened(JSON.parse(stdout), 'property:Secret', 'sub-1')).toBe(SECRET);
  });

  test('without SEALING_KEYS, the sealing keys of the command line come from the key file of npm start', async () => {
    const cwd = temporaryFolder();
    write(join(cwd, '.data', 'sealing-keys.json'), env.SEALING_KEYS!);

    const { stdout } = await cli(seal, { cwd, input: SECRET });

    expect(await opened(JSON.parse(stdout), 'property:Secret', 'sub-1')).toBe(SECRET);
  });

  test('the sealing keys of the command line are the keys of npm start if npm start is running', async () => {
    const cwd = folderOfStack({ sealingKeys: env.SEALING_KEYS });
    write(join(cwd, '.data', 'sealing-keys.json'), 'other keys');

    const { stdout } = await cli(seal, { cwd, input: SECRET });

    expect(await opened(JSON.parse(stdout), 'property:Secret', 'sub-1')).toBe(SECRET);
  });

  test.each(['TEMPORAL_ADDRESS', 'TEMPORAL_CONFIG_FILE'])(
    'if %s names a Temporal server, the command line does not seal to the key file of npm start, and the error names SEALING_KEYS',
    async (variable) => {
      const cwd = temporaryFolder();
      write(join(cwd, '.data', 'sealing-keys.json'), env.SEALING_KEYS!);
      const address = 'temporal.example.com:7233';
      const profiles = write(join(cwd, 'temporal.toml'), `[profile.default]\naddress = "${address}"\n`);
      const named = { [variable]: variable === 'TEMPORAL_ADDRESS' ? address : profiles };

      const { exitCode, stdout, stderr } = await cli(seal, { cwd, env: named, input: SECRET });

      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
      expect(stderr).toMatch(/^configuration: SEALING_KEYS is not set/);
    },
  );

  test('if TEMPORAL_ADDRESS names another server than that of npm start, the command line does not seal to the keys of npm start', async () => {
    const cwd = folderOfStack({ sealingKeys: env.SEALING_KEYS });
    const TEMPORAL_ADDRESS = 'temporal.example.com:7233';

    const { exitCode, stdout, stderr } = await cli(seal, { cwd, env: { TEMPORAL_ADDRESS }, input: SECRET });

    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toMatch(/^configuration: SEALING_KEYS is not set/);
  });

  test('if the sealing keys of the command line are missing, the error names SEALING_KEYS', async () => {
    const { exitCode, stderr } = await cli(seal, { cwd: temporaryFolder(), input: SECRET });

    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^configuration: SEALING_KEYS /);
  });

  test('if the sealing keys cannot be read from the key file of npm start, the error names the file and does not quote its content', async () => {
    const cwd = temporaryFolder();
    write(join(cwd, '.data', 'sealing-keys.json'), `{"keys":["${SECRET}"`);

    const { exitCode, stderr } = await cli(seal, { cwd, input: SECRET });

    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^configuration: the sealing keys of npm start \(.data\/sealing-keys\.json, .*\n$/);
    expect(stderr).not.toContain(SECRET);
  });

  test('if the sealing keys of the command line cannot be parsed, the error does not quote the keys', async () => {
    const { exitCode, stderr } = await cli(seal, { env: { SEALING_KEYS: `'{"keys":["${SECRET}"]}'` }, input: SECRET });

    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^invalidKeys: /);
    expect(stderr).not.toContain(SECRET);
  });
});
