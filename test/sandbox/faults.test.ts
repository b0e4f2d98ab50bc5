import type { FaultRule } from '../../sandbox/fault-rule';
import { ACCOUNT, eventually, mint, scene, stopAll } from './scene';

afterEach(stopAll);

const PUT = { method: 'PUT', path: '/v1.0/account/connectors' } as const;
const KEY = { AuthValue: 'a/"key"' };

/** A scene in which a PUT meets this fault. */
async function sceneWith(then: FaultRule['then']) {
  const at = await scene();
  at.sandbox.fault({ match: PUT, then });
  return { ...at, stored: () => at.sandbox.connectorOf(ACCOUNT, at.id) };
}

describe('a fault instead of an answer', () => {
  test.each<[string, FaultRule['then'], object]>([
    ['a status with JSON', { status: 503, body: { Message: 'm' } }, { status: 503, json: { Message: 'm' } }],
    ['a status with text', { status: 502, body: 'Bad gateway' }, { status: 502, text: 'Bad gateway' }],
    ['a status alone', { status: 500 }, { status: 500, text: '' }],
    ['an HTML page', 'html', { status: 200, text: expect.stringMatching(/^<!DOCTYPE html>/) }],
    ['an HTML error', 'html500', { status: 500, text: expect.stringMatching(/Runtime Error/) }],
    ['an empty answer', 'empty', { status: 200, text: '' }],
    ['a 401', 'unauthorized', { status: 401, json: { Message: expect.any(String) } }],
    ['Authenticated: false', 'unauthenticated', { status: 200, json: { Name: 'Brightdesk', Authenticated: false } }],
  ])('%s: nothing is stored, and the next request goes well', async (_what, then, expected) => {
    const { put, stored } = await sceneWith(then);

    const hit = await put(KEY);
    const left = stored();
    const next = await put(KEY);

    expect(hit).toMatchObject(expected);
    expect(left).toMatchObject({ AuthValue: null, Authenticated: false });
    expect(next).toMatchObject({ status: 200, json: { Authenticated: true } });
  });

  test.each([
    ['plain', 'a/"key"'],
    ['json-escaped', 'a/\\"key\\"'],
    ['base64', 'YS8ia2V5Ig=='],
    ['url-encoded', 'a%2F%22key%22'],
    ['truncated', 'a/"k…'],
    ['upper', 'A/"KEY"'],
  ] as const)('a 400 that repeats the secret: %s', async (form, repeated) => {
    const { put } = await sceneWith({ kind: 'echo400', form });

    const { status, json } = await put(KEY);

    expect(status).toBe(400);
    expect(json.Message).toContain(`'${repeated}'`);
  });

  test('headers of its own', async () => {
    const { put } = await sceneWith({ status: 403, headers: { 'x-reason': 'ip' }, body: { Message: 'No.' } });

    const { headers } = await put(KEY);

    expect(headers.get('x-reason')).toBe('ip');
  });

  test.each([17, 'Wed, 21 Oct 2099 07:28:00 GMT'])('429 with Retry-After: %s', async (retryAfter) => {
    const { put } = await sceneWith({ kind: 'throttled', retryAfter });

    const { status, headers } = await put(KEY);

    expect(status).toBe(429);
    expect(headers.get('retry-after')).toBe(String(retryAfter));
  });

  test('a redirect to somewhere else', async () => {
    const { put } = await sceneWith('redirect');

    const { status, headers } = await put(KEY);

    expect(status).toBe(302);
    expect(headers.get('location')).toBe('/elsewhere');
  });
});

