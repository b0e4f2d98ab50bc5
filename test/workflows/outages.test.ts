/** Outages of Cyclr, from seconds to a day, and refused calls whose cause only an operator can mend. */
import { ApplicationFailure } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';
import { Policies, policiesOf } from '../../activities/policies/policies';
import type { FaultRule } from '../../sandbox/fault-rule';
import { generateKey, publicKeyOf } from '../../sealing/keys';
import { seal } from '../../sealing/seal';
import type { ConnectorKey } from '../../workflows/connector';
import { consentScene } from '../support/consent';
import { eventually } from '../support/eventually';
import { ofKind, timersOf, tookMs } from '../support/histories';
import { keyInput } from '../support/messages';
import { openSkippingStage, type Scene, type SkippingStage } from '../support/stage';

const HOUR_S = 3600;
const DAY_MS = 86_400_000;

let stage: SkippingStage;

beforeAll(async () => {
  stage = await openSkippingStage();
});

afterEach(async () => {
  stage.sandbox.switches.secondPost = 'duplicate';
  await stage.reset();
});

afterAll(() => stage.close());

/** Makes the sandbox answer all further calls for the account with the fault `then`. */
function fault({ accountId }: ConnectorKey, then: FaultRule['then'], more: Partial<FaultRule> = {}): void {
  stage.sandbox.fault({ times: 'always', ...more, match: { ...more.match, account: accountId }, then });
}

const sendsDomain = (scene: Scene) => scene.signals('propertyInput', { submissionId: 'p', values: { Domain: 'acme' } });
const sendsKey = async (scene: Scene) => scene.signals('credentialInput', await keyInput(stage, scene, 'c'));
const count = (calls: string[], method: string) => calls.filter((call) => call.startsWith(method)).length;

const away = { status: 503 };
/**
 * Cyclr answers 429 with a Retry-After of `hours` hours. Temporal retries an activity only in the first minute of an
 * outage, and this Retry-After is longer. So each activity has one activity attempt, the flow pauses until the
 * Retry-After has passed, and the history stays short.
 */
const awayForHours = (hours: number): FaultRule['then'] => ({ kind: 'throttled', retryAfter: hours * HOUR_S });
const unavailable = { code: 'cyclrUnavailable' };

/** The number of activity attempts in the first minute. The activity attempts begin after 0, 1, 3, 7, 15 and 31 s. */
const lastAttempt = 6;

test("operator's troubles of rechecks in a row have one entry in the timeline, with a count", async () => {
  const flow = await stage.scene(stage.install('Brightdesk'));
  await flow.reaches('awaitingCredentials');
  fault(flow.key, { status: 403 });
  const troubles = async () => (await flow.timeline()).filter(({ event }) => event === 'cyclrUnavailable');

  for (const times of [1, 2]) {
    await flow.signals('recheck');
    await eventually(troubles, ([trouble]) => (trouble?.count ?? 1) === times && trouble !== undefined);
    await stage.sleep('11s'); // a flow re-reads its connector at most once in 10 s
  }

  expect(await troubles()).toMatchObject([{ to: 'awaitingCredentials', count: 2 }]);
});

