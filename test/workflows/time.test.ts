/** The waits of a flow: their lengths and their ends. */
import type { FaultRule } from '../../sandbox/fault-rule';
import type { ConnectorKey } from '../../workflows/connector';
import { consentScene } from '../support/consent';
import { eventually } from '../support/eventually';
import { ofKind, timersOf, tookMs } from '../support/histories';
import { happens, keyInput } from '../support/messages';
import { openSkippingStage, type Scene, type SkippingStage } from '../support/stage';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let stage: SkippingStage;

beforeAll(async () => {
  stage = await openSkippingStage();
});

afterEach(() => stage.reset());

afterAll(() => stage.close());

const right = { kind: 'apiKey', key: 'right' } as const;
const wrong = { kind: 'apiKey', key: 'wrong' } as const;

/** Makes the sandbox answer all further calls for the account with the fault `then`. */
const fault = ({ accountId: account }: ConnectorKey, then: FaultRule['then'], more: Partial<FaultRule> = {}) =>
  stage.sandbox.fault({ times: 'always', ...more, match: { account, ...more.match }, then });

const waits = [
  ['properties', 'awaitingProperties', 'Fernhill'],
  ['credentials', 'awaitingCredentials', 'Brightdesk'],
  ['authorization', 'awaitingAuthorization', 'Ledgerly'],
] as const;

describe.each(waits)('the wait for %s', (kind, state, connector) => {
  test.each([
    ['seven days by default', undefined, 7 * DAY_MS],
    ['as long as the patience of the start input', '90 days', 90 * DAY_MS],
  ])('a wait lasts %s, has one timer, and ends the flow as expired', async (_name, patience, ms) => {
    const flow = await stage.scene(connector, patience === undefined ? {} : { patience: { [kind]: patience } });
    if (patience === undefined) stage.record(`expired-in-${state}`, flow.handle);
    const { deadline } = await flow.reaches(state);
    const [entered] = await flow.timeline();

    const end = await stage.auth.result(flow.key);

    expect(Date.parse(deadline!) - Date.parse(entered!.at)).toBe(ms);
    expect(end.state).toBe('expired');
    expect(end).not.toHaveProperty('deadline');
    expect(end.connector?.name).toBe(connector);
    const took = tookMs(await flow.history());
    expect(took).toBeGreaterThanOrEqual(ms - 1000);
    expect(took).toBeLessThan(ms + HOUR_MS);
    expect(timersOf(await flow.history())).toHaveLength(1);
  });

  test('after a wait, the flow ends as authenticated if the last read finds the connector authenticated', async () => {
    const flow = await stage.sceneIn(state, connector);
    stage.record(`authenticated-elsewhere-in-${state}`, flow.handle);
    stage.sandbox.update(flow.key.accountId, flow.key.connectorId, { Authenticated: true });

    const end = await stage.auth.result(flow.key);

    expect(end).toMatchObject({ state: 'authenticated', verification: 'notChecked', connected: true });
  });

  test('after a wait, the flow ends as failed if the last read finds that Cyclr no longer has the connector', async () => {
    const flow = await stage.sceneIn(state, connector);
    stage.record(`connector-gone-in-${state}`, flow.handle);
    fault(flow.key, { status: 404 });

    const end = await stage.auth.result(flow.key);

    expect(end).toMatchObject({ state: 'failed', failure: { code: 'connectorNotFound' } });
  });

  test('after a wait, the flow ends as expired if the last read gets no answer for 24 hours after the deadline', async () => {
    const flow = await stage.sceneIn(state, connector);
    stage.record(`outage-of-the-last-read-in-${state}`, flow.handle);
    fault(flow.key, { kind: 'throttled', retryAfter: 4 * 3600 });

    const end = await stage.auth.result(flow.key);

    expect(end).toMatchObject({ state: 'expired', problem: { code: 'cyclrUnavailable' } });
    expect((await flow.timeline()).map(({ event }) => event).slice(-2)).toEqual([
      'cyclrUnavailable',
      'outageOutlasted',
    ]);
    expect(tookMs(await flow.history())).toBeGreaterThanOrEqual(8 * DAY_MS);
  });

  test('a wait is not extended by inputs that the flow refuses', async () => {
    const flow = await stage.scene(connector, { patience: { [kind]: '2 hours' } });
    const { deadline } = await flow.reaches(state);

    await stage.sleep('1h');
    for (const body of [null, { submissionId: 's', credentials: 'in clear' }, { submissionId: 's', values: [] }]) {
      await flow.signals('credentialInput', body);
      await flow.signals('propertyInput', body);
      await flow.signals('anything', body);
    }
    const refused = await eventually(flow.timeline, (entries) => entries.length === 10);
    const during = await flow.view();
    const timers = ofKind(await flow.history(), 'timerStarted').length;
    await stage.sleep('50m');
    const late = await flow.view();
    await stage.sleep('15m');

    expect(refused.slice(1).every(({ from, to }) => from === state && to === state)).toBe(true);
    expect(during).toMatchObject({ state, deadline });
    expect(timers).toBe(1);
    expect(late).toMatchObject({ state, deadline });
    expect(await flow.view()).toMatchObject({ state: 'expired' });
  });
});

