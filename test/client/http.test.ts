/** The client with which a backend calls the service: the client's calls, its errors, and when it repeats a call. */
import { once } from 'node:events';
import { inspect } from 'node:util';
import { OnboardingError, OnboardingService, type AuditEntry, type ListedConnection } from '../../client/http';
import { createTestSecrets } from '../../scripts/faults/secret-search';
import { workflowIdOf, type ConnectorKey } from '../../workflows/connector';
import { eventually } from '../support/eventually';
import { startReceiver, type Receiver } from '../support/receiver';
import { createOpenApiCheck, operationsOf, type OpenApi } from '../service/openapi-check';
import { openService, ORIGIN, type Service } from '../service/scene';
import { startRecordingProxy, type RecordingProxy } from '../service/recording-proxy';

let service: Service;
let proxy: RecordingProxy;
let onboarding: OnboardingService;
let receiver: Receiver;
beforeAll(async () => {
  [service, receiver] = await Promise.all([openService(), startReceiver()]);
  await service.stage.restartWorker({}, { default: { url: receiver.url, secrets: [receiver.secret] } });
});
afterAll(async () => {
  await service.close();
  await receiver.close();
});
beforeEach(async () => {
  proxy = await startRecordingProxy(service.url);
  onboarding = new OnboardingService({ url: proxy.url, apiKey: service.apiKey });
});
afterEach(() => proxy.close());

const reaches = (key: ConnectorKey, state: string) =>
  eventually(
    () => onboarding.view(key),
    (view) => view.state === state,
  );
/** Starts a flow and waits for a state. */
async function waiting(connector: string, state: string): Promise<ConnectorKey> {
  const key = service.stage.install(connector);
  await onboarding.start(key);
  await reaches(key, state);
  return key;
}
const failureOf = (call: Promise<unknown>): Promise<OnboardingError> =>
  call.then(
    () => Promise.reject(new Error('The call did not fail')),
    (err: unknown) => err as OnboardingError,
  );
const apiKey = (key = 'right') => ({ credentials: { kind: 'apiKey' as const, key } });
const idempotencyKeys = () => proxy.received.map(({ headers }) => headers.get('idempotency-key'));

async function isNoBatchRunning(): Promise<boolean> {
  const { client, namespace } = service.stage;
  const { operationInfo } = await client.workflowService.listBatchOperations({ namespace });
  return operationInfo.every(({ state }) => state !== 1); // 1 is `running` in temporal.api.enums.v1.BatchOperationState
}