describe('in the first minute of a failing call, before an outage begins', () => {
  test('a failing call is repeated, and the view has a problem only after one minute', async () => {
    const on = stage.install('Brightdesk');
    fault(on, away);

    const flow = await stage.scene(on);
    await stage.sleep('15s');
    const during = await flow.view();
    await stage.sleep('1m');
    const after = await flow.view();

    const events = await flow.history();
    const [attempts] = ofKind(events, 'activityTaskStarted');
    expect(during).not.toHaveProperty('problem');
    expect(attempts?.activityTaskStartedEventAttributes?.attempt).toBe(lastAttempt);
    expect(after).toMatchObject({ state: 'fetchingConnector', problem: unavailable });
    expect(timersOf(events)[0]).toBe(30);
  });

  test('an activity attempt tells the next activity attempts which properties Cyclr has accepted', async () => {
    const flow = await stage.sceneIn('awaitingProperties', 'Kestrel');
    // The first two requests succeed: the list of properties, and the POST of the first property.
    fault(flow.key, away, { skip: 2 });

    const SigningSecret = await stage.sealedProperty(flow.key, 'p', 'SigningSecret', 'in-ink');
    const values = { Environment: 'staging', SigningSecret };
    await flow.signals('propertyInput', { submissionId: 'p', values });
    await stage.sleep('75s');

    const events = await flow.history();
    const [failed] = ofKind(events, 'activityTaskFailed');
    const { failure } = failed!.activityTaskFailedEventAttributes!;
    const [detail] = failure!.applicationFailureInfo!.details!.payloads!;
    expect(ofKind(events, 'activityTaskStarted')[1]?.activityTaskStartedEventAttributes?.attempt).toBe(lastAttempt);
    expect(JSON.parse(Buffer.from(detail!.data!).toString())).toEqual({ taken: ['Environment'] });
  });

  test('a call is repeated after the time in the Retry-After of the answer', async () => {
    const on = stage.install('Brightdesk');
    fault(on, { kind: 'throttled', retryAfter: 50 }, { times: 1 });

    const flow = await stage.scene(on);
    await stage.sleep('15s');
    const early = count(flow.calls(), 'GET');
    await stage.sleep('40s');

    await flow.reaches('awaitingCredentials');
    expect([early, count(flow.calls(), 'GET')]).toEqual([1, 2]);
  });

  test('an input is applied once if Cyclr accepts the input and the answer is lost', async () => {
    stage.sandbox.switches.secondPost = '400';
    const flow = await stage.sceneIn('awaitingProperties', 'Fernhill');

    fault(flow.key, 'applied-then-reset', { times: 1, match: { method: 'POST' } });
    await sendsDomain(flow);
    await stage.sleep('5s');
    const asked = await flow.reaches('awaitingCredentials');
    fault(flow.key, 'applied-then-reset', { times: 1, match: { method: 'PUT' } });
    await sendsKey(flow);
    await stage.sleep('5s');
    const end = await stage.auth.result(flow.key);

    expect(asked).not.toHaveProperty('problem');
    expect(end.state).toBe('authenticated');
    expect(count(flow.calls(), 'POST')).toBe(1);
    expect(flow.cyclr().Properties).toHaveLength(1);
    expect(await flow.timeline()).toHaveLength(5);
  });

  test('a flow repeats a call to Cyclr after a truncated answer, a reset of the connection or an expired access token', async () => {
    const on = stage.install('Fernhill');
    fault(on, 'truncated', { times: 1, match: { method: 'GET' } });
    fault(on, 'reset', { times: 1, match: { method: 'POST' } });
    fault(on, 'unauthorized', { times: 1, match: { method: 'PUT' } });

    const flow = await stage.scene(on);
    await stage.sleep('5s');
    await flow.reaches('awaitingProperties');
    await sendsDomain(flow);
    await stage.sleep('5s');
    await flow.reaches('awaitingCredentials');
    await sendsKey(flow);
    const end = await stage.auth.result(flow.key);

    expect(end.state).toBe('authenticated');
    expect(await flow.timeline()).toHaveLength(5);
    expect(flow.cyclr().Properties).toHaveLength(1);
  });
});

test('a flow tries for a minute to open a value that is sealed to an unknown key, then refuses the value as notOpenable', async () => {
  const flow = await stage.scene('Brightdesk');
  stage.record('sealed-to-an-unknown-key', flow.handle);
  const { deadline } = await flow.reaches('awaitingCredentials');
  const foreign = await publicKeyOf(JSON.stringify({ keys: [await generateKey()] }));
  const binding = { ...flow.key, purpose: 'credentials', submissionId: 's' } as const;
  const sealed = await seal(JSON.stringify({ kind: 'apiKey', key: 'right' }), binding, foreign);

  await flow.signals('credentialInput', { submissionId: 's', credentials: sealed });
  await stage.sleep('60s');
  const late = await flow.reaches('awaitingCredentials');
  const [accepted, refused] = (await flow.timeline()).slice(-2).map(({ at }) => Date.parse(at));

  expect(refused! - accepted!).toBeGreaterThan(30_000);
  expect(late).toMatchObject({ problem: { code: 'notOpenable' }, deadline });
  expect(count(flow.calls(), 'PUT')).toBe(0);
  expect(stage.log.some((line) => line.includes('sealed to a key'))).toBe(true);
});