describe('a fault of the connection', () => {
  test('a reset: nothing is stored', async () => {
    const { put, stored } = await sceneWith('reset');

    await expect(put(KEY)).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    expect(stored().AuthValue).toBeNull();
  });

  test('an answer that ends in the middle', async () => {
    const { put } = await sceneWith('truncated');

    await expect(put(KEY)).rejects.toThrow('terminated');
  });

  test('a lost answer: what was asked for is done', async () => {
    const { put, stored, sandbox } = await sceneWith('applied-then-reset');

    await expect(put(KEY)).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    expect(stored()).toMatchObject({ AuthValue: KEY.AuthValue, Authenticated: true });
    expect(sandbox.requests.at(-1)).not.toHaveProperty('status');
  });

  test('an answer that never comes, of what is done', async () => {
    const { put, stored, sandbox } = await sceneWith('applied-then-hang');
    const hanging = expect(put(KEY)).rejects.toThrow('fetch failed');

    await eventually(() => stored().Authenticated);
    const next = await put({ AuthValue: 'next' });
    await sandbox.close();
    await hanging;

    expect(next.status).toBe(200);
    expect(sandbox.requests.filter(({ method }) => method === 'PUT').map(({ status }) => status)).toEqual([
      undefined,
      200,
    ]);
  });

  test('a slow answer is the right one', async () => {
    const { put } = await sceneWith({ kind: 'slow', ms: 40 });
    const before = performance.now();

    const answer = await put(KEY);

    expect(performance.now() - before).toBeGreaterThan(35);
    expect(answer).toMatchObject({ status: 200, json: { Authenticated: true } });
  });

  test.each<FaultRule['then']>(['hang', { kind: 'slow', ms: 60_000 }])(
    'no answer until the sandbox closes, at once and without doing a thing: %j',
    async (then) => {
      const { put, stored, sandbox } = await sceneWith(then);
      const hanging = expect(put(KEY)).rejects.toThrow('fetch failed');
      await eventually(() => sandbox.requests.some(({ method, body }) => method === 'PUT' && body !== undefined));
      const before = performance.now();

      await sandbox.close();

      await hanging;
      expect(performance.now() - before).toBeLessThan(5000);
      expect(stored().AuthValue).toBeNull();
    },
  );
});

describe('a rule', () => {
  test('hits as often as it says, after as many as it lets pass', async () => {
    const { sandbox, get } = await scene();
    sandbox.fault({ match: { method: 'GET' }, skip: 1, times: 2, then: { status: 503 } });

    const answers = [await get(), await get(), await get(), await get()];

    expect(answers.map(({ status }) => status)).toEqual([200, 503, 503, 200]);
  });

  test('can hit until the faults are cleared', async () => {
    const { sandbox, get } = await scene();
    sandbox.fault({ match: {}, times: 'always', then: { status: 503 } });

    const during = [await get(), await get()];
    sandbox.clearFaults();
    const after = await get();

    expect([...during, after].map(({ status }) => status)).toEqual([503, 503, 200]);
  });

  test('hits only the account and the path that it names', async () => {
    const { sandbox, call, get, id } = await scene();
    sandbox.fault({ match: { path: `/${id}$`, account: ACCOUNT }, then: { status: 503 } });

    const others = [await get('/properties'), await call('GET', '/v1.0/account/connectors/1001', { account: 'acme' })];
    const hit = await get();

    expect([...others, hit].map(({ status }) => status)).toEqual([200, 200, 503]);
  });

  test('comes after the ones before it', async () => {
    const { sandbox, get } = await scene();
    sandbox.fault({ match: {}, then: { status: 502 } });
    sandbox.fault({ match: {}, then: { status: 503 } });

    const answers = [await get(), await get(), await get()];

    expect(answers.map(({ status }) => status)).toEqual([502, 503, 200]);
  });

  test('can hit the token endpoint, secret and all', async () => {
    const { sandbox } = await scene();
    sandbox.fault({ match: { path: '/oauth/token' }, then: { kind: 'echo400', form: 'plain' } });

    const answer = await mint(sandbox);

    expect(answer).toMatchObject({ status: 400, json: { Message: "The value 'sandbox-secret' is not valid." } });
  });

  test('that makes no sense is refused', async () => {
    const { sandbox } = await scene();

    const add = () => sandbox.fault({ match: { path: '(' }, then: 'reset' });

    expect(add).toThrow('not the source of a regular expression');
  });
});
