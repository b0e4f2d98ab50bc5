import { createServer, type RequestListener } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import fc, { runs } from '../support/fast-check';
import { CyclrClient } from '../../activities/cyclr/client';
import type { FaultRule } from '../../sandbox/fault-rule';
import { isAccountId } from '../../workflows/connector';
import { everythingIn, leaks } from './leaks';
import { eventually } from '../support/eventually';
import { answering, BEARER, cyclrError, listening, rejection, scene, stopAll } from './scene';

afterEach(stopAll);

const CLIENT_SECRET = 'cl!ent/sécret?4711';
const AUTH_VALUE = 'päss/w"rd+of=the&user';
const KEY = { accountId: 'acme-1', connectorId: 42 };

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Starts a fake Cyclr that gives `answer` to every call, and returns a client of it. */
async function clientOf(answer: RequestListener, timeoutMs = 5000): Promise<CyclrClient> {
  return new CyclrClient({ apiUrl: await answering(answer), clientId: 'any', clientSecret: CLIENT_SECRET, timeoutMs });
}

describe('kinds of errors', () => {
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
  ])('the kind of the error after a GET of the connector with the answer %j is %s', async (then, kind) => {
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
    ['html', 'unconfirmed'],
    ['empty', 'unconfirmed'],
    [{ status: 204 }, 'unconfirmed'],
    [{ status: 200, body: { Message: 'Done.' } }, 'unconfirmed'],
    ['redirect', 'unreadable'],
  ])('the kind of the error after a PUT of the AuthValue with the answer %j is %s', async (then, kind) => {
    const { cyclr, key, path, sandbox, stored } = await scene();
    sandbox.fault({ match: { path }, then });

    const err = await rejection(cyclr.putAuthValue(key, AUTH_VALUE));

    expect(err).toMatchObject(cyclrError(kind as 'refused'));
    expect(stored().AuthValue).toBeNull();
  });

  test.each<[FaultRule['then'], string]>([
    [{ status: 400 }, 'refused'],
    [{ status: 404 }, 'outdated'],
    ['html', 'unconfirmed'],
    ['empty', 'unconfirmed'],
    [{ status: 204 }, 'unconfirmed'],
    [{ status: 200, body: '"done"' }, 'unconfirmed'],
  ])('the kind of the error after a PUT of a property with the answer %j is %s', async (then, kind) => {
    const { cyclr, key, path, sandbox } = await scene();
    sandbox.fault({ match: { path }, then });

    const err = await rejection(cyclr.putProperty(key, { Id: 7, Name: 'Domain', Value: 'a' }, 'b'));

    expect(err).toMatchObject(cyclrError(kind as 'refused'));
  });

  test('a PUT of a property succeeds after any answer 200 with a JSON object, because Cyclr does not document the answer', async () => {
    const { cyclr, key, path, sandbox } = await scene();
    sandbox.fault({ match: { path }, then: { status: 200, body: { Message: 'Done.' } } });

    const answer = cyclr.putProperty(key, { Id: 7, Name: 'Domain', Value: 'a' }, 'b');

    await expect(answer).resolves.toBeUndefined();
  });

  test('after a redirect, the error has the kind unreadable, because the client does not follow the redirect', async () => {
    const { cyclr, key, path, sandbox } = await scene();
    sandbox.fault({ match: { path }, then: 'redirect' });

    const err = await rejection(cyclr.getAccountConnector(key));

    expect(err).toMatchObject(cyclrError('unreadable'));
    expect(sandbox.requests.map((request) => request.path)).toEqual(['/oauth/token', path]);
  });

  test('after an answer about another connector, the error has the kind unreadable', async () => {
    const { cyclr, key, path, sandbox } = await scene();
    const other = sandbox.connectorOf('acme', 1001);
    sandbox.fault({ match: { path }, then: { status: 200, body: other } });

    const err = await rejection(cyclr.getAccountConnector(key));

    expect(err).toMatchObject(
      cyclrError('unreadable', { message: `GET ${path}: the answer is about another connector` }),
    );
  });

  test('after a refused connection, the error has the kind unreachable, and its message names the cause', async () => {
    const cyclr = new CyclrClient({ apiUrl: 'http://127.0.0.1:1', clientId: 'any', clientSecret: CLIENT_SECRET });

    const err = await rejection(cyclr.getAccountConnector(KEY));

    expect(err).toMatchObject(
      cyclrError('unreachable', { message: 'POST /oauth/token: no complete answer (ECONNREFUSED)' }),
    );
  });
});