describe("operator's troubles", () => {
  const refusals: [string, FaultRule['then']][] = [
    ['a 403', { status: 403 }],
    ['a 401 after the start', 'unauthorized'],
  ];
  test.each(refusals)(
    'after %s the flow repeats the call to Cyclr every five minutes, logs each repetition, and does not end',
    async (name, then) => {
      const flow = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
      if (name === 'a 403') stage.record('operators-trouble', flow.handle);
      fault(flow.key, then, { match: { method: 'PUT' } });
      const waits = timersOf(await flow.history()).length;

      await sendsKey(flow);
      await stage.sleep('17m');
      const during = await flow.view();
      stage.sandbox.clearFaults();
      const end = await stage.auth.result(flow.key);

      const pauses = timersOf(await flow.history()).slice(waits);
      expect(during).toMatchObject({ state: 'applyingCredentials', problem: unavailable });
      expect(end.state).toBe('authenticated');
      expect(new Set(pauses)).toEqual(new Set([300]));
      expect(pauses.length).toBeGreaterThanOrEqual(3);
      expect(
        stage.log.filter(
          (line) => line.includes('Only an operator can make this call') && line.includes(flow.workflowId),
        ).length,
      ).toBe(pauses.length);
    },
  );

  test('the request for an access token is repeated every five minutes if Cyclr refuses the client secret', async () => {
    stage.sandbox.revokeTokens();
    stage.sandbox.fault({ match: { path: '/oauth/token' }, times: 'always', then: { status: 400 } });

    const flow = await stage.scene('Brightdesk');
    await stage.sleep('12m');
    const during = await flow.view();
    stage.sandbox.clearFaults();
    await stage.sleep('5m');

    expect(during).toMatchObject({ state: 'fetchingConnector', problem: unavailable });
    await flow.reaches('awaitingCredentials');
    expect(timersOf(await flow.history()).slice(0, 2)).toEqual([300, 300]);
  });
});

describe('pauses', () => {
  /**
   * With these worker options, a failed activity is not retried, as in an outage of more than a minute. Without these
   * options, the tests would fail at random: the time-skipping server forgets an activity timeout that falls on a whole
   * second (about one timeout in a thousand).
   */
  const oneAttempt: Partial<WorkerOptions> = {
    interceptors: { activity: [() => ({ inbound: { execute: (input, next) => next(input).catch(asTheLast) } })] },
  };
  function asTheLast({ message, type, details }: ApplicationFailure): never {
    throw ApplicationFailure.nonRetryable(message, type, ...(details ?? []));
  }

  beforeAll(() => stage.restartWorker(oneAttempt));
  afterAll(() => stage.restartWorker());

  test('the pauses of a longer outage grow from 30 s to 15 min, and the timeline has one entry for the outage', async () => {
    const on = stage.install('Brightdesk');
    fault(on, away);

    const flow = await stage.scene(on);
    stage.record('outage-with-growing-pauses', flow.handle);
    await stage.sleep('90m');
    const during = await flow.view();

    const timers = timersOf(await flow.history());
    expect(during).toMatchObject({ state: 'fetchingConnector', problem: unavailable });
    expect(timers.slice(0, 6)).toEqual([30, 60, 120, 240, 480, 900]);
    expect(new Set(timers.slice(6))).toEqual(new Set([900]));
    expect((await flow.timeline()).map(({ event }) => event)).toEqual(['cyclrUnavailable']);
  });

  const hour = { 'retry-after': `${HOUR_S}` };
  test.each<[string, FaultRule['then'], number[]]>([
    ['503 with a Retry-After of one hour', { status: 503, headers: hour }, [3600]],
    ['429 with a Retry-After that is no time', { kind: 'throttled', retryAfter: 'soon' }, [30]],
    ['429 with a Retry-After of one second', { kind: 'throttled', retryAfter: 1 }, [30, 60]],
  ])(
    'in a longer outage, a pause is as long as the Retry-After only if the Retry-After is longer than the usual pause: %s',
    async (_name, then, expected) => {
      const on = stage.install('Brightdesk');
      fault(on, then);

      const flow = await stage.scene(on);
      await stage.sleep('10m');

      expect(timersOf(await flow.history()).slice(0, expected.length)).toEqual(expected);
    },
  );

  test('the pauses of a longer outage end 24 hours after the beginning of the outage, even with a Retry-After of a week', async () => {
    const on = stage.install('Brightdesk');
    fault(on, awayForHours(7 * 24));

    const flow = await stage.scene(on);
    await stage.sleep('2m');
    const [pause] = timersOf(await eventually(flow.history, (events) => timersOf(events).length > 0));

    expect(pause).toBeGreaterThanOrEqual(86_390);
    expect(pause).toBeLessThanOrEqual(86_400);
  });
});

