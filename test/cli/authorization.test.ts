import { ConnectorAuthError } from '../../client/connector-auth-error';
import type { StateName, View } from '../../workflows/view';
import { cli, folderOfStack, viewOf, type Scene } from './scene';

const key = { accountId: 'acme', connectorId: 42 };
const by = expect.stringMatching(/^cli(:.{1,96})?$/);

describe('cyclr-connect link', () => {
  const made = {
    attemptId: 'attempt-1',
    url: 'https://acme-h.cyclr.com/connectorauth/updateaccountconnectoroauth?id=42&token=a%2Bb&targetOrigin=x',
    expiresAt: '2030-01-01T00:05:00.000Z',
  };
  const link = (words: string[], scene: Scene = {}) =>
    cli(['link', 'acme', '42', ...words], { answers: { requestAuthorization: async () => made }, ...scene });
  const returnToOf = async (words: string[], scene?: Scene) => {
    const { calls } = await link(words, scene);
    return (calls[0]!.args[1] as { returnTo: string }).returnTo;
  };

  test('the command link prints the link, its expiry and the next command, and sends --return-to', async () => {
    const { exitCode, stdout, stderr, calls } = await link(['--return-to', 'https://app.example/back?x=1']);

    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 0,
      stdout: `Open this link in a browser before ${made.expiresAt}:\n${made.url}\nThen: cyclr-connect confirm acme 42\n`,
      stderr: '',
    });
    expect(calls).toEqual([
      { name: 'requestAuthorization', args: [key, { returnTo: 'https://app.example/back?x=1', by }] },
    ]);
  });

  test('the command link with --json prints the attempt id, the URL and the expiry on one line', async () => {
    const { stdout } = await link(['--return-to', 'https://app.example/', '--json']);

    expect(stdout).toBe(`${JSON.stringify(made)}\n`);
  });

  const PUBLIC_URL = 'https://connect.example';
  const CYCLR_SERVICE_URL = 'https://acme-h.cyclr.com';

  test.each<[NodeJS.ProcessEnv, string]>([
    [{ PUBLIC_URL }, 'https://connect.example/connect/return'],
    [{ PUBLIC_URL: `${PUBLIC_URL}/` }, 'https://connect.example/connect/return'],
    [{ PUBLIC_URL, CYCLR_SERVICE_URL }, 'https://connect.example/connect/return'],
    [{ CYCLR_SERVICE_URL }, 'https://acme-h.cyclr.com/return'],
    [{ CYCLR_SERVICE_URL: 'HTTPS://Acme-h.cyclr.com/' }, 'https://acme-h.cyclr.com/return'],
    [{ PUBLIC_URL: '', CYCLR_SERVICE_URL }, 'https://acme-h.cyclr.com/return'],
  ])(
    'the command link without --return-to and with the variables %j sends the return address %s',
    async (env, expected) => {
      expect(await returnToOf([], { env })).toBe(expected);
    },
  );

  test.each([
    ['PUBLIC_URL', 'https://user:marked@connect.example'],
    ['PUBLIC_URL', 'HTTP://connect.example'],
    ['CYCLR_SERVICE_URL', 'https://acme-h.cyclr.com/marked'],
  ])(
    'the command link without --return-to and with %s=%s fails, and does not quote the variable',
    async (name, value) => {
      const { exitCode, stderr, calls } = await link([], { env: { [name]: value } });

      expect({ exitCode, calls }).toEqual({ exitCode: 1, calls: [] });
      expect(stderr).toMatch(new RegExp(`^configuration: ${name} is no `));
      expect(stderr).not.toContain('marked');
    },
  );

  test('the command link uses --return-to in place of the environment variables', async () => {
    const env = { PUBLIC_URL, CYCLR_SERVICE_URL };

    expect(await returnToOf(['--return-to', 'https://app.example/'], { env })).toBe('https://app.example/');
  });

  test('the command link with neither --return-to nor environment variables sends the return address of the sandbox in the local stack', async () => {
    const serviceUrl = 'http://127.0.0.1:4444';
    const cwd = folderOfStack({ cyclr: { url: serviceUrl, serviceUrl, sandbox: true } });

    expect(await returnToOf([], { cwd })).toBe('http://127.0.0.1:4444/return');
  });

  test('the command link does not send the return address of the local stack if TEMPORAL_ADDRESS names another server', async () => {
    const env = { TEMPORAL_ADDRESS: 'temporal.example.com:7233' };

    const { exitCode, stderr, calls } = await link([], { env, cwd: folderOfStack() });

    expect({ exitCode, calls }).toEqual({ exitCode: 1, calls: [] });
    expect(stderr).toMatch(/^configuration: .*PUBLIC_URL.*CYCLR_SERVICE_URL.*--return-to/);
  });

  test('the command link without any return address fails with the names of the settings, and sends nothing', async () => {
    const { exitCode, stdout, stderr, calls } = await link([]);

    expect({ exitCode, stdout, calls }).toEqual({ exitCode: 1, stdout: '', calls: [] });
    expect(stderr).toMatch(/^configuration: .*PUBLIC_URL.*CYCLR_SERVICE_URL.*--return-to.*\n$/);
  });
});

