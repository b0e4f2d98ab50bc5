import { ConnectorAuthError } from '../../client/connector-auth-error';
import { cli, SECRET, viewOf } from './scene';

const commands = [
  'start',
  'view',
  'timeline',
  'watch',
  'recheck',
  'cancel',
  'list',
  'bulk',
  'events',
  'connections',
  'monitor',
  'deauthenticate',
  'audit',
  'onboard',
  'properties',
  'credentials',
  'link',
  'confirm',
  'seal',
  'keys',
  'replay',
  'search-attributes',
  'doctor',
  'probe',
  'policies',
];

test('--help lists every command on its own line, and shows the name with which the user runs the program', async () => {
  const { exitCode, stdout, stderr } = await cli(['--help'], { name: 'npm run cli --' });

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toMatch(/^Usage: npm run cli -- \[options\] \[command\]\n/);
  expect([...stdout.matchAll(/^ {2}([\w-]+) .*? {2,}[A-Z]/gm)].map(([, name]) => name)).toEqual(commands);
});

test('--version prints the version of the package', async () => {
  expect(await cli(['--version'])).toMatchObject({ exitCode: 0, stdout: '1.2.3\n', stderr: '' });
});

test.each(commands.filter((name) => !['keys', 'policies', 'events', 'bulk'].includes(name)))(
  '%s --help shows --json and each option',
  async (name) => {
    const { exitCode, stdout, stderr } = await cli([name, 'x', '-h', '--nonsense']);

    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: cyclr-connect ${name} .*\n\n[A-Z]`));
    expect(stdout).toContain('--json ');
  },
);

test('after -- every word is an argument, even a word that begins with a dash', async () => {
  const { calls } = await cli(['view', '--', '-h', '42'], { answers: { view: async () => viewOf() } });

  expect(calls[0]!.args).toEqual([{ accountId: '-h', connectorId: 42 }]);
});

test.each<[string, string[], RegExp]>([
  ['an unknown command', ['constructor'], /unknown command\. Help: cyclr-connect --help/],
  ['a misspelt command', ['vew'], /unknown command \(Did you mean view\?\)\. /],
  ['a missing argument', ['view', 'acme'], /missing required argument 'connector'\. Help: cyclr-connect view --help/],
  [
    'one argument too many',
    ['keys', 'generate', 'x'],
    /too many arguments .*\. Help: cyclr-connect keys generate --help/,
  ],
  ['an empty account id', ['view', '', '42'], /<account>/],
  ['an account id outside Latin-1', ['view', 'アカ1', '42'], /<account>/],
  ['an account id that is a path', ['view', '..', '42'], /<account>/],
  ['a connector id of words', ['view', 'acme', 'hubspot'], /<connector>/],
  ['a connector id of 0', ['view', 'acme', '0'], /<connector>/],
  ['a negative connector id', ['view', 'acme', '-1'], /<connector>/],
  ['a connector id with a fraction', ['view', 'acme', '1.5'], /<connector>/],
  ['a connector id in hexadecimal', ['view', 'acme', '0x2a'], /<connector>/],
  ['a connector id that is too large for a JavaScript integer', ['view', 'acme', '9007199254740993'], /<connector>/],
  ['an unknown option', ['view', 'acme', '42', '--wait'], /unknown option '--wait'/],
  ['an unknown option with a value', ['view', 'acme', '42', `--key=${SECRET}`], /unknown option '--key'/],
  ['an unknown short option', ['view', 'acme', '42', `-k${SECRET}`], /unknown option '-k'/],
  ['a misspelt option', ['start', 'acme', '42', '--wiat'], /unknown option '--wiat' \(Did you mean --wait\?\)/],
  ['a value for a flag', ['start', 'acme', '42', '--wait=yes'], /option '--wait' takes no value/],
  ['an option without its value', ['cancel', 'acme', '42', '--reason'], /option '--reason <text>' argument missing/],
  ['--set without a name', ['properties', 'acme', '42', '--set', '=x'], /NAME=VALUE/],
  ['--set without a value', ['properties', 'acme', '42', '--set', 'Domain'], /NAME=VALUE/],
  ['the same name in two --set', ['properties', 'acme', '42', '--set', 'A=1', '--set', 'A=2'], /twice/],
  ['a submission id with a space', ['properties', 'acme', '42', '--submission-id', 'a b'], /submission id/],
  ['an empty submission id', ['credentials', 'acme', '42', '--submission-id', ''], /submission id/],
  ['a submission id with a slash', ['seal', 'acme', '42', 'a/b'], /submission id/],
  ['an argument after list', ['list', 'acme'], /too many arguments/],
  ['an account id with a space at its end', ['list', '--account', 'acme '], /--account is no account id/],
  ['an unknown state', ['list', '--state', 'done'], /--state takes one of fetchingConnector, .*, unsupported/],
  ['an unknown problem', ['list', '--problem', 'x'], /--problem takes one of cyclrUnavailable, operatorsTrouble/],
  ['a duration without a unit of time', ['list', '--older-than', '2 moons'], /above 0 and at most 90 days, such as/],
  ['a duration of 0', ['list', '--older-than', '0s'], /above 0 and at most 90 days/],
  ['a duration above 90 days', ['list', '--older-than', '91d'], /above 0 and at most 90 days/],
  ['a word as --from', ['audit', 'acme', '--from', 'yesterday'], /--from takes a time in ISO 8601/],
  [
    'a time without a time zone as --to',
    ['audit', 'acme', '--to', '2026-01-31T12:00'],
    /--to takes a time in ISO 8601/,
  ],
  ['an argument after doctor', ['doctor', 'acme'], /too many arguments/],
  ['an empty name of a property', ['seal', 'acme', '42', 's', '--property', ''], /--property/],
  ['replay without files and without --from-server', ['replay'], /either files or --from-server/],
  ['replay with files and --from-server', ['replay', 'a.json', '--from-server'], /either files or --from-server/],
  [
    'replay with a file and --query',
    ['replay', 'a.json', '--query', "WorkflowId = 'x'"],
    /--query needs --from-server/,
  ],
])(
  'for %s, the command line fails as wrongUsage with one line that has the fault and the help command, and sends nothing',
  async (_, argv, line) => {
    const { exitCode, stdout, stderr, calls, closed } = await cli(argv, { input: '{}' });

    expect({ exitCode, stdout, calls, closed }).toEqual({ exitCode: 2, stdout: '', calls: [], closed: 0 });
    expect(stderr).toMatch(/^wrongUsage: .+ Help: cyclr-connect .*--help\n$/);
    expect(stderr).toMatch(line);
  },
);

test.each([[[]], [['keys']]])(
  'the arguments %j without a command print the help on standard error, with exit code 2',
  async (argv) => {
    const { exitCode, stdout, stderr } = await cli(argv);

    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: cyclr-connect /);
  },
);

test.each([
  ['credentials', 'acme', '42', SECRET],
  ['credentials', 'acme', '42', `--${SECRET}`],
  ['credentials', 'acme', '42', `--key=${SECRET}`],
  ['credentials', 'acme', '42', `-k${SECRET}`],
  ['credentials', 'acme', '42', '--submission-id', `${SECRET}!`],
  ['properties', 'acme', '42', '--set', SECRET],
  ['properties', 'acme', '42', SECRET],
  ['seal', 'acme', '42', 'sub-1', SECRET],
  ['view', 'acme', SECRET],
  ['keys', SECRET],
  [SECRET],
])('a secret in place of another argument is not printed: %s %s %s …', async (...argv) => {
  const { exitCode, stdout, stderr } = await cli(argv, { input: '{"kind":"apiKey","key":"k"}' });

  expect(exitCode).toBe(2);
  expect(stdout + stderr).not.toContain(SECRET);
});

test('a secret in place of the name in --set is not printed', async () => {
  const argv = ['properties', 'acme', '42', '--set', `${SECRET}==`]; // a secret in Base64 can end with =
  const view = async () => viewOf({ state: 'awaitingProperties', fields: [] });

  const { stdout, stderr } = await cli(argv, { answers: { view } });

  expect(stdout + stderr).not.toContain(SECRET);
});

test.each([
  ['temporalUnavailable: No answer.', new ConnectorAuthError('temporalUnavailable', 'No answer.')],
  ['unexpected: first line second line', new Error('first line\nsecond line')],
  [
    'notStarted: There is none. To start: cyclr-connect start acme 42',
    new ConnectorAuthError('notStarted', 'There is none.'),
  ],
  [
    'alreadyRunning: One is open. To see the state: cyclr-connect view acme 42',
    new ConnectorAuthError('alreadyRunning', 'One is open.'),
  ],
])('the command line prints an error as one line with the code and the next step: %s', async (line, error) => {
  const view = () => Promise.reject(error);

  const { exitCode, stdout, stderr } = await cli(['view', 'acme', '42'], { answers: { view } });

  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 1, stdout: '', stderr: `${line}\n` });
});

test('a hint names an npm script only if npm runs the program in the repository', async () => {
  const answers = { view: () => Promise.reject(new ConnectorAuthError('noWorker', 'No worker answers.')) };
  const env = { npm_lifecycle_event: 'cli', npm_package_name: 'cyclr-connect' };

  const installed = await cli(['view', 'acme', '42'], { answers });
  const inRepository = await cli(['view', 'acme', '42'], { answers, env });

  expect(installed.stderr).toBe('noWorker: No worker answers.\n');
  expect(inRepository.stderr).toBe('noWorker: No worker answers. To start one: npm run worker\n');
});
