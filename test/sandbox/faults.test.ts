import type { FaultRule } from '../../sandbox/fault-rule';
import { eventually } from '../support/eventually';
import { ACCOUNT, mint, scene, stopAll } from './scene';

afterEach(stopAll);

const PUT = { method: 'PUT', path: '/v1.0/account/connectors' } as const;
const KEY = { AuthValue: 'a/"key"' };

/** Opens a scene in which the sandbox applies the fault `then` to the next PUT of the connector. */
async function sceneWith(then: FaultRule['then']) {
  const at = await scene();
  at.sandbox.fault({ match: PUT, then });
  return { ...at, stored: () => at.sandbox.connectorOf(ACCOUNT, at.id) };
}

describe('faults that replace the answer', () => {
  test.each<[string, FaultRule['then'], object]>([
    ['a status with JSON', { status: 503, body: { Message: 'm' } }, { status: 503, json: { Message: 'm' } }],
    ['a status with text', { status: 502, body: 'Bad gateway' }, { status: 502, text: 'Bad gateway' }],
    ['a status alone', { status: 500 }, { status: 500, text: '' }],
    ['an HTML page', 'html', { status: 200, text: expect.stringMatching(/^<!DOCTYPE html>/) }],
    ['an HTML error', 'html500', { status: 500, text: expect.stringMatching(/Runtime Error/) }],
    ['an empty body', 'empty', { status: 200, text: '' }],
    ['a 401', 'unauthorized', { status: 401, json: { Message: expect.any(String) } }],
    ['Authenticated: false', 'unauthenticated', { status: 200, json: { Name: 'Brightdesk', Authenticated: false } }],
  ])(
    'a request that is answered with %s stores nothing, and the next request succeeds',
    async (_what, then, expected) => {
      const { put, stored } = await sceneWith(then);

      const hit = await put(KEY);
      const left = stored();
      const next = await put(KEY);

      expect(hit).toMatchObject(expected);
      expect(left).toMatchObject({ AuthValue: null, Authenticated: false });
      expect(next).toMatchObject({ status: 200, json: { Authenticated: true } });
    },
  );

  test.each([
    ['plain', 'a/"key"'],
    ['json-escaped', 'a/\\"key\\"'],
    ['base64', 'YS8ia2V5Ig=='],
    ['url-encoded', 'a%2F%22key%22'],
    ['truncated', 'a/"k…'],
    ['upper', 'A/"KEY"'],
  ] as const)('the fault echo400 gives 400 and repeats the secret in the form %s', async (form, repeated) => {
    const { put } = await sceneWith({ kind: 'echo400', form });

    const { status, json } = await put(KEY);

    expect(status).toBe(400);
    expect(json.Message).toContain(`'${repeated}'`);
  });

  test.each([17, 'Wed, 21 Oct 2099 07:28:00 GMT'])(
    'the fault throttled gives 429 with Retry-After: %s',
    async (retryAfter) => {
      const { put } = await sceneWith({ kind: 'throttled', retryAfter });

      const { status, headers } = await put(KEY);

      expect(status).toBe(429);
      expect(headers.get('retry-after')).toBe(String(retryAfter));
    },
  );

  test('the fault redirect gives 302 to another path', async () => {
    const { put } = await sceneWith('redirect');

    const { status, headers } = await put(KEY);

    expect(status).toBe(302);
    expect(headers.get('location')).toBe('/elsewhere');
  });
});

