/** How long a flow waits, and what ends the wait. */
import type { ConnectorKey } from '../../workflows/connector';
import type { Input } from '../../workflows/messages';
import { eventually } from '../support/eventually';
import { failedTasks, ofKind, timersOf, tookMs } from '../support/histories';
import { openSkippingStage, type Scene, type SkippingStage } from '../support/stage';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let stage: SkippingStage;
const scenes: Scene[] = [];
const failures: string[] = [];

beforeAll(async () => {
  stage = await openSkippingStage();
});

afterEach(async () => {
  stage.sandbox.clearFaults();
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

async function scene(connector: string | ConnectorKey, input?: Partial<Input>): Promise<Scene> {
  const opened = await stage.scene(connector, input);
  scenes.push(opened);
  return opened;
}

const wrong = { kind: 'apiKey', key: 'wrong' } as const;
const right = { kind: 'apiKey', key: 'right' } as const;

const waits = [
  ['properties', 'awaitingProperties', 'Fernhill'],
  ['credentials', 'awaitingCredentials', 'Brightdesk'],
  ['authorization', 'awaitingAuthorization', 'Ledgerly'],
] as const;

describe.each(waits)('the wait for %s', (kind, state, connector) => {
  test.each([
    ['seven days, where nobody says otherwise', undefined, 7 * DAY_MS],
    ['as long as a text says', '90 minutes', 1.5 * HOUR_MS],
    ['as long as a number says', 2000, 2000],
    ['at most 90 days', '90 days', 90 * DAY_MS],
  ])('is %s, and ends as expired', async (_name, patience, ms) => {
    const flow = await scene(connector, patience === undefined ? {} : { patience: { [kind]: patience } });
    const { deadline } = await flow.reaches(state);
    const [entered] = await flow.timeline();

    const end = await stage.auth.result(flow.key);

    expect(Date.parse(deadline!) - Date.parse(entered!.at)).toBe(ms);
    expect(end.state).toBe('expired');
    expect(end).not.toHaveProperty('deadline');
    expect(end.connector?.name).toBe(connector);
    const took = tookMs(await flow.history());
    expect(took).toBeGreaterThanOrEqual(ms - 1000);
    expect(took).toBeLessThan(ms + 10_000);
    expect(timersOf(await flow.history())).toHaveLength(1);
  });

  test('does not grow by inputs that are refused here, however many', async () => {
    const flow = await scene(connector, { patience: { [kind]: '2 hours' } });
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

/** The timer of an update's answer. */
const ANSWER_S = 10;

test('the wait goes on where an input was refused before it reached Cyclr', async () => {
  const flow = await scene('Brightdesk', { patience: { credentials: '2 hours' } });
  const { deadline } = await flow.reaches('awaitingCredentials');

  await stage.sleep('1h');
  const refused = await flow.gives({ kind: 'basic', username: 'a', password: 'b' });
  const timers = timersOf(await flow.history()).filter((seconds) => seconds !== ANSWER_S);
  await stage.sleep('65m');

  expect(refused).toMatchObject({ state: 'awaitingCredentials', problem: { code: 'wrongKind' }, deadline });
  expect(timers).toHaveLength(2);
  expect(timers[1]).toBeLessThanOrEqual(3600);
  expect(timers[1]).toBeGreaterThan(3590);
  expect(await flow.view()).toMatchObject({ state: 'expired' });
});

test('the wait starts anew where an input reached Cyclr', async () => {
  const flow = await scene('Brightdesk', { patience: { credentials: '2 hours' } });
  await flow.reaches('awaitingCredentials');

  await stage.sleep('1h');
  const refused = await flow.gives(wrong);
  const left = Date.parse(refused.deadline!) - (await stage.now());
  await stage.sleep('90m');
  const during = await flow.view();
  const end = await stage.auth.result(flow.key);

  expect(refused.problem?.code).toBe('refused');
  expect(left).toBeGreaterThan(2 * HOUR_MS - 10_000);
  expect(during.state).toBe('awaitingCredentials');
  expect(end.state).toBe('expired');
});

test('each wait has its own patience, counted from when it begins', async () => {
  const flow = await scene('Fernhill', { patience: { properties: '3 days', credentials: '1 hour' } });
  await flow.reaches('awaitingProperties');

  await stage.sleep('2 days');
  const next = await flow.sets({ Domain: 'acme' });
  const left = Date.parse(next.deadline!) - (await stage.now());
  await stage.sleep('59m');
  const during = await flow.view();
  await stage.sleep('2m');

  expect(left).toBeGreaterThan(HOUR_MS - 10_000);
  expect(left).toBeLessThanOrEqual(HOUR_MS);
  expect(during.state).toBe('awaitingCredentials');
  expect(await flow.view()).toMatchObject({ state: 'expired' });
});

describe('before a consent expires, Cyclr is asked once more', () => {
  test('and it is authenticated where the user consented and never came back', async () => {
    const flow = await scene('Ledgerly');
    await flow.reaches('awaitingAuthorization');
    stage.sandbox.update(flow.key.accountId, flow.key.connectorId, { Authenticated: true });

    const end = await stage.auth.result(flow.key);

    expect(end).toMatchObject({ state: 'authenticated', verification: 'notChecked' });
    expect(flow.requests()).toHaveLength(2);
  });

  test('and it expires where nobody did', async () => {
    const flow = await scene('Ledgerly');
    await flow.reaches('awaitingAuthorization');

    const end = await stage.auth.result(flow.key);

    expect(end.state).toBe('expired');
    expect(flow.requests()).toHaveLength(2);
  });

  test('and it expires where Cyclr can not be asked', async () => {
    const flow = await scene('Ledgerly');
    await flow.reaches('awaitingAuthorization');
    stage.sandbox.fault({ match: { account: flow.key.accountId }, times: 'always', then: { status: 403 } });

    const end = await stage.auth.result(flow.key);

    expect(end.state).toBe('expired');
  });

  test('and a cancellation meanwhile is one', async () => {
    const flow = await scene('Ledgerly', { patience: { authorization: '1 hour' } });
    await flow.reaches('awaitingAuthorization');
    stage.sandbox.fault({ match: { account: flow.key.accountId }, times: 'always', then: { kind: 'slow', ms: 500 } });

    await stage.sleep('60m');
    await eventually(flow.requests, (requests) => requests.length === 2);
    const view = await stage.auth.cancel(flow.key);

    expect(view.state).toBe('cancelled');
  });

  test('but not where it was authenticated before', async () => {
    const on = stage.install('Ledgerly', { patch: { Authenticated: true, AuthValue: '{}' } });
    const flow = await scene(on, { intent: 'reauthenticate' });
    await flow.reaches('awaitingAuthorization');

    const end = await stage.auth.result(flow.key);

    expect(end).toMatchObject({ state: 'expired', intent: 'reauthenticate' });
  });
});

test('one that expired is started again under the same id', async () => {
  const flow = await scene('Brightdesk', { patience: { credentials: '1 hour' } });
  await flow.reaches('awaitingCredentials');
  await stage.auth.result(flow.key);

  const again = await stage.auth.start(flow.key);
  const asked = await flow.reaches('awaitingCredentials');
  const end = await flow.gives(right);

  expect(again).toMatchObject({ started: true, workflowId: flow.workflowId });
  expect(again.runId).not.toBe(flow.runId);
  expect(asked).not.toHaveProperty('problem');
  expect(end).toMatchObject({ state: 'authenticated', runId: again.runId });
});

test('properties that never suffice are asked for again after half a minute of questions', async () => {
  const values = ['ClientId', 'ClientSecret'].map((Name) => ({ Name, Value: 'expired' }));
  const flow = await scene(stage.install('Quartz', { patch: { Properties: values } }));

  await stage.sleep('29s');
  const early = await flow.view();
  await stage.sleep('3s');
  const late = await flow.reaches('awaitingProperties');

  const reads = flow.calls().slice(flow.calls().findIndex((call) => call.startsWith('PUT')) + 1);
  expect(early.state).toBe('applyingCredentials');
  expect(late).toMatchObject({ problem: { code: 'notAuthorized' } });
  expect(late.fields?.every(({ stored }) => stored)).toBe(true);
  expect(reads).toHaveLength(7); // after 0, 1, 2, 4, 8, 15 and 30 s
  const again = await flow.sets({ ClientId: 'app-1' }, 'p-1');
  expect(again).not.toHaveProperty('problem');
});
