import { ConnectorAuthError } from '../../client/connector-auth-error';
import { cli, SECRET, viewOf } from './scene';

const commands = [
  'start',
  'view',
  'timeline',
  'watch',
  'properties',
  'credentials',
  'link',
  'confirm',
  'cancel',
  'seal',
  'keys',
  'replay',
];

test.each(['--help', '-h'])('%s lists every command', async (flag) => {
  const { exitCode, stdout, stderr } = await cli([flag]);

  expect(exitCode).toBe(0);
  expect(stderr).toBe('');
  expect([...stdout.matchAll(/^ {2}(\w+) {2,}\S/gm)].map(([, name]) => name)).toEqual(commands);
});

test.each(commands)('%s --help shows how it is used, whatever else is given', async (name) => {
  const { exitCode, stdout, stderr } = await cli([name, 'x', '-h', '--nonsense']);

  expect(exitCode).toBe(0);
  expect(stdout).toMatch(new RegExp(`^usage: cyclr-connect ${name} .*\\[--json\\]\n\n\\w`));
  expect(stderr).toBe('');
});

test('after -- everything is an argument, also what looks like an option', async () => {
  const view = async () => {
    throw new ConnectorAuthError('notStarted', 'There is none.');
  };

  const { exitCode, calls } = await cli(['view', '--', '-h', '42'], { answers: { view } });

  expect(exitCode).toBe(1);
  expect(calls[0]!.args).toEqual([{ accountId: '-h', connectorId: 42 }]);
});

test.each([
  ['no command', []],
  ['an unknown command', ['nonsense']],
  ['a name of Object’s', ['constructor']],
  ['no connector', ['view', 'acme']],
  ['no account', ['view']],
  ['an argument too many', ['view', 'acme', '42', '43']],
  ['an empty account id', ['view', '', '42']],
  ['an account id that can not be sent', ['view', 'アカ1', '42']],
  ['an account id that is a path', ['view', '..', '42']],
  ['a connector id of words', ['view', 'acme', 'hubspot']],
  ['a connector id of 0', ['view', 'acme', '0']],
  ['a negative connector id', ['view', 'acme', '--', '-1']],
  ['a connector id with a fraction', ['view', 'acme', '1.5']],
  ['a connector id in hexadecimal', ['view', 'acme', '0x2a']],
  ['an enormous connector id', ['view', 'acme', '9007199254740993']],
  ['an unknown flag', ['view', 'acme', '42', '--wait']],
  ['a flag with a value', ['start', 'acme', '42', '--wait=yes']],
  ['a flag without its value', ['cancel', 'acme', '42', '--reason']],
  ['--set without a name', ['properties', 'acme', '42', '--set', '=x']],
  ['--set without a value', ['properties', 'acme', '42', '--set', 'Domain']],
  ['the same name set twice', ['properties', 'acme', '42', '--set', 'A=1', '--set', 'A=2']],
  ['a submission id that is none', ['properties', 'acme', '42', '--set', 'A=1', '--submission-id', 'a b']],
  ['an empty submission id', ['credentials', 'acme', '42', '--submission-id', '']],
  ['seal without a submission id', ['seal', 'acme', '42']],
  ['seal with a wrong submission id', ['seal', 'acme', '42', 'a/b']],
  ['seal for a property without a name', ['seal', 'acme', '42', 's', '--property', '']],
  ['keys for nothing', ['keys']],
  ['keys for something else', ['keys', 'constructor']],
  ['keys generate with a file', ['keys', 'generate', 'keys.json']],
  ['keys rotate with two files', ['keys', 'rotate', 'a.json', 'b.json']],
  ['replay of nothing', ['replay']],
  ['replay of a file and the server', ['replay', 'a.json', '--from-server']],
  ['replay of a file with a query', ['replay', 'a.json', '--query', "WorkflowId = 'x'"]],
])('%s is wrong usage, and nothing is sent', async (_, argv) => {
  const { exitCode, stdout, stderr, calls, closed } = await cli(argv, { input: '{}' });

  expect({ exitCode, stdout, calls, closed }).toEqual({ exitCode: 2, stdout: '', calls: [], closed: 0 });
  expect(stderr).toMatch(/^wrongUsage: .+\nusage: cyclr-connect .+\n$/);
});

test.each([
  ['credentials', 'acme', '42', SECRET],
  ['credentials', 'acme', '42', `--${SECRET}`],
  ['credentials', 'acme', '42', `--key=${SECRET}`],
  ['credentials', 'acme', '42', `-k${SECRET}`],
  ['properties', 'acme', '42', '--set', SECRET],
  ['properties', 'acme', '42', SECRET],
  ['seal', 'acme', '42', 'sub-1', SECRET],
  [SECRET],
])('a secret in a wrong place is not repeated: %s %s %s …', async (...argv) => {
  const { exitCode, stdout, stderr } = await cli(argv, { input: '{"kind":"apiKey","key":"k"}' });

  expect(exitCode).toBe(2);
  expect(stdout + stderr).not.toContain(SECRET);
});

test('a secret that was set without its name is not repeated either', async () => {
  // The = at the end of a Base64 text makes a name of it.
  const argv = ['properties', 'acme', '42', '--set', `${SECRET}==`];
  const view = async () => viewOf({ state: 'awaitingProperties', fields: [] });

  const { stdout, stderr } = await cli(argv, { answers: { view } });

  expect(stdout + stderr).not.toContain(SECRET);
});

test('when Temporal is away there is a code, and no stack trace', async () => {
  const { exitCode, stdout, stderr } = await cli(['view', 'acme', '42'], {
    connect: async () => {
      throw new ConnectorAuthError('temporalUnavailable', 'Temporal does not answer.');
    },
  });

  expect({ exitCode, stdout, stderr }).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'temporalUnavailable: Temporal does not answer.\n',
  });
});

test('an error nobody thought of is one line, too', async () => {
  const { exitCode, stderr } = await cli(['view', 'acme', '42'], {
    answers: { view: async () => Promise.reject(new Error('what\nis this?')) },
  });

  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: 'unexpected: what is this?\n' });
});
