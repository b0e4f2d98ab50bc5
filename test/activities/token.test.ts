import type { ServerResponse } from 'node:http';
import { CyclrClient } from '../../activities/cyclr/client';
import type { CyclrError } from '../../activities/cyclr/errors';
import { eventually } from '../support/eventually';
import { ACCOUNT, answering, cyclrError, rejection, scene, stopAll, type Scene } from './scene';

afterEach(stopAll);
afterEach(() => jest.restoreAllMocks());

const TOKEN_PATH = '/oauth/token';
const tokenRequests = ({ sandbox }: Scene) => sandbox.requests.filter(({ path }) => path === TOKEN_PATH).length;
const mintedBy = async ({ sandbox }: Scene): Promise<{ access_token: string }> => {
  const form = { grant_type: 'client_credentials', client_id: sandbox.clientId, client_secret: sandbox.clientSecret };
  const answer = await fetch(sandbox.url + TOKEN_PATH, { method: 'POST', body: new URLSearchParams(form) });
  return (await answer.json()) as { access_token: string };
};
const tokensUsed = ({ sandbox, path }: Scene) =>
  sandbox.requests.filter((request) => request.path === path).map(({ tokenId }) => tokenId);

test('simultaneous calls of Cyclr share one token request', async () => {
  const at = await scene();

  await Promise.all(Array.from({ length: 20 }, () => at.cyclr.getAccountConnector(at.key)));
  await at.cyclr.getAccountConnector(at.key);

  expect(tokenRequests(at)).toBe(1);
  expect(tokensUsed(at)).toEqual(Array(21).fill(1));
});

test('the client requests a token by client credentials', async () => {
  const { cyclr, key, sandbox } = await scene();

  await cyclr.getAccountConnector(key);

  expect(sandbox.requests[0]).toMatchObject({
    method: 'POST',
    path: TOKEN_PATH,
    body: { grant_type: 'client_credentials', client_id: sandbox.clientId, client_secret: sandbox.clientSecret },
  });
});

test('a failed token request fails all waiting calls, and the next call requests a token again', async () => {
  const at = await scene();
  at.sandbox.fault({ match: { path: TOKEN_PATH }, then: { status: 503 } });

  const together = await Promise.allSettled([1, 2, 3].map(() => at.cyclr.getAccountConnector(at.key)));
  const next = await at.cyclr.getAccountConnector(at.key);

  expect(together).toEqual(
    Array(3).fill({ status: 'rejected', reason: expect.objectContaining({ kind: 'unreachable' }) }),
  );
  expect(next.name).toBe('Brightdesk');
  expect(tokenRequests(at)).toBe(2);
});

test.each([
  ['60 s is used for one call', 60, 3],
  ['120 s is used for several calls', 120, 1],
])(
  'the client uses a token again only if the token stays valid for at least another minute: a token that is valid for %s',
  async (_what, tokenExpiresIn, expected) => {
    const at = await scene();
    at.sandbox.switches.tokenExpiresIn = tokenExpiresIn;

    for (let call = 0; call < 3; call++) await at.cyclr.getAccountConnector(at.key);

    expect(tokenRequests(at)).toBe(expected);
  },
);

describe('token answers', () => {
  const now = Date.now.bind(Date);
  const atMinute = (minutes: number) => {
    jest.spyOn(Date, 'now').mockImplementation(() => now() + minutes * 60_000);
  };

  /**
   * Reads a connector at the start, after `first` minutes and after `second` minutes. Returns the number of token
   * requests before and after the read at `second`.
   */
  async function requestsAfter(at: Awaited<ReturnType<typeof scene>>, first: number, second: number) {
    await at.cyclr.getAccountConnector(at.key);
    atMinute(first);
    await at.cyclr.getAccountConnector(at.key);
    const before = tokenRequests(at);
    atMinute(second);
    await at.cyclr.getAccountConnector(at.key);
    return [before, tokenRequests(at)];
  }

  test('a token answer with expires_in as text gives a token with the lifetime in the text', async () => {
    const at = await scene();
    at.sandbox.switches.expiresInForm = 'text';
    at.sandbox.switches.tokenExpiresIn = 1800;

    const requests = await requestsAfter(at, 20, 30);

    expect(requests).toEqual([1, 2]);
  });

  test.each([undefined, null, 'soon', '', 0, -1, {}])(
    'a token answer with expires_in %j gives a token with a lifetime of 5 minutes, which is not used in its last minute',
    async (expires_in) => {
      const at = await scene();
      const { access_token } = await mintedBy(at);
      at.sandbox.requests.length = 0;
      at.sandbox.fault({ match: { path: TOKEN_PATH }, then: { status: 200, body: { access_token, expires_in } } });

      const requests = await requestsAfter(at, 3, 5);

      expect(requests).toEqual([1, 2]);
    },
  );
});

test.each([
  [{ status: 400 }, 'clientRefused'],
  [{ status: 401 }, 'clientRefused'],
  [{ status: 403 }, 'clientRefused'],
  [{ status: 408 }, 'unreachable'],
  [{ status: 500 }, 'unreachable'],
  ['reset', 'unreachable'],
  ['html', 'unreadable'],
  ['empty', 'unreadable'],
  ['redirect', 'unreadable'],
  [{ status: 200, body: { access_token: '', expires_in: 100 } }, 'unreadable'],
  [{ status: 200, body: { access_token: 'a\r\nb', expires_in: 100 } }, 'unreadable'],
  [{ status: 200, body: { access_token: 'wörd', expires_in: 100 } }, 'unreadable'],
] as const)(
  'if the token endpoint answers %j, the call fails with %s, and the client sends no other request',
  async (then, kind) => {
    const at = await scene();
    at.sandbox.fault({ match: { path: TOKEN_PATH }, then });

    const err = await rejection(at.cyclr.getAccountConnector(at.key));

    expect(err).toMatchObject(cyclrError(kind));
    expect(err.message).toMatch(/^POST \/oauth\/token: /);
    expect(at.calls()).toEqual([]);
  },
);