test('OnboardingService has a method for each call of a backend, and the requests and answers fit the OpenAPI document', async () => {
  const document = (await service.call('GET', '/openapi.json')).body as OpenApi;
  const check = createOpenApiCheck(document);
  const [typed, consented] = [service.stage.install('Fernhill'), service.stage.install('Ledgerly')];

  const session = await onboarding.createSession({ ...typed, connectorIds: [typed.connectorId] }).catch(String);
  const { url } = await onboarding.createSession({
    accountId: typed.accountId,
    accountLabel: 'Acme Ltd',
    connectorIds: [typed.connectorId],
    expiresIn: '1 hour',
  });
  const found = await onboarding.start(typed, { patience: { credentials: '1 day' }, by: 'shop' });
  await reaches(typed, 'awaitingProperties');
  const rechecked = await onboarding.recheck(typed);
  const flows = await eventually(
    () => onboarding.flows({ accountId: typed.accountId, state: 'awaitingProperties' }),
    (page) => page.items.length > 0,
  );
  const batches = [await onboarding.batch('recheck', { accountId: 'nobody' })];
  await eventually(isNoBatchRunning);
  batches.push(await onboarding.batch('cancel', { accountId: 'nobody' }));
  const refusedProperties = await failureOf(onboarding.submitProperties(typed, { values: {} }));
  await onboarding.submitProperties(typed, { values: { Domain: 'acme' } });
  const refusedKey = await onboarding.submitCredentials(typed, apiKey('wrong-key'));
  const done = await onboarding.submitCredentials(typed, apiKey());
  const { entries } = await onboarding.timeline(typed);
  const again = await onboarding.reauthenticate(typed, { by: 'shop' });
  const cancelled = await onboarding.cancel(typed, { reason: 'enough' });

  const started = await onboarding.start(consented);
  await reaches(consented, 'awaitingAuthorization');
  const link = await onboarding.requestAuthorization(consented, { returnTo: `${ORIGIN}/done` });
  await service.stage.sandbox.consent(link.url, 'approve');
  const confirmed = await onboarding.confirm(consented, { attemptId: link.attemptId });
  const { items } = await eventually(
    () => onboarding.listPage(consented.accountId, { state: 'authenticated', pageSize: 10 }),
    (page) => page.items.length > 0,
  );

  const whole = { accountId: typed.accountId, onboardingId: 'crm' };
  service.stage.install('Brightdesk', { accountId: typed.accountId });
  const begun = await onboarding.startOnboarding({ ...whole, scope: { all: true } });
  await onboarding.addConnectors(whole, { connectorIds: [typed.connectorId] });
  const progress = await onboarding.onboarding(whole);
  const stopped = await onboarding.cancelOnboarding(whole, { cancelFlows: true });

  const sent = await eventually(
    () => onboarding.events({ accountId: typed.accountId, state: 'delivered' }),
    (page) => page.items.length > 0,
  );
  const redelivered = await onboarding.redeliver(sent.items[0]!.id);
  const monitored = await onboarding.monitor(consented, { every: '1 hour' });
  const connection = await onboarding.connection(consented);
  const connections = await eventually(
    async () => {
      const listed: ListedConnection[] = [];
      for await (const one of onboarding.connections(consented.accountId)) listed.push(one);
      return listed;
    },
    ([one]) => one?.state !== undefined, // visibility can show the monitor before the connection's state
  );
  await onboarding.monitor(consented, { stop: true });
  const audit: AuditEntry[] = [];
  for await (const entry of onboarding.audit(typed.accountId, { from: '2026-01-31' })) audit.push(entry);

  // `malformed`, because the request has the member connectorId, which the service does not know.
  expect(session).toMatch(/malformed/);
  expect(url).toMatch(/^http.*\/connect#session=/);
  expect([found.started, started.started, again]).toMatchObject([
    false,
    true,
    { started: true, intent: 'reauthenticate' },
  ]);
  expect([rechecked.state, flows.items]).toMatchObject(['awaitingProperties', [typed]]);
  expect(batches).toEqual([{ batchId: expect.any(String) }, { batchId: expect.any(String) }]);
  expect([begun.state, progress.onboardingId, stopped.state]).toEqual(['running', 'crm', 'cancelled']);
  expect(redelivered.id).toBe(sent.items[0]!.id);
  expect(refusedProperties).toMatchObject({ code: 'missingProperty', fields: [{ name: 'Domain' }] });
  expect(refusedKey).toMatchObject({ state: 'awaitingCredentials', problem: { code: 'refused' } });
  expect([done.state, cancelled.state, confirmed.state]).toEqual(['authenticated', 'cancelled', 'authenticated']);
  expect(entries.map(({ event }) => event)).toContain('credentialsApplied');
  expect([monitored, connection, ...connections]).toMatchObject(Array(3).fill({ ...consented, state: 'connected' }));
  expect(audit.slice(0, entries.length)).toEqual(entries.map((entry) => ({ ...typed, runId: done.runId, ...entry })));
  expect(items).toMatchObject([{ ...consented, name: 'Ledgerly' }]);

  const results = proxy.exchanges.map(check);
  const malformedRequest = results.shift()!;
  expect(malformedRequest).toEqual({
    operation: 'POST /v1/sessions',
    faults: [expect.stringContaining('the request')],
  });
  expect(results.filter(({ faults }) => faults.length > 0)).toEqual([]);
  const ofBackends = [...operationsOf(document)].filter(([, { security }]) => 'apiKey' in (security[0] ?? {}));
  const succeeded = proxy.exchanges
    .filter(({ answer }) => answer.status < 300)
    .map((exchange) => check(exchange).operation);
  expect([...new Set(succeeded)].sort()).toEqual(ofBackends.map(([name]) => name).sort());
});

test('list() requests a page only when the caller has read all items of the previous page', async () => {
  const accountId = `Müller & Söhne/${Date.now()}`;
  const keys = ['Brightdesk', 'Ledgerly', 'Openrates'].map((name) => service.stage.install(name, { accountId }));
  for (const key of keys) await onboarding.start(key);
  await eventually(
    () => onboarding.listPage(accountId),
    ({ items }) => items.filter(({ state }) => state !== 'fetchingConnector').length === 3,
  );
  // A run that closes between the calls for two pages can be on both pages. The flow of Openrates is in its final
  // state, but its run can still be open. Therefore the test first waits until this run has closed.
  const closed = `WorkflowId = "${workflowIdOf(keys[2]!)}" AND CloseTime IS NOT NULL`;
  await eventually(
    () => service.stage.client.workflow.count(closed),
    ({ count }) => count === 1,
  );
  const before = proxy.exchanges.length;

  const all = [];
  for await (const connector of onboarding.list(accountId, { pageSize: 2 })) all.push(connector);
  const pages = proxy.exchanges.length - before;
  for await (const _first of onboarding.list(accountId, { pageSize: 2 })) break;

  expect(all.map(({ connectorId }) => connectorId).sort()).toEqual(keys.map(({ connectorId }) => connectorId).sort());
  expect(pages).toBe(2);
  expect(proxy.exchanges.length - before).toBe(3);
});

test('an error has the code and the view of the answer, and no secret of the request', async () => {
  const mark = createTestSecrets();
  const [secret, sentKey] = [mark.secret('credential'), mark.secret('key')];
  const key = await waiting('Fernhill', 'awaitingProperties');
  const stranger = new OnboardingService({ url: proxy.url, apiKey: sentKey.replaceAll(/[^\w-]/g, '') });

  const early = await failureOf(onboarding.submitCredentials(key, apiKey(secret)));
  const foreign = await failureOf(stranger.submitCredentials(key, apiKey(secret)));
  proxy.failNext('cut', 'cut', 'cut');
  const unreached = await failureOf(onboarding.submitCredentials(key, apiKey(secret)));

  expect(early).toBeInstanceOf(OnboardingError);
  expect(early).toMatchObject({ status: 409, code: 'notNow', view: { ...key, state: 'awaitingProperties' } });
  expect(early.requestId).toBe(proxy.exchanges.at(-2)!.answer.headers.get('x-request-id'));
  expect(foreign).toMatchObject({ status: 401, code: 'unauthorized' });
  expect(unreached).toMatchObject({ status: undefined, code: 'unreachable' });
  for (const err of [early, foreign, unreached]) {
    const told = inspect(err, { depth: 20, showHidden: true }) + err.stack + JSON.stringify(err) + String(err.cause);
    expect(mark.foundIn(told)).toEqual([]);
    expect(told).not.toContain(service.apiKey);
    expect(told).not.toContain('Bearer');
  }
});

describe('repeated and failed calls', () => {
  const unavailable = (retryAfterS?: string) => ({
    status: 503,
    headers: { 'Content-Type': 'application/problem+json', ...(retryAfterS && { 'Retry-After': retryAfterS }) },
    body: JSON.stringify({ code: 'temporalUnavailable' }),
  });

  test.each([
    ['a cut connection', 'cut'],
    ['503', unavailable()],
    ['429', { ...unavailable(), status: 429 }],
  ] as const)('a call is repeated after %s', async (_what, fault) => {
    const key = await waiting('Brightdesk', 'awaitingCredentials');
    proxy.failNext(fault, fault);

    expect((await onboarding.view(key)).state).toBe('awaitingCredentials');
  });

  test('a call that is repeated after a lost answer starts only one flow, or submits only one input', async () => {
    const key = service.stage.install('Brightdesk');
    proxy.failNext('lost', 'lost');
    const started = await onboarding.start(key);
    await reaches(key, 'awaitingCredentials');
    proxy.failNext('lost', 'lost');
    await onboarding.submitCredentials(key, apiKey('wrong-key'));

    const sent = idempotencyKeys().filter((idempotencyKey) => idempotencyKey !== null);
    const { entries } = await onboarding.timeline(key);
    expect([sent.length, new Set(sent).size]).toEqual([6, 2]);
    expect(started.started).toBe(false); // the repeated call finds the run of the first call, whose answer was lost
    expect(entries.filter(({ event }) => event === 'credentialsSubmitted')).toHaveLength(1);
  });

  test('each call sends the idempotencyKey of its options, or without this option a random Idempotency-Key', async () => {
    const key = await waiting('Brightdesk', 'awaitingCredentials');
    proxy.received.splice(0);

    await onboarding.submitCredentials(key, apiKey('wrong-1'));
    await onboarding.submitCredentials(key, apiKey('wrong-1'));
    await onboarding.submitCredentials(key, apiKey('wrong-1'), { idempotencyKey: 'order 1' });
    const unsendable = await failureOf(
      onboarding.submitCredentials(key, apiKey(), { idempotencyKey: 'Bestellung №1' }),
    );

    const sent = idempotencyKeys().filter((idempotencyKey) => idempotencyKey !== null);
    expect(sent).toEqual([expect.any(String), expect.any(String), 'order 1']);
    expect(new Set(sent).size).toBe(3);
    expect(unsendable).toMatchObject({ code: 'malformed', fields: [{ name: 'idempotencyKey' }] });
  });

  test('a call is not repeated before Retry-After', async () => {
    proxy.failNext(unavailable('2'));

    await onboarding.listPage('acme');

    const [first, second] = proxy.received;
    expect(second!.atMs - first!.atMs).toBeGreaterThanOrEqual(1900);
  });

  test('a call fails at once, with retryAfterS, if the Retry-After is longer than the time limit of the call', async () => {
    proxy.failNext(unavailable('100'));

    const err = await failureOf(onboarding.listPage('acme'));

    expect(err).toMatchObject({ status: 503, code: 'temporalUnavailable', retryAfterS: 100 });
    expect(proxy.received).toHaveLength(1);
  });

  test('a call is repeated at most twice', async () => {
    proxy.failNext('cut', 'cut', unavailable());

    const err = await failureOf(onboarding.listPage('acme'));

    expect(err).toMatchObject({ status: 503, code: 'temporalUnavailable' });
    expect(proxy.received).toHaveLength(3);
  });

  test.each([400, 401, 404, 409, 422, 500, 502])('a call is not repeated after %s', async (status) => {
    proxy.failNext({ status, body: '<html>' });

    const err = await failureOf(onboarding.listPage('acme'));

    expect(err).toMatchObject({ status, code: 'unexpectedAnswer' });
    expect(proxy.received).toHaveLength(1);
  });

  test('a call fails as timedOut when its time limit has passed', async () => {
    proxy.failNext('hangs');

    expect(await failureOf(onboarding.listPage('acme', {}, { timeoutMs: 100 }))).toMatchObject({ code: 'timedOut' });
  });

  test('an aborted AbortSignal ends a call, even in the pause between two tries', async () => {
    const [sending, pausing] = [new AbortController(), new AbortController()];
    const why = new Error('The user has left');
    proxy.failNext('hangs');
    const hanging = failureOf(onboarding.listPage('acme', {}, { signal: sending.signal }));
    await eventually(
      () => proxy.received.length,
      (calls) => calls === 1,
    );
    sending.abort(why);
    proxy.failNext(unavailable('30'));
    const paused = failureOf(onboarding.listPage('acme', {}, { signal: pausing.signal }));
    await eventually(
      () => proxy.received.length,
      (calls) => calls === 2,
    );
    await onboarding.listPage('acme'); // now the call `paused` has got its 503, and waits for the 30 s of Retry-After
    pausing.abort(why);
    let ended = false;
    void paused.then(() => (ended = true));
    await eventually(() => ended, Boolean); // `paused` ends before these 30 s have passed

    expect([await hanging, await paused]).toEqual([why, why]);
    expect(await failureOf(onboarding.listPage('acme', {}, { signal: AbortSignal.abort(why) }))).toBe(why);
    expect(proxy.received).toHaveLength(3);
  });

  test.each([
    ['a redirect', { status: 302, headers: { Location: 'http://127.0.0.1:1/' } }],
    ['an HTML page', { status: 200, body: '<html>' }],
  ])('a call that is answered with %s fails as unexpectedAnswer', async (_what, fault) => {
    proxy.failNext(fault);

    expect(await failureOf(onboarding.listPage('acme'))).toMatchObject({ code: 'unexpectedAnswer' });
  });
});

describe('the streamed answer to audit()', () => {
  const LINE = '{"event":"started"}\n';
  let open: boolean;
  async function* endless() {
    open = true;
    try {
      for (;;) yield LINE;
    } finally {
      open = false;
    }
  }

  test('the loop over audit() closes the connection when the caller leaves the loop', async () => {
    proxy.failNext({ status: 200, body: endless() });

    for await (const _first of onboarding.audit('acme')) break;

    await eventually(() => !open);
  });

  test('audit() fails with the reason of an aborted AbortSignal: before the answer, between two entries, and in the wait for an entry', async () => {
    const why = new Error('The user has left');
    const [before, between, inWait] = [new AbortController(), new AbortController(), new AbortController()];
    const audit = ({ signal }: AbortController) => onboarding.audit('acme', {}, { signal });
    proxy.failNext('hangs', { status: 200, body: LINE + LINE }, { status: 200, body: oneLine() });
    async function* oneLine() {
      yield LINE;
      await once(inWait.signal, 'abort');
    }

    const unanswered = failureOf(audit(before).next());
    await eventually(() => proxy.received.length === 1);
    before.abort(why);
    const [twoEntries, oneEntry] = [audit(between), audit(inWait)];
    await twoEntries.next();
    between.abort(why);
    await oneEntry.next();
    const waiting = failureOf(oneEntry.next());
    inWait.abort(why);

    for (const call of [unanswered, failureOf(twoEntries.next()), waiting]) expect(await call).toBe(why);
    expect(await failureOf(onboarding.audit('acme', {}, { signal: AbortSignal.abort(why) }).next())).toBe(why);
  });

  test.each(['<html>', '<html>\n</html>\n', `${LINE}<html>\n`, `${LINE}{"event":`])(
    'audit() fails as unexpectedAnswer if a line of the answer is not JSON, and the error does not quote the line: %j',
    async (body) => {
      proxy.failNext({ status: 200, body });

      const read = async () => {
        for await (const entry of onboarding.audit('acme')) expect(entry).toEqual(JSON.parse(LINE));
      };
      const err = await failureOf(read());

      expect(err).toMatchObject({ status: 200, code: 'unexpectedAnswer' });
      expect(inspect(err)).not.toMatch(/html|{"/);
    },
  );
});

test.each([
  ['accountId', { accountId: '..', connectorId: 1 }],
  ['accountId', { accountId: 'アカ1', connectorId: 1 }],
  ['connectorId', { accountId: 'acme', connectorId: '../x' as never }],
])('a call with a malformed %s fails as malformed, and is not sent', async (name, key) => {
  const err = await failureOf(onboarding.view(key));

  expect(err).toMatchObject({ code: 'malformed', fields: [{ name, code: 'malformed' }] });
  expect(proxy.received).toEqual([]);
});

test.each([
  [{ url: 'connect.acme.example', apiKey: 'k' }, 'url'],
  [{ url: 'file:///etc', apiKey: 'k' }, 'url'],
  [{ url: 'http://127.0.0.1', apiKey: 'secret\n' }, 'apiKey'],
  [{ url: 'http://127.0.0.1', apiKey: '' }, 'apiKey'],
])('the constructor refuses the options %j without quoting the API key', (options, name) => {
  const making = () => new OnboardingService(options);

  expect(making).toThrow(name);
  expect(making).not.toThrow('secret');
});
