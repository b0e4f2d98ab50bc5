import { createServer, type RequestListener } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { CyclrClient } from '../../activities/cyclr/client';
import { retryAfterMsOf } from '../../activities/cyclr/errors';
import type { FaultRule } from '../../sandbox/fault-rule';
import { isAccountId } from '../../workflows/connector';
import { everythingIn, leaks } from './leaks';
import { answering, BEARER, cyclrError, eventually, listening, rejection, scene, stopAll } from './scene';

afterEach(stopAll);

const CLIENT_SECRET = 'cl!ent/sécret?4711';
const AUTH_VALUE = 'päss/w"rd+of=the&user';
const KEY = { accountId: 'acme-1', connectorId: 42 };

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** A client of a Cyclr that answers whatever it is asked in this way. */
async function clientOf(answer: RequestListener, timeoutMs = 5000): Promise<CyclrClient> {
  return new CyclrClient({ apiUrl: await answering(answer), clientId: 'any', clientSecret: CLIENT_SECRET, timeoutMs });
}

describe('an answer that is none', () => {
  test.each<[FaultRule['then'], string]>([
    [{ status: 400 }, 'unreadable'],
    [{ status: 403 }, 'forbidden'],
    [{ status: 404 }, 'notFound'],
    [{ status: 408 }, 'unreachable'],
    [{ status: 500 }, 'unreachable'],
    [{ status: 503, body: 'Bad gateway' }, 'unreachable'],
    ['unauthorized', 'unauthorized'],
    ['html500', 'unreachable'],
    ['reset', 'unreachable'],
    ['truncated', 'unreachable'],
    ['html', 'unreadable'],
    ['empty', 'unreadable'],
    [{ status: 204 }, 'unreadable'],
    [{ status: 200, body: '[]' }, 'unreadable'],
    [{ status: 200, body: 'null' }, 'unreadable'],
    [{ status: 304 }, 'unreadable'],
  ])('to a read, %j: %s', async (then, kind) => {
    const { cyclr, key, path, sandbox } = await scene();
    sandbox.fault({ match: { path }, then });

    const err = await rejection(cyclr.getAccountConnector(key));

    expect(err).toMatchObject(cyclrError(kind as 'refused'));
    expect(err.message).toMatch(`GET ${path}: `);
  });

  test.each<[FaultRule['then'], string]>([
    [{ status: 400 }, 'refused'],
    [{ status: 409 }, 'refused'],
    [{ status: 422 }, 'refused'],
    [{ status: 403 }, 'forbidden'],
    [{ status: 404 }, 'notFound'],
    [{ status: 429 }, 'throttled'],
    [{ status: 500 }, 'unreachable'],
    ['html', 'unreadable'],
    ['empty', 'unreadable'],
    ['redirect', 'unreadable'],
  ])('to an authentication value, %j: %s', async (then, kind) => {
    const { cyclr, key, path, sandbox, stored } = await scene();
    sandbox.fault({ match: { path }, then });

    const err = await rejection(cyclr.putAuthValue(key, AUTH_VALUE));

    expect(err).toMatchObject(cyclrError(kind as 'refused'));
    expect(stored().AuthValue).toBeNull();
  });

  test.each<[FaultRule['then'], string]>([
    [{ status: 400 }, 'refused'],
    [{ status: 404 }, 'outdated'],
    ['html', 'unreadable'],
    ['empty', 'unreadable'],
    [{ status: 200, body: '"done"' }, 'unreadable'],
  ])('to a property that is changed, %j: %s', async (then, kind) => {
    const { cyclr, key, path, sandbox } = await scene();
    sandbox.fault({ match: { path }, then });

    const err = await rejection(cyclr.putProperty(key, { Id: 7, Name: 'Domain', Value: 'a' }, 'b'));

    expect(err).toMatchObject(cyclrError(kind as 'refused'));
  });

  test.each<FaultRule['then']>([{ status: 204 }, { status: 200, body: { Message: 'Done.' } }])(
    '%j to a property that is changed is one, though: nobody knows what it is to be',
    async (then) => {
      const { cyclr, key, path, sandbox } = await scene();
      sandbox.fault({ match: { path }, then });

      const answer = cyclr.putProperty(key, { Id: 7, Name: 'Domain', Value: 'a' }, 'b');

      await expect(answer).resolves.toBeUndefined();
    },
  );

  test('a redirect is not followed', async () => {
    const { cyclr, key, path, sandbox } = await scene();
    sandbox.fault({ match: { path }, then: 'redirect' });

    const err = await rejection(cyclr.getAccountConnector(key));

    expect(err).toMatchObject(cyclrError('unreadable'));
    expect(sandbox.requests.map((request) => request.path)).toEqual(['/oauth/token', path]);
  });

  test('an answer about another connector is not taken for this one', async () => {
    const { cyclr, key, path, sandbox } = await scene();
    const other = sandbox.connectorOf('acme', 1001);
    sandbox.fault({ match: { path }, then: { status: 200, body: other } });

    const err = await rejection(cyclr.getAccountConnector(key));

    expect(err).toMatchObject(cyclrError('unreadable', { message: `GET ${path}: an answer about another connector` }));
  });

  test('nobody listens: the reason is in the message', async () => {
    const cyclr = new CyclrClient({ apiUrl: 'http://127.0.0.1:1', clientId: 'any', clientSecret: CLIENT_SECRET });

    const err = await rejection(cyclr.getAccountConnector(KEY));

    expect(err).toMatchObject(
      cyclrError('unreachable', { message: 'POST /oauth/token: no whole answer (ECONNREFUSED)' }),
    );
  });
});

