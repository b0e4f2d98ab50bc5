/** Cyclr away, slow, or refusing us; hours and days pass by themselves here. */
import { ApplicationFailure } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';
import type { FaultRule } from '../../sandbox/fault-rule';
import { generateKey, publicKeyOf } from '../../sealing/keys';
import { seal } from '../../sealing/seal';
import type { ConnectorKey } from '../../workflows/connector';
import type { View } from '../../workflows/messages';
import { consentScene } from '../support/consent';
import { eventually } from '../support/eventually';
import { failedTasks, kindOf, ofKind, timersOf, tookMs } from '../support/histories';
import { cached, openSkippingStage, type Scene, type SkippingStage } from '../support/stage';

let stage: SkippingStage;
const scenes: Scene[] = [];
const failures: string[] = [];

beforeAll(async () => {
  stage = await openSkippingStage();
});

afterEach(async () => {
  stage.sandbox.clearFaults();
  stage.sandbox.switches.secondPost = 'duplicate';
  await strike();
});

afterAll(async () => {
  await stage.close();
  expect(failures).toEqual([]);
});

/** Ends what a test has left running: it would go through the hours of the next ones too. */
async function strike(): Promise<void> {
  for (const { handle, history } of scenes.splice(0)) {
    failures.push(...failedTasks(await history()));
    await handle.terminate().catch(() => undefined);
  }
}

async function scene(connector: string | ConnectorKey): Promise<Scene> {
  const opened = await stage.scene(connector);
  scenes.push(opened);
  return opened;
}

/** From now on, for this account alone. */
function fault({ accountId }: ConnectorKey, then: FaultRule['then'], more: Partial<FaultRule> = {}): void {
  stage.sandbox.fault({ times: 'always', ...more, match: { ...more.match, account: accountId }, then });
}

async function credentials(on: ConnectorKey, submissionId = 'c', key = 'right') {
  return { submissionId, credentials: await stage.sealed(on, submissionId, { kind: 'apiKey', key }) };
}

/** Lets a day pass, and then as much as it takes until the flow is in this state. */
async function aDayLater(flow: Scene, state: View['state']): Promise<View> {
  await stage.sleep('24h');
  for (let quarters = 0; quarters < 4; quarters++) {
    const view = await flow.view();
    if (view.state === state) return view;
    await stage.sleep('15m');
  }
  return flow.view();
}

const count = (calls: string[], method: string) => calls.filter((call) => call.startsWith(method)).length;
/**
 * Every attempt is the last, as if its minute were over. Days of attempts take seconds then; and this server forgets an
 * activity's deadline where that falls on a whole second, which is one of a thousand.
 */
const impatient: Partial<WorkerOptions> = {
  interceptors: { activity: [() => ({ inbound: { execute: (input, next) => next(input).catch(asTheLast) } })] },
};
function asTheLast({ message, type, details }: ApplicationFailure): never {
  throw ApplicationFailure.nonRetryable(message, type, ...(details ?? []));
}

const away = { status: 503 };
const unavailable = { code: 'cyclrUnavailable' };

