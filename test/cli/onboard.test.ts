import { ConnectorAuthError, type ConnectorAuthErrorCode } from '../../client/connector-auth-error';
import type { OnboardingProgress } from '../../workflows/onboarding';
import { cli } from './scene';

const key = { accountId: 'acme', onboardingId: 'order-17' };
const progressOf = (parts: Partial<OnboardingProgress> = {}): OnboardingProgress => ({
  ...key,
  state: 'running',
  total: 2,
  done: 1,
  connectors: [
    { connectorId: 1001, name: 'Brightdesk', state: 'authenticated', runId: 'run-1' },
    { connectorId: 1002, name: 'Two\nlines', state: 'running', runId: 'run-2' },
  ],
  cycle: { id: 'cycle-1', state: 'paused' },
  revision: 4,
  ...parts,
});
const done: OnboardingProgress['connectors'] = progressOf().connectors.map((one) => ({
  ...one,
  state: 'authenticated',
}));
const started = async () => ({ workflowId: 'onboarding/acme/order-17', runId: 'run', started: true });

test('onboard starts an onboarding, and prints its progress with the next command of each open flow', async () => {
  const answers = { startOnboarding: started, onboarding: async () => progressOf() };

  const argv = ['onboard', 'acme', '--cycle', 'cycle-1', '--activate', '--id', 'order-17'];
  const { exitCode, stdout, stderr, calls } = await cli(argv, { answers });

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: 'Started onboarding order-17 of acme.\n' });
  expect(stdout.split('\n')).toEqual([
    'onboarding  order-17',
    'state       running, 1 of 2 authenticated',
    'cycle       cycle-1  paused',
    '1001  Brightdesk  authenticated',
    '1002  Two lines   running        cyclr-connect view acme 1002',
    '',
  ]);
  expect(calls[0]).toEqual({
    name: 'startOnboarding',
    args: [{ ...key, scope: { cycleId: 'cycle-1' }, activateCycle: true, by: expect.any(String) }],
  });
});

test.each([
  ['--all', ['--all'], { all: true }],
  ['two --connector', ['--connector', '1001', '--connector', '1002'], { connectorIds: [1001, 1002] }],
])('onboard %s sends the scope, and makes a new onboarding id', async (_what, options, scope) => {
  const answers = { startOnboarding: started, onboarding: async () => progressOf() };

  const { calls, stdout } = await cli(['onboard', 'acme', ...options, '--json'], { answers });

  expect(calls[0]?.args[0]).toMatchObject({ scope, onboardingId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  expect(JSON.parse(stdout)).toEqual(progressOf());
});

test.each([
  ['completed', 0],
  ['incomplete', 3],
] as const)(
  'onboard --wait prints each change of the progress, and if the onboarding ends as %s, exits with %i',
  async (state, code) => {
    const last = progressOf({ state, done: 2, connectors: done, cycle: { id: 'cycle-1', state: 'active' } });
    const blocked: OnboardingProgress['cycle'] = {
      id: 'cycle-1',
      state: 'blocked',
      lacks: [{ reasonCode: 40, objectType: 'Step' }],
    };
    const final = state === 'completed' ? last : { ...last, cycle: blocked };
    const changes = async function* () {
      yield* [progressOf(), progressOf({ problem: 'cyclrUnavailable' }), final];
    };

    const argv = ['onboard', 'acme', '--all', '--id', 'order-17', '--wait'];
    const { exitCode, stdout, stderr } = await cli(argv, {
      answers: { startOnboarding: started, onboardingChanges: changes },
    });

    expect(exitCode).toBe(code);
    expect(stderr.split('\n').slice(1)).toEqual([
      '1/2  1001  Brightdesk: authenticated',
      '1/2  1002  Two lines: running',
      'waits: cyclrUnavailable',
      '2/2  1002  Two lines: authenticated',
      '',
    ]);
    expect(stdout).toContain(`state       ${state}, 2 of 2 authenticated`);
    expect(stdout.includes('lacks: reason code 40 Step')).toBe(state === 'incomplete');
  },
);

test('onboard prints the progress of a new onboarding, with exit code 0, if no worker answers after the start', async () => {
  const onboarding = () => Promise.reject(new ConnectorAuthError('noWorker', 'No worker answers.'));
  const argv = ['onboard', 'acme', '--all', '--id', 'order-17', '--json'];

  const { exitCode, stdout, stderr } = await cli(argv, { answers: { startOnboarding: started, onboarding } });

  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr: 'Started onboarding order-17 of acme.\nNo worker answers. The onboarding begins when a worker runs.\n',
  });
  expect(JSON.parse(stdout)).toEqual({ ...key, state: 'running', total: 0, done: 0, connectors: [], revision: 0 });
});

test.each<[string, boolean, ConnectorAuthErrorCode]>([
  ['no worker answers for an onboarding that was already open', false, 'noWorker'],
  ['Temporal does not answer after the start', true, 'temporalUnavailable'],
])('onboard fails if %s', async (_what, isNew, code) => {
  const startOnboarding = async () => ({ ...(await started()), started: isNew });
  const onboarding = () => Promise.reject(new ConnectorAuthError(code, 'No answer.'));

  const { exitCode, stdout, stderr } = await cli(['onboard', 'acme', '--all'], {
    answers: { startOnboarding, onboarding },
  });

  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
  expect(stderr).toMatch(new RegExp(`\n${code}: No answer\\.\n$`));
});

test.each([
  ['no scope', []],
  ['two scopes', ['--all', '--cycle', 'a']],
  ['a connector id that is no number', ['--connector', 'x']],
  ['--activate without --cycle', ['--all', '--activate']],
  ['--reauthenticate without --connector', ['--all', '--reauthenticate']],
])('onboard with %s fails with wrongUsage, and starts nothing', async (_what, options) => {
  const { exitCode, stderr, calls, closed } = await cli(['onboard', 'acme', ...options]);

  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^wrongUsage: /);
  expect({ calls, closed }).toEqual({ calls: [], closed: 0 });
});