/** The length in seconds of the timer that limits the wait of an update for its result. */
const ANSWER_S = 10;

test('an input that is refused before a request to Cyclr does not change the deadline', async () => {
  const flow = await stage.scene('Brightdesk', { patience: { credentials: '2 hours' } });
  const { deadline } = await flow.reaches('awaitingCredentials');

  await stage.sleep('1h');
  const refused = await flow.gives({ kind: 'basic', username: 'a', password: 'b' });
  const timers = timersOf(await flow.history()).filter((seconds) => seconds !== ANSWER_S);
  await stage.sleep('65m');

  expect(refused).toMatchObject({ state: 'awaitingCredentials', problem: { code: 'wrongKind' }, deadline });
  expect(timers).toEqual([2 * 3600]);
  expect(await flow.view()).toMatchObject({ state: 'expired' });
});

test('after Cyclr has refused an input, the wait has a new deadline', async () => {
  const flow = await stage.scene('Brightdesk', { patience: { credentials: '2 hours' } });
  const { deadline } = await flow.reaches('awaitingCredentials');

  await stage.sleep('1h');
  const refused = await flow.gives(wrong);
  const addedMs = Date.parse(refused.deadline!) - Date.parse(deadline!);
  await stage.sleep('90m');
  const during = await flow.view();
  const end = await stage.auth.result(flow.key);
  const timers = timersOf(await flow.history()).filter((seconds) => seconds !== ANSWER_S);

  expect(refused.problem?.code).toBe('refused');
  expect(addedMs).toBeGreaterThanOrEqual(HOUR_MS);
  // The first timer fires before the new deadline, so the flow starts a second timer for the rest of the wait.
  expect(timers).toEqual([2 * 3600, expect.any(Number)]);
  expect(timers[1]! * 1000).toBeLessThanOrEqual(addedMs);
  expect(during.state).toBe('awaitingCredentials');
  expect(end.state).toBe('expired');
});

test('each wait has its own patience, counted from the entry into its state', async () => {
  const flow = await stage.scene('Fernhill', { patience: { properties: '3 days', credentials: '1 hour' } });
  await flow.reaches('awaitingProperties');

  await stage.sleep('2 days');
  const next = await flow.sets({ Domain: 'acme' });
  const entered = (await flow.timeline()).at(-1)!;
  await stage.sleep('59m');
  const during = await flow.view();
  await stage.sleep('2m');
  const timers = timersOf(await flow.history()).filter((seconds) => seconds !== ANSWER_S);

  expect(entered.to).toBe('awaitingCredentials');
  expect(timers).toEqual([3 * 24 * 3600, 3600]); // the second deadline is earlier than the first deadline
  expect(Date.parse(next.deadline!) - Date.parse(entered.at)).toBe(HOUR_MS);
  expect(during.state).toBe('awaitingCredentials');
  expect(await flow.view()).toMatchObject({ state: 'expired' });
});