describe('for less than a minute', () => {
  test('it is tried six times, and nothing is said', async () => {
    const on = stage.install('Brightdesk');
    fault(on, away);

    const flow = await scene(on);
    await stage.sleep('15s');
    const during = await flow.view();
    await stage.sleep('1m');
    const after = await flow.view();

    const events = await flow.history();
    const [attempts] = ofKind(events, 'activityTaskStarted');
    expect(during).not.toHaveProperty('problem');
    expect(attempts?.activityTaskStartedEventAttributes?.attempt).toBe(6); // after 0, 1, 3, 7, 15 and 31 s
    expect(after).toMatchObject({ state: 'fetchingConnector', problem: unavailable });
    expect(timersOf(events)[0]).toBe(30);
  });

  test('the last attempt knows what Cyclr took at the first', async () => {
    const flow = await scene('Kestrel');
    await flow.reaches('awaitingProperties');
    fault(flow.key, away, { skip: 2 }); // it lists, and takes the first

    const SigningSecret = await stage.sealedProperty(flow.key, 'p', 'SigningSecret', 'in-ink');
    const values = { Environment: 'staging', SigningSecret };
    await flow.signals('propertyInput', { submissionId: 'p', values });
    await stage.sleep('75s');

    const [failed] = ofKind(await flow.history(), 'activityTaskFailed');
    const { failure } = failed!.activityTaskFailedEventAttributes!;
    const [detail] = failure!.applicationFailureInfo!.details!.payloads!;
    expect(ofKind(await flow.history(), 'activityTaskStarted')[1]?.activityTaskStartedEventAttributes?.attempt).toBe(6);
    expect(JSON.parse(Buffer.from(detail!.data!).toString())).toEqual({ taken: ['Environment'] });
  });

  test('a Retry-After is kept by the next attempt', async () => {
    const on = stage.install('Brightdesk');
    fault(on, { kind: 'throttled', retryAfter: 20 }, { times: 1 });

    const flow = await scene(on);
    await stage.sleep('15s');
    const early = count(flow.calls(), 'GET');
    await stage.sleep('10s');

    await flow.reaches('awaitingCredentials');
    expect([early, count(flow.calls(), 'GET')]).toEqual([1, 2]);
  });

  test('an answer that was lost is no second question', async () => {
    stage.sandbox.switches.secondPost = '400';
    const flow = await scene('Fernhill');
    await flow.reaches('awaitingProperties');

    fault(flow.key, 'applied-then-reset', { times: 1, match: { method: 'POST' } });
    await flow.signals('propertyInput', { submissionId: 'p', values: { Domain: 'acme' } });
    await stage.sleep('5s');
    const asked = await flow.reaches('awaitingCredentials');
    fault(flow.key, 'applied-then-reset', { times: 1, match: { method: 'PUT' } });
    await flow.signals('credentialInput', await credentials(flow.key));
    await stage.sleep('5s');
    const end = await stage.auth.result(flow.key);

    expect(asked).not.toHaveProperty('problem');
    expect(end.state).toBe('authenticated');
    expect(count(flow.calls(), 'POST')).toBe(1);
    expect(flow.cyclr().Properties).toHaveLength(1);
    expect((await flow.timeline()).map(({ event }) => event)).toEqual([
      'connectorFetched',
      'propertiesSubmitted',
      'propertiesApplied',
      'credentialsSubmitted',
      'credentialsApplied',
    ]);
  });

  const hiccups = ['truncated', 'html', 'html500', 'empty', 'reset', 'redirect', 'unauthorized'] as const;
  test.each(hiccups)('%s, once at every step, is only a retry', async (hiccup) => {
    const on = stage.install('Fernhill');
    for (const method of ['GET', 'POST', 'PUT'] as const) fault(on, hiccup, { times: 1, match: { method } });

    const flow = await scene(on);
    await stage.sleep('5s');
    await flow.reaches('awaitingProperties');
    await flow.signals('propertyInput', { submissionId: 'p', values: { Domain: 'acme' } });
    await stage.sleep('5s');
    await flow.reaches('awaitingCredentials');
    await flow.signals('credentialInput', await credentials(flow.key));
    const end = await stage.auth.result(flow.key);

    expect(end.state).toBe('authenticated');
    expect(await flow.timeline()).toHaveLength(5);
    expect(flow.cyclr().Properties).toHaveLength(1);
  });

  test('a value sealed to a key that no worker holds is tried for a minute, then can not be opened', async () => {
    const flow = await scene('Brightdesk');
    const { deadline } = await flow.reaches('awaitingCredentials');
    const foreign = await publicKeyOf(JSON.stringify({ keys: [await generateKey()] }));
    const binding = { ...flow.key, purpose: 'credentials', submissionId: 's' } as const;
    const sealed = await seal(JSON.stringify({ kind: 'apiKey', key: 'right' }), binding, foreign);

    await flow.signals('credentialInput', { submissionId: 's', credentials: sealed });
    await stage.sleep('15s');
    const early = await flow.view();
    await stage.sleep('45s');
    const late = await flow.reaches('awaitingCredentials');

    expect(early.state).toBe('applyingCredentials');
    expect(late).toMatchObject({ problem: { code: 'notOpenable' }, deadline });
    expect(count(flow.calls(), 'PUT')).toBe(0);
    expect(stage.log.some((line) => line.includes('sealed to a key'))).toBe(true);
  });
});

describe('the operator’s trouble', () => {
  const rules: [string, Partial<FaultRule>, FaultRule['then']][] = [
    ['403', { match: { method: 'PUT' } }, { status: 403 }],
    ['a 401 that stays after the start', { match: { method: 'PUT' } }, 'unauthorized'],
  ];
  test.each(rules)('%s ends no flow: it is tried every five minutes, and said loudly', async (_name, more, then) => {
    const flow = await scene('Brightdesk');
    await flow.reaches('awaitingCredentials');
    fault(flow.key, then, more);
    const waits = timersOf(await flow.history()).length;

    await flow.signals('credentialInput', await credentials(flow.key));
    await stage.sleep('1h');
    const during = await flow.view();
    stage.sandbox.clearFaults();
    const end = await stage.auth.result(flow.key);

    const pauses = timersOf(await flow.history()).slice(waits);
    expect(during).toMatchObject({ state: 'applyingCredentials', problem: unavailable });
    expect(end.state).toBe('authenticated');
    expect(new Set(pauses)).toEqual(new Set([300]));
    expect(pauses.length).toBeGreaterThanOrEqual(11);
    expect(
      stage.log.filter((line) => line.includes('Cyclr refuses our client') && line.includes(flow.workflowId)).length,
    ).toBe(pauses.length);
  });

  test('a client secret that Cyclr refuses ends no flow either', async () => {
    stage.sandbox.revokeTokens();
    const refusing = { match: { path: '/oauth/token' }, times: 'always', then: { status: 400 } } as const;
    stage.sandbox.fault(refusing);

    const flow = await scene('Brightdesk');
    await stage.sleep('12m');
    const during = await flow.view();
    stage.sandbox.clearFaults();
    await stage.sleep('5m');

    expect(during).toMatchObject({ state: 'fetchingConnector', problem: unavailable });
    await flow.reaches('awaitingCredentials');
    expect(timersOf(await flow.history()).slice(0, 2)).toEqual([300, 300]);
  });
});

