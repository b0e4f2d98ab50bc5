/** The event streams: what readers get, and when. */
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { createEventHub, type EventHub } from '../../service/streams/event-stream';
import { counted, type Counted } from '../support/counting';
import { eventually } from '../support/eventually';
import { taskFailures } from '../support/histories';
import { idOf, read, viewIn } from '../support/reading';
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
  // Nothing here may come from a second look, or wait for a heartbeat.
  hub = hubOf({ checkEveryMs: HOUR_MS, heartbeatMs: HOUR_MS });
});

afterEach(async () => {
  hub.close();
  stage.sandbox.clearFaults();
  await eventually(
    () => counts.polls.open,
    (open) => open === 0,
  );
});

afterAll(async () => {
  const failures = await taskFailures(stage);
  await stage.close();
  expect(failures).toEqual([]);
});

const right = { kind: 'apiKey', key: 'right' } as const;
const wrong = { kind: 'apiKey', key: 'wrong' } as const;

const hubOf = (options: Parameters<typeof createEventHub>[1]): EventHub => {
  const client = new Client({ connection: counts.connection, namespace: stage.namespace });
  return createEventHub(new ConnectorAuth(client), options);
};

async function asking(connector = 'Brightdesk'): Promise<Scene> {
  const scene = await stage.scene(connector);
  await scene.reaches('awaitingCredentials');
  return scene;
}

describe('a reader', () => {
  test('sees where the flow stands, every stop on its way, in order and once, and that it is over', async () => {
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
    expect(views.at(-1)).toEqual(await stage.auth.result(scene.key));
    expect(reader.events.at(-1)).toEqual({ event: 'final', data: '{}' });
    expect(reader.ids()).toEqual(views.map(idOf));
    const revisions = views.map(({ revision }) => revision);
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
    const stops = views.filter(({ state }) => state.startsWith('a') && !state.startsWith('applying'));
    expect(stops.map(({ state, problem }) => [state, problem?.code])).toEqual([
      ['awaitingProperties', undefined],
      ['awaitingCredentials', undefined],
      ['awaitingCredentials', 'refused'],
      ['authenticated', undefined],
    ]);
  });

  test('who comes late sees the present view first, and asks for nothing', async () => {
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

  test('of several flows sees each, and the end of the last ends it', async () => {
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

  test('of no flow has nothing to wait for', async () => {
    const reader = read(hub, []);
    await reader.ended;

    expect(reader.events).toEqual([{ event: 'final', data: '{}' }]);
  });
});

describe('a reader who comes back', () => {
  test('gets what is new, and what it has it does not get again', async () => {
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

  test('to a flow that has ended is told so, with its last view or without it', async () => {
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

test('a flow that has ended is told from its result: no worker is asked, however it ended', async () => {
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

test('a flow that is ended from outside while it is read is told as its last view', async () => {
  const scene = await asking();
  const reader = read(hub, [scene.key]);
  await reader.sees('awaitingCredentials');

  await scene.handle.terminate();
  await reader.ended;

  expect(reader.views().at(-1)).toMatchObject({ state: 'failed', failure: { code: 'terminated' }, revision: 0 });
});

describe('a slow reader', () => {
  test('gets the newest view alone, whatever has happened meanwhile', async () => {
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

  test('is told of each flow in turn, also where one never rests', async () => {
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
  test('begins with the first reader, and ends with the last, however they go', async () => {
    const { key } = await asking();
    const polls = (open: number) =>
      eventually(
        () => counts.polls.open,
        (seen) => seen === open,
      );

    const aborted = read(hub, [key]);
    const returned = hub.stream([key]);
    await returned.next();
    await polls(1);
    const waiting = returned.next();
    aborted.leave();
    await aborted.ended;
    expect(counts.polls.open).toBe(1);
    await returned.return!();
    await polls(0);
    for await (const event of hub.stream([key])) {
      expect(event.event).toBe('view');
      await polls(1);
      break;
    }
    await polls(0);

    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  test('ends also where a reader has stopped reading', async () => {
    const { key } = await asking();
    const abort = new AbortController();
    const [aborted, sentAway] = [hub.stream([key], { signal: abort.signal }), hub.stream([key])];
    const none = () =>
      eventually(
        () => counts.polls.open,
        (open) => open === 0,
      );

    await aborted.next();
    abort.abort();
    await none();
    await sentAway.next();
    hub.close();
    await none();

    expect(await aborted.next()).toEqual({ done: true, value: undefined });
    expect(await sentAway.next()).toEqual({ done: false, value: { retry: expect.any(Number) } });
    expect(await sentAway.next()).toEqual({ done: true, value: undefined });
  });

  test('is not begun for a reader who has gone already', async () => {
    const { key } = await asking();

    const reader = read(hub, [key], { signal: AbortSignal.abort() });
    await reader.ended;

    expect([reader.events, counts.descriptions.started]).toEqual([[], 0]);
  });
});

test('all readers are sent away at the end, also those who come then, and come again at moments of their own', async () => {
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