test('a second wait that begins during the timer of the first wait starts no second timer', async () => {
  const flow = await stage.scene('Fernhill');
  await flow.reaches('awaitingProperties');
  await flow.sets({ Domain: 'acme' });

  const { deadline } = await flow.reaches('awaitingCredentials');
  const entered = (await flow.timeline()).at(-1)!;
  await stage.sleep('2 days');
  await flow.gives(right);
  const timers = timersOf(await flow.history()).filter((seconds) => seconds !== ANSWER_S);

  expect(Date.parse(deadline!) - Date.parse(entered.at)).toBe(7 * DAY_MS);
  expect(timers).toEqual([7 * 24 * 3600]);
});

describe('expiry of a consent', () => {
  test('when the wait for a consent is over, the last read ends the flow as authenticated if the user consented without a return', async () => {
    const flow = await consentScene(stage);
    stage.record('last-read-finds-the-consent', flow.handle);
    stage.sandbox.update(flow.key.accountId, flow.key.connectorId, { Authenticated: true });

    const end = await stage.auth.result(flow.key);

    expect(end).toMatchObject({ state: 'authenticated', verification: 'notChecked' });
    expect(flow.requests()).toHaveLength(2);
  });

  test('when the wait for a consent is over, the last read ends the flow as expired if Cyclr has no consent', async () => {
    const flow = await consentScene(stage);

    const end = await stage.auth.result(flow.key);

    expect(end.state).toBe('expired');
    expect(flow.requests()).toHaveLength(2);
  });

  test('when the wait for a consent is over, a cancellation that arrives during the last read ends the flow as cancelled', async () => {
    const flow = await consentScene(stage, 'Ledgerly', { patience: { authorization: '1 hour' } });
    const release = stage.sandbox.fault({ match: { account: flow.key.accountId }, then: 'held' });

    await stage.sleep('60m');
    await eventually(flow.requests, (requests) => requests.length === 2);
    const cancelled = stage.auth.cancel(flow.key);
    await eventually(flow.history, (events) => ofKind(events, 'activityTaskCancelRequested').length > 0);
    release();

    expect((await cancelled).state).toBe('cancelled');
  });

  test('when the wait for a consent is over, the last read ends a re-authentication as expired, although the connector is authenticated', async () => {
    const on = stage.install('Ledgerly', { patch: { Authenticated: true, AuthValue: '{}' } });
    const flow = await consentScene(stage, on, { intent: 'reauthenticate' });

    const end = await stage.auth.result(flow.key);

    expect(end).toMatchObject({ state: 'expired', intent: 'reauthenticate' });
  });
});

describe('expiry of a wait for credentials', () => {
  const patience = { credentials: '1 hour' };

  test('in an outage, the last read of a wait for credentials is repeated until Cyclr answers, and then the flow expires', async () => {
    const flow = await stage.sceneIn('awaitingCredentials', 'Brightdesk', { patience });
    fault(flow.key, { status: 403 }, { times: 3 });

    const end = await stage.auth.result(flow.key);

    expect(end).toMatchObject({ state: 'expired', connected: false });
    expect(end).not.toHaveProperty('problem');
    expect(flow.requests()).toHaveLength(5);
    const trouble = (await flow.timeline()).filter(({ event }) => event === 'cyclrUnavailable');
    expect(trouble).toMatchObject([{ note: expect.stringMatching(/^operatorsTrouble: GET .* 403/) }]);
  });

  test('an input that arrives during the last read of a wait for credentials is applied, and the flow does not expire', async () => {
    const flow = await stage.sceneIn('awaitingCredentials', 'Brightdesk', { patience });
    const release = stage.sandbox.fault({ match: { account: flow.key.accountId }, then: 'held' });
    const input = await keyInput(stage, flow);

    await stage.sleep('60m');
    await eventually(flow.requests, (requests) => requests.length === 2);
    await flow.signals('credentialInput', input);
    release();

    expect(await flow.reaches('authenticated')).toMatchObject({ connected: true });
    expect(flow.cyclr().AuthValue).toBe('right');
  });
});