describe('hours without Cyclr', () => {
  test('after hours without Cyclr, a flow with an outage at each call applies each input after the outage, and does not ask for the input again', async () => {
    const on = stage.install('Fernhill');
    fault(on, awayForHours(1));
    const flow = await stage.scene(on);
    stage.record('outage-at-every-step', flow.handle);

    await stage.sleep('90m');
    stage.sandbox.clearFaults();
    await stage.sleep('1h');
    await flow.reaches('awaitingProperties');
    fault(flow.key, awayForHours(1));
    await sendsDomain(flow);
    await stage.sleep('90m');
    stage.sandbox.clearFaults();
    await stage.sleep('1h');
    await flow.reaches('awaitingCredentials');
    fault(flow.key, awayForHours(1));
    await sendsKey(flow);
    await stage.sleep('90m');
    const during = await flow.view();
    stage.sandbox.clearFaults();
    const end = await stage.auth.result(flow.key);

    expect(during).toMatchObject({ state: 'applyingCredentials', problem: unavailable });
    expect(end.state).toBe('authenticated');
    expect(end).not.toHaveProperty('problem');
    expect(flow.cyclr()).toMatchObject({ AuthValue: 'right', Properties: [{ Name: 'Domain', Value: 'acme' }] });
    expect((await flow.timeline()).filter(({ to }) => to === 'awaitingCredentials')).toHaveLength(1);
  });

  test('after hours without Cyclr, a new worker continues the flow', async () => {
    // The first worker has no workflow cache, because the test server gives the workflow tasks of a cached run to no
    // other worker.
    await stage.restartWorker({ maxCachedWorkflows: 0 });
    const flow = await stage.sceneIn('awaitingProperties', 'Fernhill');
    fault(flow.key, awayForHours(1));

    await sendsDomain(flow);
    await stage.sleep('2h');
    await stage.restartWorker();
    stage.sandbox.clearFaults();
    await stage.sleep('1h');

    await flow.reaches('awaitingCredentials');
    expect(flow.cyclr().Properties).toMatchObject([{ Name: 'Domain', Value: 'acme' }]);
  });
});

