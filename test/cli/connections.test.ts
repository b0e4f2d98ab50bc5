/** The commands `connections`, `monitor` and `deauthenticate`. */
import type { ListedConnection } from '../../client/answers';
import { startSandbox, type Sandbox } from '../../sandbox/server';
import type { ConnectionView } from '../../workflows/connection';
import { cli } from './scene';

const since = '2026-01-31T12:00:00.000Z';
const found: ListedConnection[] = [
  { accountId: 'acme', connectorId: 42, name: `Two\nlines ${'long '.repeat(20)}`, state: 'connected', since },
  { accountId: 'acme', connectorId: 7 },
];
const connections = async ({ page }: { page?: string }) =>
  page === 'more' ? { items: found.slice(1) } : { items: found.slice(0, 1), next: 'more' };

describe('connections', () => {
  test('the command connections prints a table of all pages, with names of at most 40 characters', async () => {
    const { exitCode, stdout, stderr, calls } = await cli(['connections', 'acme'], { answers: { connections } });

    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout.split('\n')).toEqual([
      'CONNECTOR  NAME                                      STATE      SINCE',
      `42         Two lines long long long long long long   connected  ${since}`,
      '7                                                    unknown',
      '',
    ]);
    expect(calls.map(({ args }) => args)).toEqual([[{ accountId: 'acme' }], [{ accountId: 'acme', page: 'more' }]]);
  });

  test('the command connections --json prints the items of all pages as one line', async () => {
    const { stdout } = await cli(['connections', 'acme', '--json'], { answers: { connections } });

    expect(JSON.parse(stdout)).toEqual({ items: found });
  });

  test('the command connections prints nothing on standard output and exits with 0 if the account has no connection', async () => {
    const none = { answers: { connections: async () => ({ items: [] }) } };

    expect(await cli(['connections', 'acme'], none)).toMatchObject({
      exitCode: 0,
      stdout: '',
      stderr: 'no connection found\n',
    });
    expect(await cli(['connections', 'acme', '--json'], none)).toMatchObject({ stdout: '{"items":[]}\n', stderr: '' });
  });
});

describe('monitor', () => {
  const view: ConnectionView = { accountId: 'acme', connectorId: 42, state: 'broken', since, checkedAt: since, revision: 2 }; // prettier-ignore
  const monitor = async () => view;

  test.each([
    [[], {}],
    [['--every', '6 hours'], { every: '6 hours' }],
    [['--stop'], { stop: true }],
  ])('the command monitor with the options %j prints the connection', async (options, request) => {
    const argv = ['monitor', 'acme', '42', ...options];

    const { stdout, exitCode, calls } = await cli(argv, { answers: { monitor } });
    const asJson = await cli([...argv, '--json'], { answers: { monitor } });

    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `Connector 42: broken, since ${since}, read at ${since}\n` }); // prettier-ignore
    expect(calls).toEqual([{ name: 'monitor', args: [{ accountId: 'acme', connectorId: 42 }, request] }]);
    expect(JSON.parse(asJson.stdout)).toEqual(view);
  });

  test.each(['59s', '91 days', '', 'soon'])(
    'the command monitor refuses the interval %j as wrongUsage',
    async (every) => {
      const { exitCode, stderr, calls } = await cli(['monitor', 'acme', '42', '--every', every], {
        answers: { monitor },
      });

      expect({ exitCode, calls }).toEqual({ exitCode: 2, calls: [] });
      expect(stderr).toMatch(/^wrongUsage: --every takes a duration of 1 minute to 90 days/);
    },
  );
});

describe('deauthenticate', () => {
  let sandbox: Sandbox;
  let env: NodeJS.ProcessEnv;
  let connector: string;
  beforeEach(async () => {
    sandbox = await startSandbox();
    const { url, clientId, clientSecret } = sandbox;
    env = { CYCLR_API_URL: url, CYCLR_CLIENT_ID: clientId, CYCLR_CLIENT_SECRET: clientSecret };
    connector = String(sandbox.createAccount('acme', { connectors: ['Evergreen'] }).at(-1)!.id);
  });
  afterEach(() => sandbox.close());

  const isAuthenticated = () => sandbox.connectorOf('acme', Number(connector)).Authenticated;
  const writes = () => sandbox.requests.filter(({ method, path }) => method !== 'GET' && path !== '/oauth/token');

  test('the command deauthenticate lists the effects, and changes nothing without --yes', async () => {
    const { exitCode, stdout, stderr } = await cli(['deauthenticate', 'acme', connector], { env });

    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(
      /\(Evergreen\) of acme:\n- .*credentials.*\n- .*webhooks.*\nwrongUsage: nothing was changed/,
    );
    expect(writes()).toEqual([]);
    expect(isAuthenticated()).toBe(true);
  });

  test('the command deauthenticate --yes removes the credentials from Cyclr, without Temporal', async () => {
    const argv = ['deauthenticate', 'acme', connector, '--yes', '--json'];

    const { exitCode, stdout, calls } = await cli(argv, { env });

    expect({ exitCode, calls }).toEqual({ exitCode: 0, calls: [] });
    expect(JSON.parse(stdout)).toEqual({ accountId: 'acme', connectorId: Number(connector), deauthenticated: true });
    expect(writes()).toHaveLength(1);
    expect(isAuthenticated()).toBe(false);
  });

  test('the command deauthenticate fails for a connector that Cyclr does not have', async () => {
    const { exitCode, stdout, stderr } = await cli(['deauthenticate', 'acme', '999999', '--yes'], { env });

    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toMatch(/^cyclr: .*: 404\n$/);
  });
});
