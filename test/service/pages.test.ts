/** The pages before and after the consent. */
import { randomUUID } from 'node:crypto';
import { Tokens } from '../../service/tokens';
import type { Decision } from '../../sandbox/oauth';
import type { ConnectorKey } from '../../workflows/connector';
import { eventually } from '../support/eventually';
import { newSessionKeys, openService, ORIGIN, OTHER_ORIGIN, type Service } from './scene';

let service: Service;
beforeAll(async () => (service = await openService()));
afterAll(() => service.close());

/** Posts the form to /connect/go as a page of the origin `origin` does. An empty `origin` omits the header `Origin`. */
const go = (fields: { session?: string; connectorId?: number | string }, origin: string | undefined = service.url) =>
  service.call('POST', '/connect/go', {
    body: new URLSearchParams(
      Object.entries(fields).map(([name, value]) => [name, String(value)] as [string, string]),
    ).toString(),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...(origin && { Origin: origin }) },
  });
const returns = (attempt?: string, method = 'GET') =>
  service.call(method, `/connect/return${attempt === undefined ? '' : `?attempt=${attempt}`}`);

const state = async (key: ConnectorKey) => (await service.stage.auth.view(key)).state;
const reaches = (key: ConnectorKey, expected: string) =>
  eventually(
    () => state(key),
    (seen) => seen === expected,
  );
/** Makes a session for a connector whose flow waits for consent. */
async function waiting(more = {}): Promise<{ key: ConnectorKey; token: string }> {
  const key = service.stage.install('Ledgerly');
  const token = await service.session(key, more);
  await reaches(key, 'awaitingAuthorization');
  return { key, token };
}
/** The URL to which the page redirects by a meta refresh, or `nowhere` if the page has no meta refresh. */
const target = (text: string): string =>
  (/http-equiv="refresh" content="0;url=([^"]+)"/.exec(text)?.[1] ?? 'nowhere').replaceAll('&amp;', '&');
/** Makes the user's decision at the third party. Returns the attempt token of the return address. */
async function decides(text: string, decision: Decision): Promise<string> {
  const { location = '' } = await service.stage.sandbox.consent(target(text), decision);
  return new URL(location).searchParams.get('attempt') ?? '';
}
const reads = ({ accountId, connectorId }: ConnectorKey) =>
  service.stage.sandbox.requests.filter(
    ({ account, method, path }) =>
      account === accountId && method === 'GET' && path.endsWith(`/connectors/${connectorId}`),
  ).length;
const returnsOf = async (key: ConnectorKey) =>
  (await service.stage.auth.timeline(key)).entries.filter(({ event }) => event === 'authorizationReturned');

test('the answer to the form POST /connect/go leads to the consent, and the return page shows that the connector is connected', async () => {
  const { key, token } = await waiting({ accountLabel: 'Acme <Ltd>', by: 'jo@acme.example' });

  const out = await go({ session: token, connectorId: key.connectorId });
  const attempt = await decides(out.text, 'approve');
  const back = await returns(attempt);

  expect(out.status).toBe(200);
  expect(out.headers.get('cache-control')).toBe('no-store');
  expect(out.headers.get('referrer-policy')).toBe('same-origin');
  expect(out.text).toContain('For Acme &lt;Ltd&gt;.');
  expect(back.status).toBe(200);
  expect(back.text).toContain('<h1>Ledgerly is connected</h1>');
  expect(await state(key)).toBe('authenticated');
  const sender = `session:${(await service.tokens.session(token)).id} jo@acme.example`;
  const { entries } = await service.stage.auth.timeline(key);
  expect(entries.filter(({ event }) => event === 'linkMinted')).toMatchObject([{ by: sender }]);
  expect(await returnsOf(key)).toMatchObject([{ by: sender }]);
  expect(Buffer.from(attempt.split('.')[1]!, 'base64url').toString()).not.toMatch(/jo@acme|session:/);
});

describe('a return with an attempt of an earlier run', () => {
  /**
   * A user opens a link, the flow is started again, and the user then decides at the third party. Returns the attempt
   * token of the link.
   */
  async function earlier(decision: Decision): Promise<{ key: ConnectorKey; attempt: string }> {
    const { key, token } = await waiting();
    const { auth } = service.stage;
    const out = await go({ session: token, connectorId: key.connectorId });
    await auth.cancel(key);
    await auth.result(key);
    await auth.start(key);
    await reaches(key, 'awaitingAuthorization');
    return { key, attempt: await decides(out.text, decision) };
  }

  test('after an approval, a return with an attempt of an earlier run authenticates the connector', async () => {
    const { key, attempt } = await earlier('approve');

    const back = await returns(attempt);

    expect(back.text).toContain('is connected');
    expect(await state(key)).toBe('authenticated');
  });

  test('after a declined consent, two returns with the same attempt token of an earlier run start only one re-read', async () => {
    const { key, attempt } = await earlier('decline');
    const before = reads(key);

    await returns(attempt);
    await returns(attempt);

    expect(reads(key) - before).toBe(1);
    expect(await state(key)).toBe('awaitingAuthorization');
  });
});

