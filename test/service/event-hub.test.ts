/** The event hub without HTTP: the events of its streams, and its calls to Temporal. */
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { createEventHub, type EventHub } from '../../service/streams/event-stream';
import { counted, type Counted } from '../support/counting';
import { asInResult } from '../support/messages';
import { eventually } from '../support/eventually';
import { ofKind } from '../support/histories';
import { idOf, read, viewIn, type Reading } from '../support/reading';
import { openStage, type Scene, type Stage } from '../support/stage';

const HOUR_MS = 3_600_000;

let stage: Stage;
let counts: Counted;
let hub: EventHub;

beforeAll(async () => {
  stage = await openStage();
});

beforeEach(() => {
  counts = counted(stage.connection);
  // Checks and heartbeats come only once an hour, so every event of a test comes from the long poll.
  hub = hubOf({ checkEveryMs: HOUR_MS, heartbeatMs: HOUR_MS });
});

afterEach(async () => {
  hub.close();
  stage.sandbox.clearFaults();
  await pollsAre(0);
});

afterAll(() => stage.close());

const right = { kind: 'apiKey', key: 'right' } as const;
const wrong = { kind: 'apiKey', key: 'wrong' } as const;

const pollsAre = (count: number) =>
  eventually(
    () => counts.polls.open,
    (open) => open === count,
  );

const hubOf = (options: Parameters<typeof createEventHub>[1]): EventHub => {
  const client = new Client({ connection: counts.connection, namespace: stage.namespace });
  return createEventHub(new ConnectorAuth(client), options);
};

const asking = (connector = 'Brightdesk'): Promise<Scene> => stage.sceneIn('awaitingCredentials', connector);

describe('a stream', () => {
  test('a reader gets the current view of a flow, then each later view once and in order, then the final event', async () => {
    const scene = await stage.scene('Fernhill');
    const reader = read(hub, [scene.key]);

    await reader.sees('awaitingProperties');
    await scene.sets({ Domain: 'acme' });
    await reader.sees('awaitingCredentials');
    await scene.gives(wrong);
    await eventually(reader.views, (views) => views.at(-1)?.problem?.code === 'refused');
    await scene.gives(right);
    await reader.ended;

    const views = reader.views();
    expect(asInResult(views.at(-1)!)).toEqual(await stage.auth.result(scene.key));
    expect(reader.events.at(-1)).toEqual({ event: 'final', data: '{}' });
    expect(reader.ids()).toEqual(views.map(idOf));
    const revisions = views.map(({ revision }) => revision);
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
    const settled = views.filter(({ state }) => state.startsWith('a') && !state.startsWith('applying'));
    expect(settled.map(({ state, problem }) => [state, problem?.code])).toEqual([
      ['awaitingProperties', undefined],
      ['awaitingCredentials', undefined],
      ['awaitingCredentials', 'refused'],
      ['authenticated', undefined],
    ]);
  });

  test('the second reader of a flow gets the current view without another call to Temporal', async () => {
    const scene = await asking();
    const first = read(hub, [scene.key]);
    await first.sees('awaitingCredentials');
    const { queries, polls, descriptions } = counts;
    const asked = [queries.started, polls.open, descriptions.started];

    const second = read(hub, [scene.key]);
    const [seen] = await second.sees('awaitingCredentials');

    expect(seen).toEqual(await scene.view());
    expect([queries.started, polls.open, descriptions.started]).toEqual(asked);
    await scene.gives(right);
    await Promise.all([first.ended, second.ended]);
    expect(second.ids().at(-1)).toBe(first.ids().at(-1));
  });

  test('a reader of two flows gets the final event only after both flows have ended', async () => {
    const one = await asking();
    const other = await asking();
    const reader = read(hub, [one.key, other.key, one.key]);
    await eventually(reader.ids, (ids) => ids.length === 2);

    await one.gives(right);
    await reader.sees('authenticated');
    expect(reader.events.map(({ event }) => event)).not.toContain('final');
    await other.gives(right);
    await reader.ended;

    const states = reader.views().filter(({ state }) => state === 'authenticated');
    expect(states.map(({ connectorId }) => connectorId)).toEqual([one.key.connectorId, other.key.connectorId]);
    expect(new Set(reader.ids()).size).toBe(reader.ids().length);
  });

  test('a reader of no flow gets the final event at once', async () => {
    const reader = read(hub, []);
    await reader.ended;

    expect(reader.events).toEqual([{ event: 'final', data: '{}' }]);
  });
});