describe('time limits', () => {
  const timeout = cyclrError('unreachable', { message: expect.stringMatching(/ no complete answer \(timeout\)$/) });

  test.each<FaultRule['then']>(['hang', { kind: 'slow', ms: 60_000 }])(
    'the time limit of a call ends a call whose answer does not arrive in time: %j',
    async (then) => {
      const { cyclr, key, path, sandbox } = await scene('Brightdesk', { timeoutMs: 150 });
      sandbox.fault({ match: { path }, then });

      const err = await rejection(cyclr.getAccountConnector(key));

      expect(err).toMatchObject(timeout);
    },
  );

  test('the time limit of a call ends a call whose body arrives byte by byte, even after a garbage collection', async () => {
    let isOpen: boolean | undefined;
    const cyclr = await clientOf((_request, response) => {
      isOpen = true;
      response.writeHead(200, { 'content-type': 'application/json' });
      const drip = setInterval(() => response.write(' ') && collectGarbage(), 10);
      response.on('close', () => {
        clearInterval(drip);
        isOpen = false;
      });
    }, 1500); // the limit includes the request for a token

    const err = await rejection(cyclr.getAccountConnector({ ...KEY, endsAtMs: performance.now() + 40_000 }));

    expect(err).toMatchObject(timeout);
    await eventually(
      () => isOpen,
      (open) => open === false,
    );
  });

  test('the time limit of a call includes the time of the token request', async () => {
    const { cyclr, key, path, sandbox } = await scene('Brightdesk', { timeoutMs: 400 });
    sandbox.fault({ match: { path: '/oauth/token' }, then: { kind: 'slow', ms: 300 } });
    sandbox.fault({ match: { path }, then: { kind: 'slow', ms: 300 } });

    const err = await rejection(cyclr.getAccountConnector(key));

    expect(err).toMatchObject(timeout);
  });

  test('the time limit of a call never reaches beyond the end of the activity attempt', async () => {
    const { cyclr, key, path, sandbox } = await scene('Brightdesk', { timeoutMs: 600_000 });
    sandbox.fault({ match: { path }, then: 'hang' });

    const err = await rejection(cyclr.getAccountConnector({ ...key, endsAtMs: performance.now() + 100 }));

    expect(err).toMatchObject(timeout);
  });

  test('the client sends nothing if the activity attempt has no time left', async () => {
    const { calls, cyclr, key } = await scene();

    const err = await rejection(cyclr.putAuthValue({ ...key, endsAtMs: performance.now() }, AUTH_VALUE));

    expect(err).toMatchObject(timeout);
    expect(calls()).toEqual([]);
  });
});

describe('large answers', () => {
  const megabytes = Buffer.alloc(6 * 1024 * 1024, ' ');

  test.each<[string, RequestListener]>([
    ['uncompressed', (_request, response) => response.writeHead(200).end(megabytes)],
    [
      'compressed',
      (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(megabytes)),
    ],
  ])('an answer with a body over 5 MiB gives an error of the kind unreachable: %s', async (_how, answer) => {
    const cyclr = await clientOf(answer);

    const err = await rejection(cyclr.getAccountConnector(KEY));

    expect(err).toMatchObject(cyclrError('unreachable'));
  });
});