describe('a call has one limit for all of it', () => {
  const timeout = cyclrError('unreachable', { message: expect.stringMatching(/ no whole answer \(timeout\)$/) });

  test.each<FaultRule['then']>(['hang', { kind: 'slow', ms: 60_000 }])('while no answer comes: %j', async (then) => {
    const { cyclr, key, path, sandbox } = await scene('Brightdesk', { timeoutMs: 150 });
    sandbox.fault({ match: { path }, then });

    const err = await rejection(cyclr.getAccountConnector(key));

    expect(err).toMatchObject(timeout);
  });

  test('while a body drips, byte after byte, and garbage is collected', async () => {
    let isOpen = true;
    const cyclr = await clientOf((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const drip = setInterval(() => response.write(' ') && collectGarbage(), 10);
      response.on('close', () => {
        clearInterval(drip);
        isOpen = false;
      });
    }, 150);

    const err = await rejection(cyclr.getAccountConnector({ ...KEY, endsAtMs: performance.now() + 4000 }));

    expect(err).toMatchObject(timeout);
    await eventually(() => !isOpen);
  });

  test('a token that comes late takes its part of the time', async () => {
    const { cyclr, key, path, sandbox } = await scene('Brightdesk', { timeoutMs: 400 });
    sandbox.fault({ match: { path: '/oauth/token' }, then: { kind: 'slow', ms: 300 } });
    sandbox.fault({ match: { path }, then: 'hang' });
    const before = performance.now();

    const err = await rejection(cyclr.getAccountConnector(key));

    expect(err).toMatchObject(timeout);
    expect(performance.now() - before).toBeLessThan(600);
  });

  test('and ends with its target, where that has a limit of its own', async () => {
    const { cyclr, key, path, sandbox } = await scene();
    sandbox.fault({ match: { path }, then: 'hang' });

    const err = await rejection(cyclr.getAccountConnector({ ...key, endsAtMs: performance.now() + 100 }));

    expect(err).toMatchObject(timeout);
  });

  test('where no time is left, nothing is sent', async () => {
    const { calls, cyclr, key } = await scene();

    const err = await rejection(cyclr.putAuthValue({ ...key, endsAtMs: performance.now() }, AUTH_VALUE));

    expect(err).toMatchObject(timeout);
    expect(calls()).toEqual([]);
  });
});

describe('a body over the limit is not read to its end', () => {
  const megabytes = Buffer.alloc(6 * 1024 * 1024, ' ');

  test.each<[string, RequestListener]>([
    ['as it is', (_request, response) => response.writeHead(200).end(megabytes)],
    [
      'packed small',
      (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(megabytes)),
    ],
  ])('%s', async (_how, answer) => {
    const cyclr = await clientOf(answer);

    const err = await rejection(cyclr.getAccountConnector(KEY));

    expect(err).toMatchObject(cyclrError('unreachable'));
  });
});

