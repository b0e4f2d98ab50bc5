import { ConnectorAuthError } from '../../client/connector-auth-error';
import type { StateName, View } from '../../workflows/messages';
import { cli, viewOf, type Scene } from './scene';

const attempt = { id: 'attempt-1', requestedAt: '2030-01-01T00:00:00.000Z', expiresAt: '2030-01-01T00:05:00.000Z' };
const asked = viewOf({ state: 'awaitingAuthorization', attempt });
const notAuthorized = { code: 'notAuthorized', message: 'Not yet.' } as const;

/** The command, where a look shows one view and the confirmation is answered by another. */
const confirm = (seen: View, answer: View | Error, words: string[] = [], scene: Scene = {}) =>
  cli(['confirm', 'acme', '42', ...words], {
    answers: {
      view: async () => seen,
      confirmAuthorization: async () => {
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
    ...scene,
  });

test('the attempt that the view shows is confirmed, and the view after that is shown', async () => {
  const end = viewOf({ state: 'authenticated', verification: 'notChecked' });

  const { exitCode, stdout, stderr, calls, closed } = await confirm(asked, end);

  const key = { accountId: 'acme', connectorId: 42 };
  expect({ exitCode, stderr, closed }).toEqual({ exitCode: 0, stderr: '', closed: 1 });
  expect(stdout).toMatch(/^state +authenticated, notChecked$/m);
  expect(calls).toEqual([
    { name: 'view', args: [key] },
    {
      name: 'confirmAuthorization',
      args: [key, { attemptId: 'attempt-1', by: expect.stringMatching(/^cli(:.{1,96})?$/) }],
    },
  ]);
});

test('with --json it is the view itself', async () => {
  const end = viewOf({ state: 'authenticated', verification: 'unproven', intent: 'reauthenticate' });

  const { exitCode, stdout } = await confirm(asked, end, ['--json']);

  expect([exitCode, stdout]).toEqual([0, `${JSON.stringify(end)}\n`]);
});

test.each<[string, View, number, string]>([
  ['authenticated', viewOf({ state: 'authenticated', verification: 'notChecked' }), 0, ''],
  ['still verifying', viewOf({ state: 'verifyingAuthorization', attempt }), 0, ''],
  [
    'still verifying, while Cyclr is away',
    viewOf({ state: 'verifyingAuthorization', attempt, problem: { code: 'cyclrUnavailable', message: 'Later.' } }),
    0,
    '',
  ],
  ['not authorized', { ...asked, problem: notAuthorized }, 1, 'notAuthorized: Not yet.\n'],
  ['asked a moment ago', asked, 1, 'notAuthorized: not yet (state awaitingAuthorization)\n'],
  ['cancelled meanwhile', viewOf({ state: 'cancelled' }), 1, 'notAuthorized: not yet (state cancelled)\n'],
  [
    'expired, since Cyclr is away',
    viewOf({ state: 'expired', problem: { code: 'cyclrUnavailable', message: 'Gone.' } }),
    1,
    'cyclrUnavailable: Gone.\n',
  ],
  [
    'applying tokens',
    viewOf({ state: 'applyingCredentials' }),
    1,
    'notAuthorized: not yet (state applyingCredentials)\n',
  ],
])('the exit code says whether it is authenticated, or may become so: %s', async (_what, view, code, line) => {
  const { exitCode, stdout, stderr } = await confirm(asked, view, ['--json']);

  expect({ exitCode, stderr }).toEqual({ exitCode: code, stderr: line });
  expect(JSON.parse(stdout)).toEqual(view);
});

test('while Cyclr is asked already, it is joined', async () => {
  const end = viewOf({ state: 'authenticated', verification: 'notChecked' });

  const { exitCode, calls } = await confirm(viewOf({ state: 'verifyingAuthorization', attempt }), end);

  expect(exitCode).toBe(0);
  expect(calls.map(({ name }) => name)).toEqual(['view', 'confirmAuthorization']);
});

test('what is authenticated already is said to be, and nothing is asked', async () => {
  const end = viewOf({ state: 'authenticated', verification: 'notChecked' });

  const { exitCode, stdout, stderr, calls } = await confirm(end, new Error('not expected'), ['--json']);

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual(end);
  expect(calls.map(({ name }) => name)).toEqual(['view']);
});

test.each<[StateName, number]>([
  ['authenticated', 0],
  ['cancelled', 1],
])('what ended between the look and the question is shown as it ended: %s', async (state, code) => {
  const end = viewOf({ state, ...(state === 'authenticated' && { verification: 'notChecked' }) });

  const { exitCode, stdout } = await confirm(asked, new ConnectorAuthError('closed', 'It has ended.', end), ['--json']);

  expect(exitCode).toBe(code);
  expect(JSON.parse(stdout)).toEqual(end);
});

test.each<StateName>(['awaitingAuthorization', 'awaitingCredentials', 'fetchingConnector', 'expired', 'failed'])(
  'where no link is out there is nothing to confirm: %s',
  async (state) => {
    const { exitCode, stdout, stderr, calls } = await confirm(viewOf({ state }), new Error('not expected'));

    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toBe(`notNow: there is no link that could be followed (state ${state})\n`);
    expect(calls.map(({ name }) => name)).toEqual(['view']);
  },
);

test.each(['notNow', 'noWorker', 'temporalUnavailable'] as const)('%s is a failure with a code', async (code) => {
  const { exitCode, stdout, stderr, closed } = await confirm(asked, new ConnectorAuthError(code, 'No.'));

  expect({ exitCode, stdout, stderr, closed }).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: `${code}: No.\n`,
    closed: 1,
  });
});

test.each([
  ['no connector', ['confirm', 'acme']],
  ['an argument too many', ['confirm', 'acme', '42', 'attempt-1']],
  ['an unknown flag', ['confirm', 'acme', '42', '--wait']],
])('%s is wrong usage', async (_what, argv) => {
  const { exitCode, stdout, calls } = await cli(argv);

  expect({ exitCode, stdout, calls }).toEqual({ exitCode: 2, stdout: '', calls: [] });
});