describe('cyclr-connect confirm', () => {
  const attempt = { id: 'attempt-1', requestedAt: '2030-01-01T00:00:00.000Z', expiresAt: '2030-01-01T00:05:00.000Z' };
  const waiting = viewOf({ state: 'awaitingAuthorization', attempt });
  const authenticated = viewOf({ state: 'authenticated', verification: 'notChecked' });
  const notAuthorized = { code: 'notAuthorized', message: 'Not yet.' } as const;

  /**
   * Runs the command `confirm`. The flow has the view `seen` before the confirmation, and answers the confirmation with
   * `answer`.
   */
  const confirm = (seen: View, answer: View | Error, words: string[] = []) =>
    cli(['confirm', 'acme', '42', ...words], {
      answers: {
        view: async () => seen,
        confirmAuthorization: async () => {
          if (answer instanceof Error) throw answer;
          return answer;
        },
      },
    });

  test.each([
    ['waits for the consent', waiting],
    ['is verifying already', viewOf({ state: 'verifyingAuthorization', attempt })],
  ])(
    'if the flow %s, the command confirm sends the attempt in the view, and prints the view after the confirmation',
    async (_, seen) => {
      const { exitCode, stdout, stderr, calls } = await confirm(seen, authenticated);

      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(stdout).toMatch(/^state +authenticated, notChecked$/m);
      expect(calls).toEqual([
        { name: 'view', args: [key] },
        { name: 'confirmAuthorization', args: [key, { attemptId: 'attempt-1', by }] },
      ]);
    },
  );

  test.each<[string, View, number, string]>([
    ['authenticated', authenticated, 0, ''],
    ['still verifying', viewOf({ state: 'verifyingAuthorization', attempt }), 0, ''],
    [
      'still verifying in an outage of Cyclr',
      viewOf({ state: 'verifyingAuthorization', attempt, problem: { code: 'cyclrUnavailable', message: 'Later.' } }),
      0,
      '',
    ],
    ['not authorized', { ...waiting, problem: notAuthorized }, 1, 'notAuthorized: Not yet.\n'],
    [
      'waiting for the consent without a problem',
      waiting,
      1,
      'notAuthorized: the connector is not authenticated (state awaitingAuthorization)\n',
    ],
    [
      'cancelled before the answer',
      viewOf({ state: 'cancelled' }),
      1,
      'notAuthorized: the connector is not authenticated (state cancelled)\n',
    ],
    [
      'expired in an outage of Cyclr',
      viewOf({ state: 'expired', problem: { code: 'cyclrUnavailable', message: 'Gone.' } }),
      1,
      'cyclrUnavailable: Gone.\n',
    ],
  ])(
    'the command confirm exits with 0 if the connector is authenticated or the verification has not ended, and with 1 in all other cases: %s',
    async (_, view, code, line) => {
      const { exitCode, stdout, stderr } = await confirm(waiting, view, ['--json']);

      expect({ exitCode, stderr }).toEqual({ exitCode: code, stderr: line });
      expect(JSON.parse(stdout)).toEqual(view);
    },
  );

  test('the command confirm prints the view of an authenticated flow, and sends no confirmation', async () => {
    const { exitCode, stdout, calls } = await confirm(authenticated, new Error('not expected'), ['--json']);

    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual(authenticated);
    expect(calls.map(({ name }) => name)).toEqual(['view']);
  });

  test.each<[StateName, number]>([
    ['authenticated', 0],
    ['cancelled', 1],
  ])(
    'the command confirm prints the final view if the flow ends as %s before the confirmation arrives',
    async (state, code) => {
      const end = viewOf({ state });

      const { exitCode, stdout } = await confirm(waiting, new ConnectorAuthError('closed', 'It has ended.', end), [
        '--json',
      ]);

      expect(exitCode).toBe(code);
      expect(JSON.parse(stdout)).toEqual(end);
    },
  );

  test.each<StateName>(['awaitingAuthorization', 'expired'])(
    'the command confirm fails with notNow and sends nothing if the flow has no link (state %s)',
    async (state) => {
      const { exitCode, stdout, stderr, calls } = await confirm(viewOf({ state }), new Error('not expected'));

      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
      expect(stderr).toMatch(`notNow: the flow has no link to confirm (state ${state}). To see the state: `);
      expect(calls.map(({ name }) => name)).toEqual(['view']);
    },
  );
});