describe('a stream with a Last-Event-ID', () => {
  test('a reader that reconnects with a Last-Event-ID does not get the view with this id a second time', async () => {
    const [one, other] = [await asking(), await asking()];
    const before = read(hub, [one.key, other.key]);
    await eventually(before.ids, (ids) => ids.length === 2);
    before.leave();
    await before.ended;

    const lastEventId = idOf(await one.view());
    const same = read(hub, [one.key, other.key], { lastEventId });
    await eventually(same.ids, (ids) => ids.length === 1);
    await one.gives(wrong);
    await eventually(same.views, (views) => views.at(-1)?.problem !== undefined);
    const changed = read(hub, [one.key], { lastEventId });
    const [view] = await changed.sees('awaitingCredentials');

    expect(same.ids()).not.toContain(lastEventId);
    expect(same.ids()[0]).toBe(idOf(await other.view()));
    expect(view).toEqual(await one.view());
  });

  test('after the end of a flow, a new reader gets the last view and then the final event, or only the final event if its Last-Event-ID names the last view', async () => {
    const { key } = await stage.scene('Openrates');
    const end = await stage.auth.result(key);

    const known = read(hub, [key], { lastEventId: idOf(end) });
    const unknown = read(hub, [key], { lastEventId: 'x.1' });
    await Promise.all([known.ended, unknown.ended]);

    expect(known.events).toEqual([{ event: 'final', data: '{}' }]);
    expect(unknown.events).toEqual([
      { event: 'view', id: idOf(end), data: JSON.stringify(end) },
      { event: 'final', data: '{}' },
    ]);
  });
});

test('without a worker, the hub reads the view of an ended flow from the result of its run', async () => {
  const scenes = [await asking(), await asking(), await stage.scene('Openrates')];
  const missing = await stage.scene({ ...stage.install('Brightdesk'), connectorId: 999_999 });
  await Promise.all([stage.auth.cancel(scenes[0]!.key), scenes[1]!.handle.terminate()]);
  const keys = [...scenes, missing].map(({ key }) => key);
  const ends = await Promise.all(keys.map((key) => stage.auth.result(key)));

  await stage.stopWorker();
  const reader = read(hub, keys);
  await reader.ended;
  await stage.restartWorker();

  const byId = (views: typeof ends) => new Map(views.map((view) => [view.runId, view]));
  expect(byId(reader.views())).toEqual(byId(ends));
  expect(ends.map(({ state }) => state)).toEqual(['cancelled', 'failed', 'authenticated', 'failed']);
});

test('after a flow is terminated in Temporal, its reader gets a view with the state failed, then the final event', async () => {
  const scene = await asking();
  const reader = read(hub, [scene.key]);
  await reader.sees('awaitingCredentials');

  await scene.handle.terminate();
  await reader.ended;

  expect(reader.views().at(-1)).toMatchObject({ state: 'failed', failure: { code: 'terminated' }, revision: 0 });
});

describe('a slow reader', () => {
  test('a reader that is slower than the changes of a flow gets only the newest view', async () => {
    const scene = await asking();
    const stream = hub.stream([scene.key]);
    const first = viewIn((await stream.next()).value);
    const quick = read(hub, [scene.key]);

    await scene.gives(wrong);
    await eventually(quick.views, (views) => views.at(-1)?.problem !== undefined);
    await scene.gives(right);
    await quick.ended;

    const rest = [];
    for await (const event of stream) rest.push(event);
    expect(first).toMatchObject({ state: 'awaitingCredentials' });
    expect(rest).toEqual(quick.events.slice(-2));
    expect(quick.ids().length).toBeGreaterThanOrEqual(3);
  });

  test('a slow reader of two flows gets their views in turn, so a busy flow does not block the other flow', async () => {
    const [busy, calm] = [await asking(), await asking()];
    const stream = hub.stream([busy.key, calm.key]);
    const quick = read(hub, [busy.key, calm.key]);
    const took = [await stream.next(), await stream.next()].map(({ value }) => viewIn(value).connectorId);

    await calm.gives(wrong);
    await eventually(quick.views, (views) => views.some(({ problem }) => problem !== undefined));
    await busy.gives(wrong);
    await eventually(quick.views, (views) => views.at(-1)?.connectorId === busy.key.connectorId);
    const next = viewIn((await stream.next()).value);

    expect(new Set(took)).toEqual(new Set([busy.key.connectorId, calm.key.connectorId]));
    expect(next.connectorId).toBe(calm.key.connectorId);
    await stream.return!();
    quick.leave();
  });
});