describe('credentials that Cyclr checks only when it next calls the third party', () => {
  const Properties = ['ClientId', 'ClientSecret'].map((Name) => ({ Name, Value: 'expired' }));

  test('client credentials that Cyclr never authenticates are checked by re-reads after 0, 1, 2, 4, 8, 15 and 30 s, and then the flow asks for the properties', async () => {
    const flow = await stage.scene(stage.install('Quartz', { patch: { Properties } }));
    stage.record('client-credentials-never-enough', flow.handle);

    await stage.sleep('18s'); // now the flow is between the re-reads after 15 s and after 30 s
    const early = await flow.view();
    await stage.sleep('14s');
    const late = await flow.reaches('awaitingProperties');

    const reads = flow.calls().slice(flow.calls().findIndex((call) => call.startsWith('PUT')) + 1);
    expect(early.state).toBe('applyingCredentials');
    expect(late).toMatchObject({ problem: { code: 'notAuthorized' } });
    expect(late.fields?.every(({ stored }) => stored)).toBe(true);
    expect(reads).toHaveLength(7);
    const ClientSecret = await stage.sealedProperty(flow.key, 'p-1', 'ClientSecret', 'good');
    expect(await flow.sets({ ClientId: 'app-1', ClientSecret }, 'p-1')).not.toHaveProperty('problem');
  });

  test('client credentials end the flow as authenticated as soon as a re-read finds the connector authenticated', async () => {
    const flow = await stage.scene(stage.install('Quartz', { patch: { Properties } }));

    await stage.sleep('5s');
    stage.sandbox.update(flow.key.accountId, flow.key.connectorId, { Authenticated: true });
    await stage.sleep('4s');

    expect(await flow.reaches('authenticated')).toMatchObject({ verification: 'notChecked' });
  });

  test.each([
    ["of the partner's own connector", 'Homeport', 'awaitingCredentials'],
    ['in place of consent', 'Ledgerly', 'awaitingAuthorization'],
  ] as const)(
    'tokens %s that Cyclr never authenticates lead back to the waiting state with the problem notAuthorized',
    async (_name, connector, state) => {
      const flow = await stage.scene(connector);
      stage.record(`tokens-never-enough-in-${state}`, flow.handle);
      await flow.reaches(state);
      fault(flow.key, 'unauthenticated', { match: { path: `/v1.0/account/connectors/${flow.key.connectorId}` } });

      const credentials = await stage.sealed(flow.key, 't', { kind: 'tokens', accessToken: 'at-1' });
      await flow.signals('credentialInput', { submissionId: 't', credentials });
      await stage.sleep('31s');

      expect(await flow.reaches(state)).toMatchObject({ problem: { code: 'notAuthorized' } });
      await stage.auth.cancel(flow.key);
    },
  );
});

test('an update that has no result after 10 s gets the current view, and its input is applied later', async () => {
  const waiting = async (connector: string, state: 'awaitingProperties' | 'awaitingCredentials'): Promise<Scene> => {
    const flow = await stage.scene(connector);
    await flow.reaches(state);
    fault(flow.key, { kind: 'throttled', retryAfter: 100 }, { times: 1 });
    return flow;
  };
  const properties = await waiting('Fernhill', 'awaitingProperties');
  stage.record('answer-after-10-seconds', properties.handle);
  const set = properties.sets({ Domain: 'acme' });
  await happens(properties, 'cyclrUnavailable');
  await stage.sleep('11s');
  const first = await set;
  await stage.sleep('100s');
  await properties.reaches('awaitingCredentials');

  const credentials = await waiting('Brightdesk', 'awaitingCredentials');
  const given = credentials.gives({ kind: 'apiKey', key: 'right' });
  await happens(credentials, 'cyclrUnavailable');
  await stage.sleep('11s');
  const second = await given;
  await stage.sleep('100s');

  expect([first.state, second.state]).toEqual(['applyingProperties', 'applyingCredentials']);
  await credentials.reaches('authenticated');
});