test('the error of a throttled token request has the Retry-After of the answer', async () => {
  const { cyclr, key, sandbox } = await scene();
  sandbox.fault({ match: { path: TOKEN_PATH }, then: { kind: 'throttled', retryAfter: 17 } });

  const err = await rejection(cyclr.getAccountConnector(key));

  expect(err).toMatchObject(cyclrError('throttled', { retryAfterMs: 17_000 }));
});

test('the error after a wrong client secret has the kind clientRefused, never accessDenied', async () => {
  const { sandbox, key } = await scene();
  const cyclr = new CyclrClient({ apiUrl: sandbox.url, clientId: sandbox.clientId, clientSecret: 'not-the-secret' });

  const errs = [await rejection(cyclr.getAccountConnector(key)), await rejection(cyclr.getAccountConnector(key))];

  expect(errs).toMatchObject([cyclrError('clientRefused'), cyclrError('clientRefused')]);
});

describe('answers 401', () => {
  const read = ({ cyclr, key }: Scene, accountId = ACCOUNT) => cyclr.getAccountConnector({ ...key, accountId });
  /** Reads the connector. Returns the kind of the error; undefined if the read succeeds. */
  const kindOfRead = (at: Scene, accountId?: string) =>
    read(at, accountId).then(
      () => undefined,
      ({ kind }: { kind: string }) => kind,
    );

  test('an answer 401 makes the client drop its token, and the next call succeeds with a new token', async () => {
    const at = await scene();
    await read(at);
    at.sandbox.revokeTokens();

    const kind = await kindOfRead(at);
    await read(at);

    expect(kind).toBe('unauthorized');
    expect(tokensUsed(at)).toEqual([1, 1, 2]);
  });

  test('the error after an answer 401 has the kind accessDenied if the token was requested after an earlier 401', async () => {
    const at = await scene();

    const kinds = [await kindOfRead(at, 'nobody'), await kindOfRead(at, 'nobody')];

    expect(kinds).toEqual(['unauthorized', 'accessDenied']);
    expect(tokensUsed(at)).toEqual([1, 2]);
  });

  test('an answer 401 for one account and then for another account gives two errors of the kind unauthorized', async () => {
    const at = await scene();

    const kinds = [await kindOfRead(at, 'nobody'), await kindOfRead(at, 'nobody-2'), await kindOfRead(at)];

    expect(kinds).toEqual(['unauthorized', 'unauthorized', undefined]);
  });

  test('if several calls with one token get 401, each error has the kind unauthorized, and only a 401 for the next token gives the kind accessDenied', async () => {
    const at = await scene();
    await read(at);

    const together = await Promise.all(Array.from({ length: 5 }, () => kindOfRead(at, 'nobody')));
    const next = await kindOfRead(at, 'nobody');

    expect(together).toEqual(Array(5).fill('unauthorized'));
    expect(next).toBe('accessDenied');
    expect(tokenRequests(at)).toBe(2);
  });

  test('the error after a 401 has the kind unauthorized if the token is older than the first 401 of the account, else accessDenied', async () => {
    const held: ServerResponse[] = [];
    const apiUrl = await answering((_request, response) => void held.push(response));
    const cyclr = new CyclrClient({ apiUrl, clientId: 'any', clientSecret: 'any' });
    const asked = async (accountId: string) => {
      const kind = rejection(cyclr.getAccountConnector({ accountId, connectorId: 1 }));
      const index = held.length;
      await eventually(
        () => held.length,
        (length) => length > index,
      );
      return async () => {
        held[index]!.writeHead(401).end();
        return ((await kind) as CyclrError).kind;
      };
    };
    const first = await asked('a');
    await (
      await asked('b')
    )(); // this call makes the client drop the token of the first call
    const second = await asked('a');

    const kinds = [await first(), await second(), await (await asked('a'))()];

    expect(kinds).toEqual(['unauthorized', 'unauthorized', 'accessDenied']);
  });

  test.each<[string, object | undefined]>([
    ['a success', undefined],
    ['an answer 404', { status: 404 }],
  ])(
    'the error after a second 401 has the kind unauthorized again if %s came after the first 401',
    async (_what, then) => {
      const at = await scene();
      const match = { path: at.path };
      at.sandbox.fault({ match, then: 'unauthorized' });
      if (then) at.sandbox.fault({ match, then: then as { status: number } });
      const first = await kindOfRead(at);
      await kindOfRead(at);
      at.sandbox.fault({ match, then: 'unauthorized' });

      const kind = await kindOfRead(at);

      expect([first, kind]).toEqual(['unauthorized', 'unauthorized']);
    },
  );

  test('the error after a 401 that comes more than 10 minutes after the first 401 has the kind unauthorized', async () => {
    const at = await scene();
    await kindOfRead(at, 'nobody');
    const now = performance.now.bind(performance);
    jest.spyOn(performance, 'now').mockImplementation(() => now() + 11 * 60_000);

    const kinds = [await kindOfRead(at, 'nobody'), await kindOfRead(at, 'nobody')];

    expect(kinds).toEqual(['unauthorized', 'accessDenied']);
  });
});