describe('429', () => {
  test('with Retry-After in seconds', async () => {
    const { cyclr, key, path, sandbox } = await scene();
    sandbox.fault({ match: { path }, then: { kind: 'throttled', retryAfter: 17 } });

    const err = await rejection(cyclr.getAccountConnector(key));

    expect(err).toMatchObject(cyclrError('throttled', { retryAfterMs: 17_000 }));
  });

  test('with Retry-After as a date', async () => {
    const { cyclr, key, path, sandbox } = await scene();
    const retryAfter = new Date(Date.now() + 60_000).toUTCString();
    sandbox.fault({ match: { path }, then: { kind: 'throttled', retryAfter } });

    const err = await rejection(cyclr.getAccountConnector(key));

    expect(err).toMatchObject(cyclrError('throttled'));
    expect((err as { retryAfterMs?: number }).retryAfterMs).toBeGreaterThan(50_000);
    expect((err as { retryAfterMs?: number }).retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  const now = Date.parse('2030-01-01T00:00:00Z');
  test.each<[unknown, number | undefined]>([
    ['1', 1000],
    [' 120 ', 120_000],
    ['999999999', 86_400_000],
    ['Tue, 01 Jan 2030 00:00:30 GMT', 30_000],
    ['Tuesday, 01-Jan-30 00:01:00 GMT', 60_000],
    ['Fri, 01 Feb 2030 00:00:00 GMT', 86_400_000],
    // What says "at once", or nothing, leaves the pause to Temporal.
    ['0', undefined],
    ['Mon, 31 Dec 2029 23:59:59 GMT', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
    [['1', '2'], undefined],
  ])('Retry-After: %j is %s ms', (header, expected) => {
    expect(retryAfterMsOf(header, now)).toBe(expected);
  });
});

describe('an account id', () => {
  test('arrives intact, whatever is in it', async () => {
    const { cyclr, sandbox } = await scene();
    await cyclr.getAccountConnector({ accountId: 'Müller & Söhne/1', connectorId: 2001 });
    const unit = fc.mapToConstant(
      { num: 95, build: (n) => String.fromCharCode(0x20 + n) },
      {
        num: 96,
        build: (n) => String.fromCharCode(0xa0 + n),
      },
    );
    const accountIds = fc.string({ unit, minLength: 1, maxLength: 200 }).filter(isAccountId);

    await fc.assert(
      fc.asyncProperty(accountIds, async (accountId) => {
        const [installed] = sandbox.createAccount(accountId, { connectors: ['Brightdesk'] });

        await cyclr.getAccountConnector({ accountId, connectorId: installed!.id });

        expect(sandbox.requests.at(-1)).toMatchObject({ account: accountId, status: 200 });
      }),
      { numRuns: 50, examples: [['\u00a0a\u00a0'], ['"%41\\'], ['\u00ad'], ['ÿ'.repeat(200)]] },
    );
    expect(sandbox.requests.filter(({ account }) => account === 'Müller & Söhne/1')).toHaveLength(1);
  });

  test.each([
    'アカ1',
    '',
    ' a',
    'a ',
    '.',
    '..',
    'x'.repeat(201),
    'a\nb',
    'a\r\nX-Evil: 1',
    'a\u0000',
    'a\u007f',
    'a\u0085',
    'a\t',
    '\ud800',
    'a\u2028',
  ])('%j causes no request at all', async (accountId) => {
    const { cyclr, key, sandbox } = await scene();
    const target = { ...key, accountId };

    const errs = await Promise.all(
      [
        cyclr.getAccountConnector(target),
        cyclr.putAuthValue(target, AUTH_VALUE),
        cyclr.listProperties(target),
        cyclr.postProperty(target, 'Domain', AUTH_VALUE),
        cyclr.putProperty(target, { Id: 1, Name: 'Domain', Value: undefined }, AUTH_VALUE),
      ].map(rejection),
    );

    expect(errs).toMatchObject(Array(5).fill(cyclrError('invalidKey')));
    expect(sandbox.requests).toEqual([]);
  });

  test.each([0, -1, 1.5, NaN, Infinity, 2 ** 53, '1001', '1/../2', null])(
    'with the connector id %p causes none either',
    async (connectorId) => {
      const { cyclr, sandbox } = await scene();

      const err = await rejection(cyclr.getAccountConnector({ accountId: 'acme', connectorId: connectorId as number }));

      expect(err).toMatchObject(cyclrError('invalidKey'));
      expect(sandbox.requests).toEqual([]);
    },
  );
});

test('properties are listed page by page where Cyclr says that there are several', async () => {
  const { cyclr, key, path, sandbox } = await scene('Fernhill');
  const page = (Id: number, Name: string): FaultRule['then'] => ({
    status: 200,
    headers: { 'total-pages': '2' },
    body: [{ Id, Name, Value: 'x', AccountConnectorId: key.connectorId }],
  });
  sandbox.fault({ match: { path: `${path}/properties` }, then: page(1, 'A') });
  sandbox.fault({ match: { path: `${path}/properties` }, then: page(2, 'B') });

  const stored = await cyclr.listProperties(key);

  expect(stored.map(({ Name }) => Name)).toEqual(['A', 'B']);
  expect(sandbox.requests.slice(1).map(({ query }) => query)).toEqual([{}, { page: '2' }]);
});

test('a list that never ends is not read for ever', async () => {
  let pages = 0;
  const cyclr = await clientOf((_request, response) => {
    pages++;
    response.writeHead(200, { 'total-pages': '1000000' }).end('[]');
  });

  await cyclr.listProperties(KEY);

  expect(pages).toBe(20);
});

test('this machine is never reached by way of a proxy, which would read the token', async () => {
  const seen: unknown[] = [];
  const proxy = await listening(createServer(({ url }, response) => response.end(`${seen.push(url)}`)));
  const { cyclr, key } = await scene();
  const { HTTP_PROXY } = process.env;
  process.env.HTTP_PROXY = proxy;
  try {
    const connector = await cyclr.getAccountConnector(key);

    expect(connector.name).toBe('Brightdesk');
    expect(seen).toEqual([]);
  } finally {
    if (HTTP_PROXY === undefined) delete process.env.HTTP_PROXY;
    else process.env.HTTP_PROXY = HTTP_PROXY;
  }
});

describe('no error holds a secret, in any form', () => {
  /** A Cyclr, or something before it, that repeats all that it was sent. */
  const repeating = (status: number, headers: object = {}): RequestListener => {
    return async (request, response) => {
      const sent: Buffer[] = [];
      for await (const chunk of request) sent.push(chunk as Buffer);
      const body = Buffer.concat(sent).toString();
      response.writeHead(status, { ...headers, 'x-sent': JSON.stringify(request.headers) });
      response.end(JSON.stringify({ Id: 42, Message: `${body} ${JSON.stringify(request.headers)}` }));
    };
  };
  const ways: [string, RequestListener][] = [
    ...[200, 201, 204, 302, 400, 401, 403, 404, 409, 429, 500, 503].map((status): [string, RequestListener] => [
      `${status} that repeats it`,
      repeating(status, { location: '/elsewhere', 'retry-after': AUTH_VALUE.replace(/[^a-z]/g, '') }),
    ]),
    ['a reset', (request) => request.socket.resetAndDestroy()],
    [
      'an answer cut off',
      (_request, response) => {
        response.writeHead(200, { 'content-length': 500 });
        response.write(`{"AuthValue": ${JSON.stringify(AUTH_VALUE)}`, () => response.destroy());
      },
    ],
    ['no JSON', (_request, response) => response.end(`${AUTH_VALUE} is no JSON`)],
    ['no HTTP', (request) => request.socket.end(`${AUTH_VALUE}\r\n\r\n`)],
    ['wrongly packed', (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(AUTH_VALUE)],
    ['no answer', () => undefined],
  ];

  test.each(ways)('%s', async (_way, answer) => {
    const cyclr = await clientOf(answer, 300);

    const errs = await Promise.all(
      [
        cyclr.putAuthValue(KEY, AUTH_VALUE),
        cyclr.postProperty(KEY, 'Domain', AUTH_VALUE).then(() => cyclr.getAccountConnector(KEY)),
        cyclr
          .putProperty(KEY, { Id: 1, Name: 'Domain', Value: AUTH_VALUE }, AUTH_VALUE)
          .then(() => cyclr.listProperties(KEY)),
      ].map(rejection),
    );

    for (const err of errs) {
      expect(err).toMatchObject({ name: 'CyclrError' });
      expect(err).not.toHaveProperty('cause');
      expect(leaks(everythingIn(err), AUTH_VALUE, CLIENT_SECRET, BEARER)).toEqual([]);
      expect(everythingIn(err)).not.toMatch(/AxiosError|Bearer /);
    }
  });

  test('and the token endpoint is no exception', async () => {
    const apiUrl = await listening(createServer(repeating(400)));
    const cyclr = new CyclrClient({ apiUrl, clientId: 'any', clientSecret: CLIENT_SECRET });

    const err = await rejection(cyclr.getAccountConnector(KEY));

    expect(err).toMatchObject(cyclrError('clientRefused'));
    expect(leaks(everythingIn(err), CLIENT_SECRET)).toEqual([]);
  });
});
