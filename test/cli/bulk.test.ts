/** The commands of `bulk`, with a fake library. test/client/lists.test.ts runs them on a real server. */
import type { LatestRun } from '../../client/connector-auth';
import { ConnectorAuthError } from '../../client/connector-auth-error';
import type { ConnectorKey } from '../../workflows/connector';
import { cli } from './scene';

const run = (connectorId: number, parts: Partial<LatestRun> = {}): LatestRun => ({
  accountId: 'acme',
  connectorId,
  name: 'Two\nlines \u001b[2J',
  state: 'authenticated',
  since: '2026-01-31T12:00:00.000Z',
  startedAt: '2026-01-31T12:00:00.000Z',
  runId: `run-${connectorId}`,
  open: false,
  ...parts,
});
const runsOf = (count: number) => Array.from({ length: count }, (_, index) => run(index + 1));
/** Makes a fake library that lists the runs `found`, all on one page. */
const library = (found: LatestRun[]) => ({
  flows: async () => ({ items: found }),
  latestRun: async ({ connectorId }: ConnectorKey) => found.find((one) => one.connectorId === connectorId)!,
  start: async ({ connectorId }: ConnectorKey) => ({ workflowId: 'w', runId: `new-${connectorId}`, started: true, intent: 'reauthenticate' as const }), // prettier-ignore
  batch: async () => ({ batchId: 'b1' }),
  events: async () => ({ items: found.map(({ connectorId, accountId, since }) => ({ id: `run.${connectorId}`, type: 'connector.failed' as const, accountId, state: 'undelivered' as const, sentAt: since })) }), // prettier-ignore
});
const commands = ['recheck', 'cancel', 'reauthenticate', 'redeliver'];
const acts = ['batch', 'start', 'redeliver'];
const actsIn = (calls: { name: string }[]) => calls.filter(({ name }) => acts.includes(name));

test.each(commands)(
  'bulk %s without a filter fails as wrongUsage and sends nothing, even with --yes',
  async (command) => {
    const { exitCode, stdout, stderr, calls } = await cli(['bulk', command, '--yes']);

    expect({ exitCode, stdout, calls }).toEqual({ exitCode: 2, stdout: '', calls: [] });
    expect(stderr).toMatch(/^wrongUsage: no filter: .*--help\n$/);
  },
);

test.each(commands)(
  'bulk %s shows the first ten items without control characters, and changes nothing without --yes',
  async (command) => {
    const { exitCode, stdout, stderr, calls } = await cli(['bulk', command, '--account', 'acme'], { answers: library(runsOf(12)) }); // prettier-ignore

    expect({ exitCode, stdout, acts: actsIn(calls) }).toEqual({ exitCode: 2, stdout: '', acts: [] });
    expect(stderr).toMatch(/^12 selected\n(.*\n){11}… and 2 more\nwrongUsage: nothing was changed: .*--yes.*\n$/);
    expect(stderr).not.toContain('\u001b');
  },
);

test.each(commands)('bulk %s with --dry-run prints the selection and exits 0, even with --yes', async (command) => {
  const argv = ['bulk', command, '--account', 'acme', '--dry-run', '--yes', '--json'];

  const { exitCode, stdout, calls } = await cli(argv, { answers: library(runsOf(12)) });

  expect({ exitCode, acts: actsIn(calls) }).toEqual({ exitCode: 0, acts: [] });
  expect(JSON.parse(stdout)).toMatchObject({ matched: 12, first: expect.any(Array) });
  expect(JSON.parse(stdout).first).toHaveLength(10);
});

test.each(['recheck', 'cancel'])('bulk %s starts one batch with the filter of the command line', async (command) => {
  const filter = ['--account', 'acme', '--state', 'awaitingCredentials', '--problem', 'operatorsTrouble', '--connector-name', 'HubSpot']; // prettier-ignore

  const { exitCode, stdout, calls } = await cli(['bulk', command, ...filter, '--yes'], { answers: library(runsOf(3)) });

  expect(exitCode).toBe(0);
  expect(stdout).toContain('Batch b1');
  const query = { accountId: 'acme', state: 'awaitingCredentials', problem: 'operatorsTrouble', name: 'HubSpot' };
  expect(actsIn(calls)).toEqual([{ name: 'batch', args: [command, query, expect.stringMatching(/^cli/)] }]);
});

test.each([
  ['--state', 'authenticated'],
  ['--state', 'x'],
  ['--problem', 'x'],
  ['--account', '..'],
])('bulk cancel refuses the option %s if its value is %s', async (option, value) => {
  const { exitCode, stderr, calls } = await cli(['bulk', 'cancel', option, value, '--yes']);

  expect({ exitCode, calls }).toEqual({ exitCode: 2, calls: [] });
  expect(stderr).toContain(option);
});

