import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConnectorAuthError, type ConnectorAuthErrorCode } from '../../client/connector-auth-error';
import { cli, type Scene } from './scene';

const made = {
  attemptId: 'attempt-1',
  url: 'https://acme-h.cyclr.com/connectorauth/updateaccountconnectoroauth?id=42&token=a%2Bb&targetOrigin=x',
  expiresAt: '2030-01-01T00:05:00.000Z',
};
const requestAuthorization = async () => made;
const link = (words: string[], scene: Scene = {}) =>
  cli(['link', 'acme', '42', ...words], { answers: { requestAuthorization }, ...scene });
const givenTo = async (words: string[], scene?: Scene) => {
  const { calls } = await link(words, scene);
  return (calls[0]!.args[1] as { returnTo: string }).returnTo;
};

test('a link is made for where the browser is to go, and printed', async () => {
  const { exitCode, stdout, stderr, calls, closed } = await link(['--return-to', 'https://app.example/back?x=1']);

  expect({ exitCode, stdout, stderr, closed }).toEqual({
    exitCode: 0,
    stdout: `Open until ${made.expiresAt}, in a browser:\n${made.url}\n`,
    stderr: '',
    closed: 1,
  });
  expect(calls).toEqual([
    {
      name: 'requestAuthorization',
      args: [
        { accountId: 'acme', connectorId: 42 },
        { returnTo: 'https://app.example/back?x=1', by: expect.stringMatching(/^cli(:.{1,96})?$/) },
      ],
    },
  ]);
});

test('with --json it is the contract’s object, on one line', async () => {
  const { stdout } = await link(['--return-to', 'https://app.example/', '--json']);

  expect(stdout).toBe(`${JSON.stringify(made)}\n`);
});

describe('where nobody says where to, the browser goes', () => {
  const PUBLIC_URL = 'https://connect.example';
  const CYCLR_SERVICE_URL = 'https://acme-h.cyclr.com';

  test.each<[NodeJS.ProcessEnv, string]>([
    [{ PUBLIC_URL }, 'https://connect.example/connect/return'],
    [{ PUBLIC_URL: `${PUBLIC_URL}/` }, 'https://connect.example/connect/return'],
    [{ PUBLIC_URL, CYCLR_SERVICE_URL }, 'https://connect.example/connect/return'],
    [{ CYCLR_SERVICE_URL }, 'https://acme-h.cyclr.com/return'],
    [{ CYCLR_SERVICE_URL: `${CYCLR_SERVICE_URL}//` }, 'https://acme-h.cyclr.com/return'],
    [{ PUBLIC_URL: '', CYCLR_SERVICE_URL }, 'https://acme-h.cyclr.com/return'],
  ])('with %j to %s', async (env, expected) => {
    expect(await givenTo([], { env })).toBe(expected);
  });

  test('to what --return-to says, whatever the environment does', async () => {
    const env = { PUBLIC_URL, CYCLR_SERVICE_URL };

    expect(await givenTo(['--return-to', 'https://app.example/'], { env })).toBe('https://app.example/');
  });

  describe('to the sandbox that was started here', () => {
    let cwd: string;
    beforeEach(async () => {
      cwd = await mkdtemp(join(tmpdir(), 'cli-link-'));
      await mkdir(join(cwd, '.data'));
    });
    afterEach(() => rm(cwd, { recursive: true }));
    const note = (text: string) => writeFile(join(cwd, '.data', 'running.json'), text);

    test('as its note says', async () => {
      await note(
        JSON.stringify({
          pid: process.pid,
          temporal: { address: '127.0.0.1:4443', namespace: 'default' },
          cyclr: { url: 'http://127.0.0.1:4444', serviceUrl: 'http://127.0.0.1:4444', sandbox: true },
          sealingKeys: 'keys.json',
          service: { url: 'http://127.0.0.1:4445', apiKey: 'key' },
        }),
      );

      expect(await givenTo([], { cwd })).toBe('http://127.0.0.1:4444/return');
    });

    test.each(['', 'no JSON', 'null', '{}', '{"cyclr":{}}'])('unless the note is %j', async (text) => {
      await note(text);

      const { exitCode, calls } = await link([], { cwd });

      expect({ exitCode, calls }).toEqual({ exitCode: 1, calls: [] });
    });
  });

  test('nowhere, which is said before anything is asked for', async () => {
    const { exitCode, stdout, stderr, calls } = await link([]);

    expect({ exitCode, stdout, calls }).toEqual({ exitCode: 1, stdout: '', calls: [] });
    expect(stderr).toMatch(/^configuration: .*PUBLIC_URL.*CYCLR_SERVICE_URL.*--return-to.*\n$/);
  });
});

test.each<ConnectorAuthErrorCode>(['notNow', 'malformed', 'cyclrUnavailable', 'closed', 'notStarted', 'noWorker'])(
  'one that can not be made is a failure with a code: %s',
  async (code) => {
    const refusing = async () => {
      throw new ConnectorAuthError(code, 'No link was made.');
    };

    const { exitCode, stdout, stderr, closed } = await link(['--return-to', 'https://app.example/', '--json'], {
      answers: { requestAuthorization: refusing },
    });

    expect({ exitCode, stdout, stderr, closed }).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: `${code}: No link was made.\n`,
      closed: 1,
    });
  },
);

test.each([
  ['no connector', ['link', 'acme']],
  ['an argument too many', ['link', 'acme', '42', 'https://app.example/']],
  ['--return-to without a URL', ['link', 'acme', '42', '--return-to']],
  ['an account id that can not be sent', ['link', 'アカ1', '42']],
])('%s is wrong usage', async (_what, argv) => {
  const { exitCode, stdout, calls } = await cli(argv);

  expect({ exitCode, stdout, calls }).toEqual({ exitCode: 2, stdout: '', calls: [] });
});
