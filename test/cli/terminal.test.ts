import { generateKey, privateKeysOf, type PrivateKeys } from '../../sealing/keys';
import { open } from '../../sealing/seal';
import type { Field } from '../../workflows/connector';
import type { View } from '../../workflows/messages';
import { cli, inputOf, SECRET, viewOf } from './scene';

const key = { accountId: 'acme', connectorId: 42 };
const taken = viewOf({ state: 'authenticated', verification: 'notChecked' });
const field = (name: string, parts: Partial<Field> = {}): Field => ({
  name,
  label: name,
  required: true,
  secret: false,
  stored: false,
  ...parts,
});

let env: NodeJS.ProcessEnv;
let keys: PrivateKeys;

beforeAll(async () => {
  env = { SEALING_KEYS: JSON.stringify({ keys: [await generateKey()] }) };
  keys = await privateKeysOf(env.SEALING_KEYS!);
});

/** Runs a command and presses the keys `input`. Returns, in clear, the values that the command sends. */
async function typed(command: string, view: View, input: string, argv: string[] = []) {
  const answers = { view: async () => view, submitProperties: async () => taken, submitCredentials: async () => taken };
  const result = await cli([command, 'acme', '42', ...argv], { answers, env, terminal: true, input });
  const name = command === 'credentials' ? 'submitCredentials' : 'submitProperties';
  if (!result.calls.some((call) => call.name === name)) return { ...result, sent: undefined };
  const { submissionId, values, credentials } = inputOf(result.calls, name);
  if (credentials) {
    const binding = { ...key, purpose: 'credentials', submissionId } as const;
    return { ...result, sent: JSON.parse(await open(credentials, binding, keys)) };
  }
  const sent: { [name: string]: string } = {};
  for (const [property, value] of Object.entries(values)) {
    const binding = { ...key, purpose: `property:${property}`, submissionId } as const;
    sent[property] = typeof value === 'string' ? value : `opened: ${await open(value, binding, keys)}`;
  }
  return { ...result, sent };
}

const connectorOf = (authType: string, parts = {}) => ({ name: 'HubSpot', authType, partnerSupplied: false, ...parts });

describe('cyclr-connect credentials', () => {
  test('the command credentials on a terminal asks for an API key and does not show it', async () => {
    const { exitCode, sent, stdout, stderr } = await typed('credentials', viewOf(), `${SECRET}\r`);

    expect(exitCode).toBe(0);
    expect(sent).toEqual({ kind: 'apiKey', key: SECRET });
    expect(stderr).toBe('API key (hidden): \n');
    expect(stdout + stderr).not.toContain(SECRET);
  });

  test('the command credentials on a terminal shows the typed user name, but not the password, which can be empty', async () => {
    const view = viewOf({ connector: connectorOf('Basic') });

    const { sent, stdout, stderr } = await typed('credentials', view, `kim\r${SECRET}\r`);
    const withoutPassword = await typed('credentials', view, 'kim\r\r');

    expect(sent).toEqual({ kind: 'basic', username: 'kim', password: SECRET });
    expect(withoutPassword.sent).toEqual({ kind: 'basic', username: 'kim', password: '' });
    expect(stderr).toMatch(/User name: .*kim.*Password \(hidden\): \n$/s);
    expect(stdout + stderr).not.toContain(SECRET);
  });

  test('the command credentials on a terminal asks for the tokens of a partner’s own connector and does not show them', async () => {
    const connector = connectorOf('OAuth2', { oauth2Type: 'AuthorisationCode', partnerSupplied: true });

    const both = await typed('credentials', viewOf({ connector }), `${SECRET}\rrefresh\r`);
    const one = await typed('credentials', viewOf({ connector }), `${SECRET}\r\r`);

    expect(both.sent).toEqual({ kind: 'tokens', accessToken: SECRET, refreshToken: 'refresh' });
    expect(one.sent).toEqual({ kind: 'tokens', accessToken: SECRET });
    expect(both.stderr).not.toMatch(/hunter2|refresh\n/);
  });

  test('the command credentials on a terminal lets the user edit a hidden answer', async () => {
    const { sent } = await typed('credentials', viewOf(), 'wrong\u0015hunterx\u007f2\r');

    expect(sent).toEqual({ kind: 'apiKey', key: 'hunter2' });
  });

  test.each([
    ['waits for properties', viewOf({ state: 'awaitingProperties', fields: [] })],
    ['waits for a consent', viewOf({ state: 'awaitingAuthorization', connector: connectorOf('OAuth2') })],
    ['has ended', viewOf({ state: 'expired' })],
  ])('the command credentials on a terminal asks nothing if the flow %s', async (_, view) => {
    const { exitCode, stderr, sent } = await typed('credentials', view, '');

    expect(exitCode).toBe(1);
    expect(stderr).toMatch(new RegExp(`^notNow: .*\\(state ${view.state}\\)`));
    expect(sent).toBeUndefined();
  });

  test('the command credentials on a terminal fails with malformed for an empty API key', async () => {
    const { exitCode, stderr, sent } = await typed('credentials', viewOf(), '\r');

    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/malformed: .*\n$/);
    expect(sent).toBeUndefined();
  });

  test.each([
    ['Ctrl-C', '\u0003'],
    ['Ctrl-D', '\u0004'],
  ])('the command credentials on a terminal exits 130 after %s, and sends nothing', async (_, end) => {
    const { exitCode, stdout, stderr, sent } = await typed('credentials', viewOf(), `${SECRET}\u0015${end}`);

    expect({ exitCode, stdout, sent }).toEqual({ exitCode: 130, stdout: '', sent: undefined });
    expect(stderr).toBe('API key (hidden): \ninterrupted: nothing was sent\n');
  });
});