test('bulk with --yes does nothing and exits 0 if nothing matches', async () => {
  for (const command of commands) {
    const done = await cli(['bulk', command, '--account', 'acme', '--yes'], { answers: library([]) });
    expect(done).toMatchObject({ exitCode: 0, stdout: 'Nothing matches.\n', stderr: '' });
    expect(actsIn(done.calls)).toEqual([]);
  }
});

describe('bulk reauthenticate', () => {
  const argv = ['bulk', 'reauthenticate', '--account', 'acme', '--yes', '--json', '--id', 'june'];

  test('bulk reauthenticate starts one re-authentication for each connector whose latest run has ended as authenticated, ten at a time, and reports the progress', async () => {
    const found = [...runsOf(250), run(1), run(251, { open: true }), run(252, { state: 'cancelled' })];
    let [now, most] = [0, 0];
    const start = async ({ connectorId }: ConnectorKey) => {
      most = Math.max(most, ++now);
      await new Promise(setImmediate);
      now--;
      return { workflowId: 'w', runId: 'r', started: connectorId !== 7, intent: 'reauthenticate' as const };
    };

    const { exitCode, stdout, stderr, calls } = await cli(argv, { answers: { ...library(found), start } });

    expect({ exitCode, most, ...JSON.parse(stdout) }).toEqual({ exitCode: 0, most: 10, id: 'june', matched: 250, started: 249, refused: 0 }); // prettier-ignore
    const starts = actsIn(calls) as unknown as { args: [ConnectorKey, object] }[];
    expect(new Set(starts.map(({ args: [{ connectorId }] }) => connectorId)).size).toBe(250);
    expect(starts[0]!.args[1]).toMatchObject({ intent: 'reauthenticate', idempotencyKey: 'june', by: expect.stringMatching(/^cli/) }); // prettier-ignore
    expect(stderr).toMatch(/100 of 250\n200 of 250\n$/);
  });

  test('if a connector is refused, bulk reauthenticate reports the code, continues with the other connectors, and exits 1', async () => {
    const { start, ...rest } = library(runsOf(3));
    const refusing = async (key: ConnectorKey) => {
      if (key.connectorId === 2) throw new ConnectorAuthError('alreadyRunning', 'An authentication is running.');
      return start(key);
    };

    const { exitCode, stdout, stderr } = await cli(argv, { answers: { ...rest, start: refusing } });

    expect({ exitCode, ...JSON.parse(stdout) }).toMatchObject({ exitCode: 1, matched: 3, started: 2, refused: 1 });
    expect(stderr).toContain('alreadyRunning: acme 2\n');
  });

  test('bulk reauthenticate stops at the first error that concerns all connectors, such as temporalUnavailable', async () => {
    const start = () => Promise.reject(new ConnectorAuthError('temporalUnavailable', 'No answer.'));

    const { exitCode, stdout, stderr, calls } = await cli(argv, { answers: { ...library(runsOf(50)), start } });

    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toMatch(/temporalUnavailable: No answer\.\n$/);
    expect(actsIn(calls).length).toBeLessThanOrEqual(10);
  });

  test('bulk reauthenticate starts no further re-authentication after temporalUnavailable, even if other connectors are refused afterwards', async () => {
    let refuse = () => {};
    const gate = new Promise<void>((resolve) => (refuse = resolve));
    const start = async ({ connectorId }: ConnectorKey) => {
      if (connectorId === 1) throw new ConnectorAuthError('temporalUnavailable', 'No answer.');
      await gate;
      throw new ConnectorAuthError('alreadyRunning', 'An authentication is running.');
    };

    const { exitCode, calls } = await cli(argv, { answers: { ...library(runsOf(50)), start } });
    refuse();
    await new Promise(setImmediate); // waits so long that each refused call could have started a next call

    expect(exitCode).toBe(1);
    expect(actsIn(calls).length).toBeLessThanOrEqual(10);
  });

  test('bulk reauthenticate starts no further re-authentication after Ctrl-C, and prints the id with which a repeated command continues', async () => {
    const interruption = new AbortController();
    const { start, ...rest } = library(runsOf(50));
    const interrupting = async (key: ConnectorKey) => {
      interruption.abort();
      return start(key);
    };

    const { exitCode, stdout, stderr, calls } = await cli(argv, {
      answers: { ...rest, start: interrupting },
      signal: interruption.signal,
    });
    await new Promise(setImmediate);

    expect({ exitCode, stdout }).toEqual({ exitCode: 130, stdout: '' });
    expect(stderr).toContain('--id june');
    expect(actsIn(calls).length).toBeLessThanOrEqual(10);
  });
});