describe('for longer', () => {
  beforeAll(() => stage.restartWorker(impatient));

  test('it is said, once, and tried again after pauses that grow to a quarter of an hour', async () => {
    const on = stage.install('Brightdesk');
    fault(on, away);

    const flow = await scene(on);
    await stage.sleep('3h');
    const during = await flow.view();

    const timers = timersOf(await flow.history());
    expect(during).toMatchObject({ state: 'fetchingConnector', problem: unavailable });
    expect(timers.slice(0, 6)).toEqual([30, 60, 120, 240, 480, 900]);
    expect(new Set(timers.slice(6))).toEqual(new Set([900]));
    expect((await flow.timeline()).map(({ event }) => event)).toEqual(['cyclrUnavailable']);
  });

  describe('Retry-After', () => {
    const date = () => new Date(Date.now() + 3_600_000).toUTCString();
    const asked: [string, () => FaultRule['then'], number, number][] = [
      ['an hour, by 429', () => ({ kind: 'throttled', retryAfter: 3600 }), 3600, 3600],
      ['until a time, by 429', () => ({ kind: 'throttled', retryAfter: date() }), 3590, 3600],
      ['an hour, by 503', () => ({ status: 503, headers: { 'retry-after': '3600' } }), 3600, 3600],
      ['a week, by 429', () => ({ kind: 'throttled', retryAfter: 604_800 }), 86_390, 86_400],
      ['nonsense, by 429', () => ({ kind: 'throttled', retryAfter: 'soon' }), 30, 30],
    ];

    test.each(asked)('of %s is how long it pauses', async (_name, then, least, most) => {
      const on = stage.install('Brightdesk');
      fault(on, then());

      const flow = await scene(on);
      await stage.sleep('2m');
      const [pause] = timersOf(await eventually(flow.history, (events) => timersOf(events).length > 0));

      expect(pause).toBeGreaterThanOrEqual(least);
      expect(pause).toBeLessThanOrEqual(most);
    });

    test('that is shorter than the pause does not shorten it', async () => {
      const on = stage.install('Brightdesk');
      fault(on, { kind: 'throttled', retryAfter: 1 });

      const flow = await scene(on);
      await stage.sleep('10m');

      expect(timersOf(await flow.history()).slice(0, 2)).toEqual([30, 60]);
    });
  });

  describe('nothing is asked again that Cyclr took', () => {
    test('after hours without it, the credentials that were kept are stored', async () => {
      const flow = await scene('Fernhill');
      await flow.reaches('awaitingProperties');
      await flow.sets({ Domain: 'acme' });
      fault(flow.key, away);

      await flow.signals('credentialInput', await credentials(flow.key));
      await stage.sleep('9h');
      const during = await flow.view();
      stage.sandbox.clearFaults();
      const end = await stage.auth.result(flow.key);

      expect(during).toMatchObject({ state: 'applyingCredentials', problem: unavailable });
      expect(end.state).toBe('authenticated');
      expect(end).not.toHaveProperty('problem');
      expect(flow.cyclr().AuthValue).toBe('right');
      expect((await flow.timeline()).filter(({ to }) => to === 'awaitingCredentials')).toHaveLength(1);
    });

    test('after hours without it and a new worker, it goes on', async () => {
      // Tasks for a worker that kept the flow would wait for it: this server does not give them to another.
      await stage.restartWorker({ ...impatient, maxCachedWorkflows: 0 });
      const flow = await scene('Fernhill');
      await flow.reaches('awaitingProperties');
      fault(flow.key, away);

      await flow.signals('propertyInput', { submissionId: 'p', values: { Domain: 'acme' } });
      await stage.sleep('2h');
      await stage.restartWorker(impatient);
      stage.sandbox.clearFaults();
      await stage.sleep('15m');

      await flow.reaches('awaitingCredentials');
      expect(flow.cyclr().Properties).toMatchObject([{ Name: 'Domain', Value: 'acme' }]);
    });
  });

  describe('after a day without it', () => {
    beforeAll(() => stage.restartWorker({ ...impatient, ...cached }));

    test('what could not be read expires', async () => {
      const on = stage.install('Brightdesk');
      fault(on, away);

      const flow = await scene(on);
      const end = await stage.auth.result(flow.key);
      const hours = tookMs(await flow.history()) / 3_600_000;

      expect(end).toMatchObject({ state: 'expired', problem: unavailable });
      expect(hours).toBeGreaterThan(23.9);
      expect(hours).toBeLessThan(24.1);
    });

    test('properties are waited for again, and then credentials: what is new is asked again, what is old is not', async () => {
      const flow = await scene('Fernhill');
      await flow.reaches('awaitingProperties');
      fault(flow.key, away);

      await flow.signals('propertyInput', { submissionId: 'p', values: { Domain: 'acme' } });
      const properties = await aDayLater(flow, 'awaitingProperties');
      stage.sandbox.clearFaults();
      await flow.sets({ Domain: 'acme' });
      fault(flow.key, away);
      await flow.signals('credentialInput', await credentials(flow.key));
      const asked = await aDayLater(flow, 'awaitingCredentials');
      stage.sandbox.clearFaults();
      const end = await flow.gives({ kind: 'apiKey', key: 'right' });

      expect(properties).toMatchObject({ state: 'awaitingProperties', problem: unavailable });
      expect(asked).toMatchObject({ state: 'awaitingCredentials', problem: unavailable });
      const entered = (await flow.timeline()).findLast(({ to }) => to === 'awaitingCredentials');
      expect(Date.parse(asked.deadline!) - Date.parse(entered!.at)).toBe(7 * 86_400_000);
      expect(end).toMatchObject({ state: 'authenticated' });
      expect(end).not.toHaveProperty('problem');
    });

    test('what Cyclr took before it went away is not asked again', async () => {
      const flow = await scene('Kestrel');
      await flow.reaches('awaitingProperties');
      fault(flow.key, away, { skip: 2 }); // it lists, and takes the first

      const secret = (id: string) => stage.sealedProperty(flow.key, id, 'SigningSecret', 'in-ink');
      const values = { Environment: 'staging', SigningSecret: await secret('p') };
      await flow.signals('propertyInput', { submissionId: 'p', values });
      const asked = await aDayLater(flow, 'awaitingProperties');
      stage.sandbox.clearFaults();
      const taken = await flow.sets({ SigningSecret: await secret('q') }, 'q');

      const missing = asked.fields?.filter(({ required, stored }) => required && !stored).map(({ name }) => name);
      expect(asked.problem).toMatchObject(unavailable);
      expect(missing).toEqual(['SigningSecret']);
      expect(taken.state).toBe('awaitingCredentials');
    });

    test('a consent that could not be asked about expires', async () => {
      // Cyclr's clock does not skip: by the flow's its links would have run out before they are made.
      stage.sandbox.switches.signInTokenExpiresIn = 300 + ((await stage.now()) - Date.now()) / 1000;
      const flow = await consentScene(stage);
      scenes.push(flow);
      await flow.reaches('awaitingAuthorization');
      const link = await flow.asks();
      fault(flow.key, away);

      await flow.returns(link);
      await stage.sleep('23h');
      const early = await flow.view();
      const end = await stage.auth.result(flow.key);

      expect(early).toMatchObject({ state: 'verifyingAuthorization', problem: unavailable });
      expect(end).toMatchObject({ state: 'expired', problem: unavailable });
    });

    test('a second outage has a day of its own', async () => {
      const flow = await scene('Brightdesk');
      await flow.reaches('awaitingCredentials');

      for (const id of ['c-1', 'c-2']) {
        fault(flow.key, away);
        await flow.signals('credentialInput', await credentials(flow.key, id, 'wrong'));
        await stage.sleep('20h');
        expect((await flow.view()).state).toBe('applyingCredentials');
        stage.sandbox.clearFaults();
        await stage.sleep('15m');
        await flow.reaches('awaitingCredentials');
      }

      expect((await flow.view()).problem?.code).toBe('refused');
    });
  });

  test('a cancellation ends a pause at once', async () => {
    const on = stage.install('Brightdesk');
    fault(on, away);
    const flow = await scene(on);
    await stage.sleep('2h');

    await flow.signals('cancel');
    await flow.reaches('cancelled');

    expect((await flow.history()).map(kindOf).slice(-4)).toEqual([
      'workflowTaskCompleted',
      'timerCanceled',
      'upsertWorkflowSearchAttributes',
      'workflowExecutionCompleted',
    ]);
  });
});