describe('cyclr-connect properties', () => {
  const awaiting = (fields: Field[], parts: Partial<View> = {}) =>
    viewOf({ state: 'awaitingProperties', fields, ...parts });

  test('the command properties on a terminal asks for the missing fields, hides secret answers, and shows the options and the default of a field as proposals', async () => {
    const view = awaiting([
      field('Domain', { label: 'Your domain', help: 'as in the address', options: ['eu', 'us'], default: 'eu' }),
      field('Secret', { secret: true }),
      field('Stored', { stored: true }),
      field('Note', { required: false }),
    ]);

    const { sent, stdout, stderr } = await typed('properties', view, `\r${SECRET}\r\r`);

    expect(sent).toEqual({ Domain: 'eu', Secret: `opened: ${SECRET}` });
    expect(stderr).toContain('Your domain (as in the address) [eu | us; Enter for eu]: ');
    expect(stderr).toContain('Secret [required] (hidden): \n');
    expect(stderr).toContain('Note [optional]: ');
    expect(stderr).not.toContain('Stored');
    expect(stderr).not.toContain('warning');
    expect(stdout + stderr).not.toContain(SECRET);
  });

  test('the command properties on a terminal repeats the question for a required field until the field has a value', async () => {
    const { sent, stderr } = await typed('properties', awaiting([field('Domain')]), '\r\racme\r');

    expect(sent).toEqual({ Domain: 'acme' });
    expect(stderr.match(/Domain \[required\]: /g)!.length).toBeGreaterThanOrEqual(3);
  });

  test.each([
    ['no field is missing', {}],
    ['the view has a problem', { problem: { code: 'refused', message: 'No.' } }],
    ['the flow re-authenticates', { intent: 'reauthenticate' }],
  ] as [string, Partial<View>][])(
    'the command properties on a terminal asks for all fields if %s, and Enter keeps a stored value',
    async (_, parts) => {
      const fields = [
        field('Domain', { stored: true, default: 'eu' }),
        field('Secret', { secret: true, stored: true }),
      ];

      const { sent, stderr } = await typed('properties', awaiting(fields, parts), `\r${SECRET}\r`);

      expect(sent).toEqual({ Secret: `opened: ${SECRET}` });
      expect(stderr).toContain('Domain [Enter keeps it]: ');
    },
  );

  test('the command properties on a terminal reads an answer of several lines until an empty line, and hides the answer if the field is secret', async () => {
    const view = awaiting([field('Key', { secret: true, multiline: true }), field('Domain')]);

    const { sent, stdout, stderr } = await typed('properties', view, `-----BEGIN\r${SECRET}\r-----END\r\racme\r`);

    expect(sent).toEqual({ Key: `opened: -----BEGIN\n${SECRET}\n-----END`, Domain: 'acme' });
    expect(stderr).toContain('Key [required] (hidden) (end with an empty line): ');
    expect(stdout + stderr).not.toContain(SECRET);
  });

  test('the command properties on a terminal with --set asks nothing', async () => {
    const { exitCode, sent } = await typed('properties', awaiting([field('A'), field('B')]), '', ['--set', 'A=1']);

    expect(exitCode).toBe(0);
    expect(sent).toEqual({ A: '1' });
  });

  test('the command properties on a terminal asks nothing if the flow does not wait for properties', async () => {
    const { exitCode, stderr } = await typed('properties', viewOf(), '');

    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^notNow: .*\(state awaitingCredentials\)/);
  });
});

test('the command seal asks for the value and does not show it', async () => {
  const argv = ['seal', 'acme', '42', 'sub-1', '--property', 'Secret'];

  const { stdout, stderr } = await cli(argv, { env, terminal: true, input: `${SECRET}\r` });

  const binding = { ...key, purpose: 'property:Secret', submissionId: 'sub-1' } as const;
  expect(await open(JSON.parse(stdout), binding, keys)).toBe(SECRET);
  expect(stderr).toBe('Value (hidden): \n');
});

test('the command line exits 130 after a signal during a question', async () => {
  const interruption = new AbortController();
  const view = async () => {
    setImmediate(() => interruption.abort());
    return viewOf();
  };

  const result = await cli(['credentials', 'acme', '42'], {
    answers: { view },
    env,
    terminal: true,
    signal: interruption.signal,
  });

  expect(result).toMatchObject({ exitCode: 130, stdout: '', stderr: 'API key (hidden): \n' });
});