describe('faults of the connection', () => {
  test('the fault reset closes the connection and stores nothing', async () => {
    const { put, stored } = await sceneWith('reset');

    await expect(put(KEY)).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    expect(stored().AuthValue).toBeNull();
  });

  test('the fault truncated gives an answer that ends in the middle', async () => {
    const { put } = await sceneWith('truncated');

    await expect(put(KEY)).rejects.toThrow('terminated');
  });

  test('the fault applied-then-reset makes the sandbox apply the request, then reset the connection', async () => {
    const { put, stored, sandbox } = await sceneWith('applied-then-reset');

    await expect(put(KEY)).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    expect(stored()).toMatchObject({ AuthValue: KEY.AuthValue, Authenticated: true });
    expect(sandbox.requests.at(-1)).not.toHaveProperty('status');
  });

  test('the fault applied-then-hang makes the sandbox apply the request, and never answer', async () => {
    const { put, stored, sandbox } = await sceneWith('applied-then-hang');
    const hanging = expect(put(KEY)).rejects.toThrow('fetch failed');

    await eventually(stored, ({ Authenticated }) => Authenticated);
    const next = await put({ AuthValue: 'next' });
    await sandbox.close();
    await hanging;

    expect(next.status).toBe(200);
    expect(sandbox.requests.filter(({ method }) => method === 'PUT').map(({ status }) => status)).toEqual([
      undefined,
      200,
    ]);
  });

  test.each([
    ['applied-then-204', 204, ''],
    ['applied-then-empty', 200, ''],
    ['applied-then-html', 200, expect.stringMatching(/^<!DOCTYPE html>/)],
  ] as const)('the fault %s applies the request, and gives an answer without JSON', async (then, status, text) => {
    const { put, stored, sandbox } = await sceneWith(then);

    const answer = await put(KEY);

    expect(answer).toMatchObject({ status, text });
    expect(stored()).toMatchObject({ AuthValue: KEY.AuthValue, Authenticated: true });
    expect(sandbox.requests.at(-1)).toMatchObject({ status });
  });

  test('the fault applied-then-html does not replace the answer to a refused request', async () => {
    const { put } = await sceneWith('applied-then-html');

    expect(await put({ AuthValue: 'wrong' })).toMatchObject({ status: 400, json: { Message: expect.any(String) } });
  });

  test('the fault held keeps the request waiting until the test releases the fault rule', async () => {
    const { sandbox, put, stored } = await sceneWith('empty');
    sandbox.clearFaults();
    const release = sandbox.fault({ match: PUT, then: 'held' });
    const waiting = put(KEY);
    await eventually(
      () => sandbox.requests,
      (requests) => requests.some(({ method, body }) => method === 'PUT' && body !== undefined),
    );
    const meanwhile = stored().AuthValue;

    release();

    expect((await waiting).status).toBe(200);
    expect([meanwhile, stored().AuthValue]).toEqual([null, KEY.AuthValue]);
  });

  test('the fault slow sends the answer after the delay', async () => {
    const { put } = await sceneWith({ kind: 'slow', ms: 40 });
    const before = performance.now();

    const answer = await put(KEY);

    expect(performance.now() - before).toBeGreaterThan(35);
    expect(answer).toMatchObject({ status: 200, json: { Authenticated: true } });
  });

  test.each<FaultRule['then']>(['hang', { kind: 'slow', ms: 60_000 }])(
    'the fault %j gives no answer until the sandbox closes, and stores nothing',
    async (then) => {
      const { put, stored, sandbox } = await sceneWith(then);
      const hanging = expect(put(KEY)).rejects.toThrow('fetch failed');
      await eventually(
        () => sandbox.requests,
        (requests) => requests.some(({ method, body }) => method === 'PUT' && body !== undefined),
      );

      await sandbox.close();

      await hanging;
      expect(stored().AuthValue).toBeNull();
    },
  );
});

describe('fault rules', () => {
  test('a fault rule ignores `skip` requests, then applies to `times` requests', async () => {
    const { sandbox, get } = await scene();
    sandbox.fault({ match: { method: 'GET' }, skip: 1, times: 2, then: { status: 503 } });

    const answers = [await get(), await get(), await get(), await get()];

    expect(answers.map(({ status }) => status)).toEqual([200, 503, 503, 200]);
  });

  test('a fault rule with `times: always` applies until the faults are cleared', async () => {
    const { sandbox, get } = await scene();
    sandbox.fault({ match: {}, times: 'always', then: { status: 503 } });

    const during = [await get(), await get()];
    sandbox.clearFaults();
    const after = await get();

    expect([...during, after].map(({ status }) => status)).toEqual([503, 503, 200]);
  });

  test('a fault rule applies only to the account and the path in its `match`', async () => {
    const { sandbox, call, get, id } = await scene();
    sandbox.fault({ match: { path: `/${id}$`, account: ACCOUNT }, then: { status: 503 } });

    const others = [await get('/properties'), await call('GET', '/v1.0/account/connectors/1001', { account: 'acme' })];
    const hit = await get();

    expect([...others, hit].map(({ status }) => status)).toEqual([200, 200, 503]);
  });

  test('if two fault rules match a request, the older rule applies first', async () => {
    const { sandbox, get } = await scene();
    sandbox.fault({ match: {}, then: { status: 502 } });
    sandbox.fault({ match: {}, then: { status: 503 } });

    const answers = [await get(), await get(), await get()];

    expect(answers.map(({ status }) => status)).toEqual([502, 503, 200]);
  });

  test('a fault rule can apply to the token endpoint, and its answer can repeat the client secret', async () => {
    const { sandbox } = await scene();
    sandbox.fault({ match: { path: '/oauth/token' }, then: { kind: 'echo400', form: 'plain' } });

    const answer = await mint(sandbox);

    expect(answer).toMatchObject({ status: 400, json: { Message: "The value 'sandbox-secret' is not valid." } });
  });
});
