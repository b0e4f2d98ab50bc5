import type { ListedConnector } from '../../client/answers';
import { ConnectorAuthError } from '../../client/connector-auth-error';
import { cli } from './scene';

const HOUR_MS = 3_600_000;
const agoOf = (ms: number) => new Date(Date.now() - ms - 1000).toISOString();
const flow = (connectorId: number, parts: Partial<ListedConnector> = {}): ListedConnector => ({
  accountId: 'acme',
  connectorId,
  name: 'HubSpot',
  state: 'awaitingCredentials',
  since: agoOf(3 * HOUR_MS),
  runId: `run-${connectorId}`,
  ...parts,
});

/** The flows that the fake library lists: two on the first page, one on the second page. */
const found = [
  flow(42),
  flow(7, { accountId: 'Bäcker', state: 'fetchingConnector', name: undefined, problem: 'operatorsTrouble', since: agoOf(50 * HOUR_MS) }), // prettier-ignore
  flow(1001, { name: 'Two\nlines' }),
];
const flows = async ({ page }: { page?: string } = {}) =>
  page === 'more' ? { items: found.slice(2) } : { items: found.slice(0, 2), next: 'more' };

test('list prints a table of the flows of all pages, with the age of each state', async () => {
  const { exitCode, stdout, stderr, calls, closed } = await cli(['list'], { answers: { flows } });

  expect({ exitCode, stderr, closed }).toEqual({ exitCode: 0, stderr: '', closed: 1 });
  expect(stdout.split('\n')).toEqual([
    'ACCOUNT  CONNECTOR  NAME       STATE                PROBLEM           AGE',
    'acme     42         HubSpot    awaitingCredentials                    3h',
    'Bäcker   7                     fetchingConnector    operatorsTrouble  2d',
    'acme     1001       Two lines  awaitingCredentials                    3h',
    '',
  ]);
  expect(calls).toEqual([
    { name: 'flows', args: [{ pageSize: 1000 }] },
    { name: 'flows', args: [{ pageSize: 1000, page: 'more' }] },
  ]);
});

test('list --json prints each flow of all pages as one line of JSON', async () => {
  const { exitCode, stdout } = await cli(['list', '--json'], { answers: { flows } });

  const lines = stdout.trimEnd().split('\n');
  expect(exitCode).toBe(0);
  expect(lines.map((line) => JSON.parse(line))).toEqual(JSON.parse(JSON.stringify(found)));
});

test('list sends every filter with each page', async () => {
  const filters = [
    '--account',
    'acme',
    '--state',
    'expired',
    '--problem',
    'cyclrUnavailable',
    '--older-than',
    '2 hours',
  ];

  const { calls } = await cli(['list', ...filters], { answers: { flows } });

  const filter = { accountId: 'acme', state: 'expired', problem: 'cyclrUnavailable', olderThan: '2 hours' };
  expect(calls.map(({ args }) => args[0])).toEqual([
    expect.objectContaining(filter),
    expect.objectContaining({ ...filter, page: 'more' }),
  ]);
});

test('list prints nothing on standard output and exits 0 if there is no flow', async () => {
  const none = { answers: { flows: async () => ({ items: [] }) } };

  expect(await cli(['list'], none)).toMatchObject({ exitCode: 0, stdout: '', stderr: 'no flow found\n' });
  expect(await cli(['list', '--json'], none)).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
});

test('list prints the code of an error, with exit code 1', async () => {
  const failing = () => Promise.reject(new ConnectorAuthError('temporalUnavailable', 'No answer.'));

  const result = await cli(['list'], { answers: { flows: failing } });

  expect(result).toMatchObject({ exitCode: 1, stdout: '', stderr: 'temporalUnavailable: No answer.\n' });
});

test('audit prints each entry as one line of JSON, and sends the value of --from', async () => {
  const entry = { accountId: 'acme', connectorId: 42, runId: 'run-1', at: agoOf(0), event: 'started' };
  async function* audit() {
    yield entry;
    yield { ...entry, event: 'ended', to: 'failed' as const };
  }

  const { exitCode, stdout, calls } = await cli(['audit', 'acme', '--from', '2026-01-31'], { answers: { audit } });

  expect(exitCode).toBe(0);
  expect(stdout.trimEnd().split('\n').map((line) => JSON.parse(line))).toEqual([entry, { ...entry, event: 'ended', to: 'failed' }]); // prettier-ignore
  expect(calls).toEqual([{ name: 'audit', args: [{ accountId: 'acme', from: '2026-01-31' }] }]);
});