describe('answers 429', () => {
  test('the CyclrError of an answer 429 has the Retry-After of the answer, given in seconds', async () => {
    const { cyclr, key, path, sandbox } = await scene();
    sandbox.fault({ match: { path }, then: { kind: 'throttled', retryAfter: 17 } });

    const err = await rejection(cyclr.getAccountConnector(key));

    expect(err).toMatchObject(cyclrError('throttled', { retryAfterMs: 17_000 }));
  });

  test('the CyclrError of an answer 429 has the Retry-After of the answer, given as a date', async () => {
    const { cyclr, key, path, sandbox } = await scene();
    const retryAfter = new Date(Date.now() + 60_000).toUTCString();
    sandbox.fault({ match: { path }, then: { kind: 'throttled', retryAfter } });

    const err = await rejection(cyclr.getAccountConnector(key));

    expect(err).toMatchObject(cyclrError('throttled'));
    expect((err as { retryAfterMs?: number }).retryAfterMs).toBeGreaterThan(50_000);
    expect((err as { retryAfterMs?: number }).retryAfterMs).toBeLessThanOrEqual(60_000);
  });
});

describe('account ids', () => {
  test('an account id of any valid characters arrives unchanged at Cyclr', async () => {
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
      { numRuns: runs(50), examples: [['\u00a0a\u00a0'], ['"%41\\'], ['\u00ad'], ['ÿ'.repeat(200)]] },
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
  ])('an account id that is invalid makes each call fail without a request: %j', async (accountId) => {
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
    'a connector id that is invalid makes a call fail without a request: %p',
    async (connectorId) => {
      const { cyclr, sandbox } = await scene();

      const err = await rejection(cyclr.getAccountConnector({ accountId: 'acme', connectorId: connectorId as number }));

      expect(err).toMatchObject(cyclrError('invalidKey'));
      expect(sandbox.requests).toEqual([]);
    },
  );
});

test('listProperties reads all pages if the header Total-Pages is above 1', async () => {
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

describe('listProperties', () => {
  test('listProperties fails with unreadable if one property has no id', async () => {
    const { cyclr, key, path, sandbox } = await scene();
    sandbox.fault({
      match: { path },
      then: {
        status: 200,
        body: [
          { Id: 1, Name: 'a' },
          { Name: 'b', Value: 'x' },
        ],
      },
    });

    const err = await rejection(cyclr.listProperties(key));

    expect(err).toMatchObject({ kind: 'unreadable' });
  });

  const item = (Id: number) => ({ Id, Name: `P${Id}`, Value: 'x' });
  const pages: { [what: string]: { answers: unknown[]; names: number[]; requests: number } } = {
    'reads no page after a page that is shorter than the first': {
      answers: [[1, 2], [3, 4], [5]],
      names: [1, 2, 3, 4, 5],
      requests: 3,
    },
    'reads no page after an empty page': { answers: [[1], [2], []], names: [1, 2], requests: 3 },
    'reads no page after an empty first page': { answers: [[]], names: [], requests: 1 },
    'reads no page after a page with the properties of an earlier page': {
      answers: [
        [1, 2],
        [2, 1],
        [3, 4],
      ],
      names: [1, 2],
      requests: 2,
    },
    'reads no page after the answer 404 to a page': { answers: [[1, 2], 404], names: [1, 2], requests: 2 },
  };

  test.each(Object.keys(pages))(
    'without the header Total-Pages, listProperties finds the last page by the content of the pages: it %s',
    async (what) => {
      const { answers, names, requests } = pages[what]!;
      const asked: unknown[] = [];
      const cyclr = await clientOf(({ url }, response) => {
        const answer = answers[asked.push(url) - 1];
        if (Array.isArray(answer)) response.end(JSON.stringify(answer.map(item)));
        else response.writeHead(Number(answer)).end();
      });

      const stored = await cyclr.listProperties(KEY);

      expect(stored.map(({ Id }) => Id)).toEqual(names);
      expect(asked).toHaveLength(requests);
    },
  );

  test('listProperties without the header Total-Pages returns all 45 properties of a connector', async () => {
    const { cyclr, key, sandbox } = await scene('Fernhill');
    const Properties = Array.from({ length: 45 }, (_, i) => ({ Name: `P${i}`, Value: 'x' }));
    sandbox.update(key.accountId, key.connectorId, { Properties });
    sandbox.switches.totalPages = false;

    const stored = await cyclr.listProperties(key);

    expect(stored.map(({ Name }) => Name)).toEqual(Properties.map(({ Name }) => Name));
  });
});

/** The second member of each row has the ids on each page. `null` stands for an item without an id. */
test.each<[string, (number | null)[][], number[], number]>([
  ['reads the page after a page with an unreadable item', [[1, 2], [3, null], [4]], [1, 2, 3, 4], 3],
  ['reads the page after a page with only unreadable items', [[1, 2], [null, null], [3]], [1, 2, 3], 3],
  ['reads the page after a first page with only unreadable items', [[null, null], [1, 2], [3]], [1, 2, 3], 3],
  ['reads no page after a page that is shorter than a first page with an unreadable item', [[1, null], [2]], [1, 2], 2],
  ['reads no page after an empty page', [[1, null], []], [1], 2],
  ['reads no page after a page with the items of an earlier page', [[1, 2, null], [2, 1, null]], [1, 2], 2], // prettier-ignore
])(
  'without the header Total-Pages, listConnectors finds the last page by the content of the pages: it %s',
  async (_what, answers, ids, requests) => {
    let asked = 0;
    const cyclr = await clientOf((_request, response) => {
      const page = answers[asked++] ?? [5];
      response.end(JSON.stringify(page.map((Id) => ({ Id }))));
    });

    const found = await cyclr.listConnectors(KEY, () => undefined);

    expect(found.map(({ Id }) => Id)).toEqual(ids);
    expect(asked).toBe(requests);
  },
);

test.each([
  ['with Total-Pages: 1000000', { 'total-pages': '1000000' }],
  ['without Total-Pages', {}],
])('listProperties reads at most 50 pages, %s', async (_what, headers) => {
  let pages = 0;
  const cyclr = await clientOf((_request, response) => {
    response.writeHead(200, headers).end(JSON.stringify([{ Id: ++pages, Name: 'A' }]));
  });

  await cyclr.listProperties(KEY);

  expect(pages).toBe(50);
});

test.each(['http:', 'HTTP:'])('the client ignores HTTP_PROXY for an API URL with %s on loopback', async (scheme) => {
  const seen: unknown[] = [];
  const proxy = await listening(createServer(({ url }, response) => response.end(`${seen.push(url)}`)));
  const { sandbox, key } = await scene();
  const { url, clientId, clientSecret } = sandbox;
  const cyclr = new CyclrClient({ apiUrl: url.replace('http:', scheme), clientId, clientSecret });
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

test('the client refuses http to another host than loopback', () => {
  const apiUrl = 'HTTP://api.cyclr.example';

  expect(() => new CyclrClient({ apiUrl, clientId: 'id', clientSecret: CLIENT_SECRET })).toThrow(/must be https/);
});

describe('secrets in errors', () => {
  /** A server (Cyclr, or a proxy before Cyclr) whose answer repeats the whole request. */
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
      `an answer with the status ${status} that repeats the request`,
      repeating(status, { location: '/elsewhere', 'retry-after': AUTH_VALUE.replace(/[^a-z]/g, '') }),
    ]),
    ['a connection reset', (request) => request.socket.resetAndDestroy()],
    [
      'an answer that ends too early',
      (_request, response) => {
        response.writeHead(200, { 'content-length': 500 });
        response.write(`{"AuthValue": ${JSON.stringify(AUTH_VALUE)}`, () => response.destroy());
      },
    ],
    ['an answer that is no JSON', (_request, response) => response.end(`${AUTH_VALUE} is no JSON`)],
    ['an answer that is no HTTP', (request) => request.socket.end(`${AUTH_VALUE}\r\n\r\n`)],
    [
      'an answer with a wrong encoding',
      (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(AUTH_VALUE),
    ],
    ['no answer', () => undefined],
  ];

  test.each(ways)('an error of the client holds no secret in any form after %s', async (_way, answer) => {
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

  test('an error of the client holds no secret in any form after the token endpoint repeats the client secret', async () => {
    const apiUrl = await listening(createServer(repeating(400)));
    const cyclr = new CyclrClient({ apiUrl, clientId: 'any', clientSecret: CLIENT_SECRET });

    const err = await rejection(cyclr.getAccountConnector(KEY));

    expect(err).toMatchObject(cyclrError('clientRefused'));
    expect(leaks(everythingIn(err), CLIENT_SECRET)).toEqual([]);
  });
});