describe('a day without Cyclr', () => {
  const awayForAWeek = awayForHours(7 * 24);

  test('after a day without Cyclr, a flow that could not read its connector ends as expired', async () => {
    const on = stage.install('Brightdesk');
    fault(on, awayForAWeek);

    const flow = await stage.scene(on);
    stage.record('outage-outlasted-in-fetchingConnector', flow.handle);
    const end = await stage.auth.result(flow.key);
    const hours = tookMs(await flow.history()) / 3_600_000;

    expect(end).toMatchObject({ state: 'expired', problem: unavailable });
    expect(hours).toBeGreaterThan(23.9);
    expect(hours).toBeLessThan(24.1);
  });

  test('after a day without Cyclr, a flow that could not set the fixed values of a policy ends as expired', async () => {
    const policies = 'policies: [{ match: { name: Weathervane }, properties: { Station: { value: x } } }]';
    await stage.restartWorker({}, {}, new Policies(policiesOf(policies)));
    const on = stage.install('Weathervane');
    fault(on, awayForAWeek, { match: { method: 'POST' } });

    const flow = await stage.scene(on);
    stage.record('outage-outlasted-with-fixed-values', flow.handle);
    const end = await stage.auth.result(flow.key);
    await stage.restartWorker();

    expect(end).toMatchObject({ state: 'expired', problem: unavailable });
  });

  test('after a day without Cyclr, a flow that could not apply an input asks for this input again, with a new deadline', async () => {
    const flow = await stage.sceneIn('awaitingProperties', 'Fernhill');
    stage.record('outage-outlasted-in-applying-states', flow.handle);
    fault(flow.key, awayForAWeek);

    await sendsDomain(flow);
    await stage.sleep('25h');
    const properties = await flow.reaches('awaitingProperties');
    stage.sandbox.clearFaults();
    await flow.sets({ Domain: 'acme' });
    fault(flow.key, awayForAWeek);
    await sendsKey(flow);
    await stage.sleep('25h');
    const asked = await flow.reaches('awaitingCredentials');
    stage.sandbox.clearFaults();
    const end = await flow.gives({ kind: 'apiKey', key: 'right' });

    expect(properties).toMatchObject({ state: 'awaitingProperties', problem: unavailable });
    expect(asked).toMatchObject({ state: 'awaitingCredentials', problem: unavailable });
    const entered = (await flow.timeline()).findLast(({ to }) => to === 'awaitingCredentials');
    expect(Date.parse(asked.deadline!) - Date.parse(entered!.at)).toBe(7 * DAY_MS);
    expect(end).toMatchObject({ state: 'authenticated' });
    expect(end).not.toHaveProperty('problem');
  });

  test('after a day without Cyclr, a flow that could not apply the stored client credentials asks for client credentials', async () => {
    const Properties = ['ClientId', 'ClientSecret'].map((Name) => ({ Name, Value: 'stored' }));
    const on = stage.install('Quartz', { patch: { Properties } });
    fault(on, awayForAWeek, { match: { method: 'PUT' } });

    const flow = await stage.scene(on);
    stage.record('outage-outlasted-with-client-credentials', flow.handle);
    await stage.sleep('25h');
    const asked = await flow.reaches('awaitingProperties');
    stage.sandbox.clearFaults();
    await flow.sets({});

    expect(asked).toMatchObject({ problem: unavailable });
    await flow.reaches('authenticated');
  });

  test('after a day without Cyclr, a flow whose tokens could not be applied waits for the consent again', async () => {
    const flow = await consentScene(stage);
    stage.record('outage-outlasted-with-tokens', flow.handle);
    fault(flow.key, awayForAWeek);

    const credentials = await stage.sealed(flow.key, 't', { kind: 'tokens', accessToken: 'at-1' });
    await flow.signals('credentialInput', { submissionId: 't', credentials });
    await stage.sleep('25h');

    expect(await flow.reaches('awaitingAuthorization')).toMatchObject({ problem: unavailable });
    await stage.auth.cancel(flow.key);
  });

  test('after a day without Cyclr, the flow does not ask again for a property that Cyclr accepted before the outage', async () => {
    const flow = await stage.sceneIn('awaitingProperties', 'Kestrel');
    // The first two requests succeed: the list of properties, and the POST of the first property.
    fault(flow.key, awayForAWeek, { skip: 2 });

    const secret = (id: string) => stage.sealedProperty(flow.key, id, 'SigningSecret', 'in-ink');
    const values = { Environment: 'staging', SigningSecret: await secret('p') };
    await flow.signals('propertyInput', { submissionId: 'p', values });
    await stage.sleep('25h');
    const asked = await flow.reaches('awaitingProperties');
    stage.sandbox.clearFaults();
    const taken = await flow.sets({ SigningSecret: await secret('q') }, 'q');

    const missing = asked.fields?.filter(({ required, stored }) => required && !stored).map(({ name }) => name);
    expect(asked.problem).toMatchObject(unavailable);
    expect(missing).toEqual(['SigningSecret']);
    expect(taken.state).toBe('awaitingCredentials');
  });

  test('after a day without Cyclr, a flow that could not verify the consent ends as expired', async () => {
    const flow = await consentScene(stage);
    stage.record('outage-outlasted-in-verifyingAuthorization', flow.handle);
    const link = await flow.asks();
    fault(flow.key, awayForAWeek);

    await flow.returns(link);
    await stage.sleep('23h');
    const early = await flow.view();
    const end = await stage.auth.result(flow.key);

    expect(early).toMatchObject({ state: 'verifyingAuthorization', problem: unavailable });
    expect(end).toMatchObject({ state: 'expired', problem: unavailable });
  });
});

test('the 24 hours of a second outage are counted from the beginning of the second outage', async () => {
  const flow = await stage.sceneIn('awaitingCredentials', 'Brightdesk');

  for (const id of ['c-1', 'c-2']) {
    fault(flow.key, awayForHours(10));
    await flow.signals('credentialInput', await keyInput(stage, flow, id, 'wrong'));
    await stage.sleep('19h');
    expect((await flow.view()).state).toBe('applyingCredentials');
    stage.sandbox.clearFaults();
    await stage.sleep('2h');
    await flow.reaches('awaitingCredentials');
  }

  expect((await flow.view()).problem?.code).toBe('refused');
});