test('after a declined consent the return page shows that the verification runs, and reloads itself', async () => {
  const { key, token } = await waiting();
  const out = await go({ session: token, connectorId: key.connectorId });

  const back = await returns(await decides(out.text, 'decline'));

  expect(back.status).toBe(200);
  expect(back.text).toContain('<h1>Ledgerly is being checked …</h1>');
  expect(back.text).toMatch(/http-equiv="refresh" content="5;url=return\?attempt=[\w.-]+"/);
  expect(await state(key)).not.toBe('authenticated');
});

describe('the form', () => {
  test('each POST of the form makes a new link, but only from the origin of the service or of the session', async () => {
    const { key, token } = await waiting({ origin: ORIGIN });
    const fields = { session: token, connectorId: key.connectorId };

    const allowed = [await go(fields), await go(fields, ORIGIN)];
    const refused = [
      await go(fields, OTHER_ORIGIN),
      await go(fields, 'https://evil.example'),
      await go(fields, 'null'),
      await go(fields, ''),
    ];

    expect(allowed.map(({ status }) => status)).toEqual([200, 200]);
    expect(new Set(allowed.map(({ text }) => target(text))).size).toBe(2);
    expect(refused.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
    expect(refused.map(({ text }) => target(text))).toEqual(refused.map(() => 'nowhere'));
  });

  test('the form is refused without a valid session token, and for a connector outside the session', async () => {
    const [mine, other] = [await waiting(), await waiting()];
    const invitation = await service.session(mine.key, { kind: 'invitation' });
    const { connectorId } = mine.key;

    expect((await go({ session: mine.token, connectorId: other.key.connectorId })).status).toBe(404);
    expect((await go({ session: other.token, connectorId })).status).toBe(404);
    const sibling = service.stage.install('Ledgerly', { accountId: mine.key.accountId });
    await service.session(sibling);
    await reaches(sibling, 'awaitingAuthorization');
    expect((await go({ session: mine.token, connectorId: sibling.connectorId })).status).toBe(404);
    for (const session of ['', 'x', service.apiKey, invitation])
      expect((await go({ session, connectorId })).status).toBe(401);
    expect((await go({ connectorId })).status).toBe(422);
    expect((await go({ session: mine.token, connectorId: '1e3' })).status).toBe(422);
    expect((await service.stage.auth.view(mine.key)).attempt).toBeUndefined();
  });

  test('the form is answered with an error page if the flow does not wait for consent', async () => {
    const key = service.stage.install('Brightdesk');
    const token = await service.session(key);
    await reaches(key, 'awaitingCredentials');

    const answer = await go({ session: token, connectorId: key.connectorId });

    expect(answer.status).toBe(200); // the service sends the status before the flow refuses the request
    expect(answer.headers.get('content-type')).toContain('text/html');
    expect(answer.text).toContain('This step is not possible at the moment.');
    expect(answer.text).toContain('Close this window');
  });
});

describe('without a worker', () => {
  test('without a worker, the answer to the form begins at once, and ends with the link after a worker has started', async () => {
    const { key, token } = await waiting();
    await service.stage.stopWorker();
    const response = await fetch(`${service.url}/connect/go`, {
      method: 'POST',
      body: new URLSearchParams({ session: token, connectorId: `${key.connectorId}`, name: 'Ledgerly' }),
      headers: { Origin: service.url },
    });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const first = (await reader.read()).value ?? '';

    await service.stage.restartWorker();
    let rest = '';
    for (let part = await reader.read(); !part.done; part = await reader.read()) rest += part.value;

    expect(first).toContain('<h1>Taking you to Ledgerly …</h1>');
    expect(target(first)).toBe('nowhere');
    expect(target(rest)).toContain('/connectorauth/');
  });
});

describe('the return', () => {
  /** Starts a flow and requests a link. Returns the attempt token of the link, before any browser returns with it. */
  async function attempted() {
    const { key, token } = await waiting();
    const out = await go({ session: token, connectorId: key.connectorId });
    return {
      key,
      token,
      attempt: new URL(new URL(target(out.text)).searchParams.get('targetOrigin')!).searchParams.get('attempt')!,
    };
  }

  test('a return without a valid attempt token changes nothing', async () => {
    const { key, token, attempt } = await attempted();
    const own = { ...key, attemptId: (await service.stage.auth.view(key)).attempt!.id, by: 'user' };
    const { sessionKeys: keys, url: publicUrl } = service;
    const [header, payload, signature] = attempt.split('.') as [string, string, string];
    const wrong = {
      none: undefined,
      empty: '',
      noise: '%00%ff',
      cut: `${header}.${payload}`,
      unsigned: `${header}.${payload}.`,
      otherSignature: [header, payload, `${signature.slice(0, -4)}AAAA`].join('.'),
      otherKey: await new Tokens({ keys: newSessionKeys(), publicUrl }).attempt(own),
      otherService: await new Tokens({ keys, publicUrl: 'https://other.example' }).attempt(own),
      old: await new Tokens({ keys, publicUrl, now: () => Date.now() - 25 * 3_600_000 }).attempt(own),
      session: token,
    };
    const before = reads(key);

    for (const [name, given] of Object.entries(wrong)) {
      const answer = await returns(given);
      expect({ name, status: answer.status }).toEqual({ name, status: 400 });
      expect(answer.text).toContain('This page has nothing to show');
      expect(answer.text).not.toContain('Ledgerly');
    }
    expect((await service.call('GET', `/connect/return?attempt=${attempt}&attempt=${attempt}`)).status).toBe(400);
    expect([await state(key), reads(key), await returnsOf(key)]).toEqual(['awaitingAuthorization', before, []]);
  });

  test('a HEAD request to the return page changes nothing', async () => {
    const { key, attempt } = await attempted();
    const before = reads(key);

    const { status } = await returns(attempt, 'HEAD');

    expect(status).toBe(200);
    expect([await state(key), reads(key), await returnsOf(key)]).toEqual(['awaitingAuthorization', before, []]);
  });

  test('two returns with an attempt that the flow does not know start one re-read, and the state stays the same', async () => {
    const { key } = await waiting();
    const before = reads(key);
    const attempt = await service.tokens.attempt({ ...key, attemptId: randomUUID(), by: 'user' });

    const answers = [await returns(attempt), await returns(attempt)];

    for (const { text } of answers) expect(text).toContain('Ledgerly is not connected');
    expect([await state(key), reads(key), await returnsOf(key)]).toEqual(['awaitingAuthorization', before + 1, []]);
  });

  test('repeated returns after an approval cause one verification, and each return shows the same page', async () => {
    const { key, token } = await waiting();
    const attempt = await decides((await go({ session: token, connectorId: key.connectorId })).text, 'approve');

    const [first, second] = await Promise.all([returns(attempt), returns(attempt)]);
    const after = reads(key);
    const third = await returns(attempt);

    for (const { status, text } of [first, second, third]) {
      expect(status).toBe(200);
      expect(text).toContain('<h1>Ledgerly is connected</h1>');
    }
    expect(reads(key)).toBe(after);
    expect(await returnsOf(key)).toHaveLength(1);
  });

  test('repeated returns after a declined consent cause one verification', async () => {
    const { key, token } = await waiting();
    const older = await go({ session: token, connectorId: key.connectorId });
    await go({ session: token, connectorId: key.connectorId }); // this call supersedes the older attempt, so a verification of the older attempt makes only one re-read
    const attempt = await decides(older.text, 'decline');
    const before = reads(key);

    const answers = [await returns(attempt), await returns(attempt), await returns(attempt)];

    for (const { text } of answers) expect(text).toContain('<h1>Ledgerly is not connected: try again</h1>');
    expect(reads(key)).toBe(before + 1);
    expect(await returnsOf(key)).toHaveLength(1);
  });

  test('a return with a superseded attempt starts a verification', async () => {
    const { key, token } = await waiting();
    const older = await go({ session: token, connectorId: key.connectorId });
    await go({ session: token, connectorId: key.connectorId });

    const back = await returns(await decides(older.text, 'approve'));

    expect(back.text).toContain('<h1>Ledgerly is connected</h1>');
  });

  test('a return is accepted if Cyclr has appended a query to the return address', async () => {
    const { key, token } = await waiting();
    service.stage.sandbox.switches.returnAppends = 'status=1';
    try {
      const out = await go({ session: token, connectorId: key.connectorId });
      const { location = '' } = await service.stage.sandbox.consent(target(out.text), 'approve');
      expect(location).toContain('status=1');

      const back = await service.call('GET', location.slice(service.url.length));

      expect(back.text).toContain('<h1>Ledgerly is connected</h1>');
    } finally {
      service.stage.sandbox.switches.returnAppends = '';
    }
  });

  test('a return after the end of the flow shows the last state of the flow', async () => {
    const { key, attempt } = await attempted();
    await service.stage.auth.cancel(key);

    const back = await returns(attempt);

    expect(back).toMatchObject({ status: 200 });
    expect(back.text).toContain('was cancelled');
  });
});