describe('the long poll', () => {
  test('the long poll of a flow starts with the first reader, and ends after the last reader leaves by abort, return() or break', async () => {
    const { key } = await asking();
    const aborted = read(hub, [key]);
    const returned = hub.stream([key]);
    await returned.next();
    await pollsAre(1);
    const waiting = returned.next();
    aborted.leave();
    await aborted.ended;
    expect(counts.polls.open).toBe(1);
    await returned.return!();
    await pollsAre(0);
    for await (const event of hub.stream([key])) {
      expect(event.event).toBe('view');
      await pollsAre(1);
      break;
    }
    await pollsAre(0);

    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  test('an abort or close() ends the long poll, even if the reader does not call next() again', async () => {
    const { key } = await asking();
    const abort = new AbortController();
    const [aborted, closed] = [hub.stream([key], { signal: abort.signal }), hub.stream([key])];

    await aborted.next();
    abort.abort();
    await pollsAre(0);
    await closed.next();
    hub.close();
    await pollsAre(0);

    expect(await aborted.next()).toEqual({ done: true, value: undefined });
    expect(await closed.next()).toEqual({ done: false, value: { retry: expect.any(Number) } });
    expect(await closed.next()).toEqual({ done: true, value: undefined });
  });

  test('no long poll starts for a reader whose signal is already aborted', async () => {
    const { key } = await asking();

    const reader = read(hub, [key], { signal: AbortSignal.abort() });
    await reader.ended;

    expect([reader.events, counts.descriptions.started]).toEqual([[], 0]);
  });
});

describe('many streams', () => {
  const FLOWS = 10;
  const STREAMS = 100;
  let scenes: Scene[];
  beforeAll(async () => {
    scenes = await Promise.all(Array.from({ length: FLOWS }, () => stage.scene('Brightdesk')));
    await Promise.all(scenes.map(({ reaches }) => reaches('awaitingCredentials')));
  });

  /** Opens `count` streams, each for one flow, and waits until each stream has its first view. */
  async function open(hub: EventHub, count: number): Promise<Reading[]> {
    const readers = Array.from({ length: count }, (_, i) => read(hub, [scenes[i % FLOWS]!.key]));
    await all(readers, (reader) => reader.ids().length > 0);
    return readers;
  }
  const all = (readers: Reading[], isSo: (reader: Reading) => boolean) =>
    eventually(
      () => readers.filter((reader) => !isSo(reader)).length,
      (others) => others === 0,
    );
  /** Waits until each reader has two more heartbeats. */
  const rest = (readers: Reading[]) => {
    const comments = ({ events }: Reading) => events.filter(({ comment }) => comment).length;
    const before = new Map(readers.map((reader) => [reader, comments(reader)]));
    return all(readers, (reader) => comments(reader) >= before.get(reader)! + 2);
  };
  const tasksOf = async (scene: Scene) => ofKind(await scene.history(), 'workflowTaskCompleted').length;

  test('100 streams, each of one of 10 flows, need only 10 long polls and 10 queries, and no further call if no flow changes', async () => {
    hub = hubOf({ heartbeatMs: 500 });
    const { queries, polls, descriptions } = counts;
    const before = queries.answered;

    const readers = await open(hub, STREAMS);
    expect(queries.answered - before).toBe(FLOWS);
    expect(polls.open).toBe(FLOWS);

    const calls = [queries.started, descriptions.started];
    await rest(readers);
    expect([queries.started, descriptions.started]).toEqual(calls);
    expect(polls.open).toBe(FLOWS);

    const [busy] = scenes;
    const tasks = await tasksOf(busy!);
    await busy!.gives(wrong);
    const its = readers.filter((_, i) => i % FLOWS === 0);
    await all(its, (reader) => reader.views().at(-1)?.problem !== undefined);
    const more = queries.answered - before - FLOWS;
    expect(more).toBeGreaterThan(0);
    expect(more).toBeLessThanOrEqual((await tasksOf(busy!)) - tasks);
    expect(readers.filter((reader) => reader.ids().length > 1)).toHaveLength(its.length);
    hub.close();
    await Promise.all(readers.map(({ ended }) => ended));
  });

  test('above the limit maxPolls, the hub checks a flow by DescribeWorkflowExecution, and queries the flow only after a change', async () => {
    hub = hubOf({ heartbeatMs: 500, checkEveryMs: 200, maxPolls: FLOWS - 1 });
    const { queries, polls, descriptions } = counts;
    const readers = await open(hub, FLOWS);
    expect(polls.open).toBe(FLOWS - 1);

    const [asked, checked] = [queries.started, descriptions.started];
    await eventually(
      () => descriptions.started,
      (started) => started > checked + 2,
    );
    expect(queries.started).toBe(asked);

    await Promise.all(scenes.map((scene) => scene.gives(wrong)));
    await all(readers, (reader) => reader.ids().length >= 2);
    for (const reader of readers) reader.leave();
    await pollsAre(0);
    const next = await open(hub, FLOWS);
    await pollsAre(FLOWS - 1); // the limit maxPolls counts only open long polls
    hub.close();
    await Promise.all([...readers, ...next].map(({ ended }) => ended));
  });
});

test('close() tells all readers to reconnect after different delays, even readers that come after close()', async () => {
  const { key } = await asking();
  const readers = Array.from({ length: 20 }, () => read(hub, [key]));
  await Promise.all(readers.map((reader) => reader.sees('awaitingCredentials')));

  hub.close();
  const late = read(hub, [key]);
  await Promise.all([...readers, late].map(({ ended }) => ended));

  const retries = [...readers, late].map(({ events }) => events.at(-1)?.retry);
  expect(retries).toEqual(retries.map(() => expect.any(Number)));
  expect(new Set(retries).size).toBeGreaterThan(1);
  expect(late.events).toHaveLength(1);
});
