/** Events over several days: the reminders of a waiting flow, and the retries of an event that its target refuses. */
import type { Targets } from '../../activities';
import { Policies, policiesOf } from '../../activities/policies/policies';
import { eventually } from '../support/eventually';
import { tookMs } from '../support/histories';
import { happens } from '../support/messages';
import { startReceiver, status, type Receiver } from '../support/receiver';
import { openSkippingStage, type SkippingStage } from '../support/stage';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let stage: SkippingStage;
let receiver: Receiver;
let targets: Targets;

beforeAll(async () => {
  [stage, receiver] = await Promise.all([openSkippingStage(), startReceiver()]);
  targets = { default: { url: receiver.url, secrets: [receiver.secret] } };
  await stage.restartWorker({}, targets);
});

afterEach(() => stage.reset());

afterAll(async () => {
  await stage.close();
  await receiver.close();
});

test('a flow that waits for the user sends a reminder at each time of remindAfter before the deadline', async () => {
  const flow = await stage.scene('Brightdesk', { remindAfter: ['3 days', '1 day', '10 days'] });
  stage.record('events-reminders', flow.handle);
  const { since } = await flow.reaches('awaitingCredentials');

  await stage.auth.result(flow.key);
  const events = await receiver.gets(flow.workflowId, [
    'connector.waiting',
    'connector.reminder',
    'connector.reminder',
    'connector.expired',
  ]);

  const hours = events.map(({ timestamp }) => Math.round((Date.parse(timestamp) - Date.parse(since)) / HOUR_MS));
  expect(hours).toEqual([0, 24, 72, 168]);
  expect(events.map(({ data }) => data.sequence)).toEqual([1, 2, 3, 4]);
  expect(events[1]!.data).toMatchObject({ state: 'awaitingCredentials', deadline: expect.any(String) });
  expect(events[1]!.data).not.toHaveProperty('timeline');
});

test('the times of remindAfter count from the beginning of each wait, and an ended flow sends no reminders', async () => {
  const flow = await stage.scene('Fernhill', { remindAfter: ['1 hour', '2 hours'] });
  await flow.reaches('awaitingProperties');
  await stage.sleep('50m');
  await flow.sets({ Domain: 'acme' });
  const { since } = await flow.reaches('awaitingCredentials');
  await stage.sleep('50m');
  await receiver.gets(flow.workflowId, ['connector.waiting', 'connector.waiting']);

  await stage.sleep('11m');
  await receiver.gets(flow.workflowId, ['connector.waiting', 'connector.waiting', 'connector.reminder']);
  await flow.gives({ kind: 'apiKey', key: 'right' });
  await stage.sleep('1 day');

  const events = await receiver.gets(flow.workflowId, [
    'connector.waiting',
    'connector.waiting',
    'connector.reminder',
    'connector.authenticated',
  ]);
  expect(Math.round((Date.parse(events[2]!.timestamp) - Date.parse(since)) / 60_000)).toBe(60);
  expect(events[2]!.data).toMatchObject({ state: 'awaitingCredentials' });
});

test.each(['14 days', '4 days'])(
  'if the policy gets another patience, here %s, during a wait, the times of the reminders stay the same',
  async (patience) => {
    // The first worker has no workflow cache, because the test server gives the workflow tasks of a cached run to no
    // other worker.
    await stage.restartWorker({ maxCachedWorkflows: 0 }, targets);
    const flow = await stage.scene('Brightdesk', { remindAfter: ['1 day', '3 days'] });
    const { since, deadline } = await flow.reaches('awaitingCredentials');
    const policy = `policies: [{ match: { name: Brightdesk }, patience: { credentials: ${patience} } }]`;
    await stage.restartWorker({}, targets, new Policies(policiesOf(policy)));
    await flow.signals('recheck');
    await happens(flow, 'policyChanged');

    const result = await stage.auth.result(flow.key);
    const events = await receiver.gets(flow.workflowId, [
      'connector.waiting',
      'connector.reminder',
      'connector.reminder',
      'connector.expired',
    ]);
    await stage.restartWorker({}, targets);

    const hours = events.map(({ timestamp }) => Math.round((Date.parse(timestamp) - Date.parse(since)) / HOUR_MS));
    expect(hours).toEqual([0, 24, 72, 168]);
    expect(Date.parse(deadline!) - Date.parse(since)).toBe(7 * DAY_MS);
    expect(result.state).toBe('expired');
  },
);

test('an event that its target refuses for 3 days fails as undelivered, after pauses that grow from 5 s to 6 h', async () => {
  const posts: number[] = [];
  receiver.answers(async (response, request) => {
    // Read the time before the answer: after the answer, the time-skipping server moves its clock to the next post.
    posts.push(await stage.now());
    status(500)(response, request);
  });
  const flow = await stage.scene('Openrates');
  await flow.reaches('authenticated');
  const delivery = stage.client.workflow.getHandle(`event/${flow.runId}.final`);
  await eventually(() => delivery.describe());
  stage.record('event-undelivered', delivery);

  await expect(delivery.result()).rejects.toMatchObject({
    cause: { type: 'undelivered', message: 'Not taken by: default', details: [['default']] },
  });
  const tookDays = tookMs((await delivery.fetchHistory()).events ?? []) / DAY_MS;
  receiver.answers();

  const pauses = posts.slice(1).map((time, index) => Math.round((time - posts[index]!) / 1000));
  expect((await delivery.describe()).status.name).toBe('FAILED');
  const expected = pauses.map((_, index) => Math.min(5 * 2 ** index, 6 * 3600));
  // The time-skipping server can be some seconds early or late, and real time also counts.
  const toleranceOf = (pause: number) => (pause < 600 ? Math.max(2, pause / 3) : pause / 100);
  expect(pauses.filter((pause, index) => Math.abs(pause - expected[index]!) > toleranceOf(expected[index]!))).toEqual([]); // prettier-ignore
  expect(expected.slice(-2)).toEqual([6 * 3600, 6 * 3600]);
  expect(tookDays).toBeGreaterThan(2.7); // a pause that would end after the third day does not begin
  expect(tookDays).toBeLessThan(3.01);
});
