/** What event streams cost: calls to Temporal, and memory. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { createEventHub } from '../../service/streams/event-stream';
import { counted, type Counted } from '../support/counting';
import { eventually } from '../support/eventually';
import { ofKind, taskFailures } from '../support/histories';
import { read, type Reading } from '../support/reading';
import { openStage, type Scene, type Stage } from '../support/stage';

const FLOWS = 50;
const STREAMS = 500;
const HOUR_MS = 3_600_000;

let stage: Stage;
let counts: Counted;
let auth: ConnectorAuth;
let scenes: Scene[];

beforeAll(async () => {
  stage = await openStage();
  counts = counted(stage.connection);
  auth = new ConnectorAuth(new Client({ connection: counts.connection, namespace: stage.namespace }));
  scenes = await Promise.all(Array.from({ length: FLOWS }, () => stage.scene('Brightdesk')));
  for (const scene of scenes) await scene.reaches('awaitingCredentials'); // all at once, a busy machine is too slow
});

afterAll(async () => {
  const failures = await taskFailures(stage);
  await stage.close();
  expect(failures).toEqual([]);
});

const wrong = { kind: 'apiKey', key: 'wrong' } as const;

/** Opens as many streams, each of one of the flows, and waits until each has its first view. */
async function open(hub: ReturnType<typeof createEventHub>, streams = STREAMS): Promise<Reading[]> {
  const readers = Array.from({ length: streams }, (_, i) => read(hub, [scenes[i % FLOWS]!.key]));
  await eventually(
    () => readers.filter((reader) => reader.ids().length === 0).length,
    (waiting) => waiting === 0,
  );
  return readers;
}

/** Lets every reader hear twice that nothing has happened. */
async function rest(readers: Reading[]): Promise<void> {
  const beats = ({ events }: Reading) => events.filter(({ comment }) => comment).length;
  const already = new Map(readers.map((reader) => [reader, beats(reader)]));
  await eventually(
    () => readers.filter((reader) => beats(reader) < already.get(reader)! + 2).length,
    (waiting) => waiting === 0,
  );
}

const tasksOf = async (scene: Scene): Promise<number> => ofKind(await scene.history(), 'workflowTaskCompleted').length;

test(`${STREAMS} streams of ${FLOWS} flows are ${FLOWS} polls and ${FLOWS} queries, and none while nothing happens`, async () => {
  const hub = createEventHub(auth, { heartbeatMs: 500 });
  const { queries, polls, descriptions } = counts;
  const before = queries.answered;

  const readers = await open(hub);
  expect(queries.answered - before).toBe(FLOWS);
  expect(polls.open).toBe(FLOWS);

  const asked = [queries.started, descriptions.started];
  await rest(readers);
  expect([queries.started, descriptions.started]).toEqual(asked);
  expect(polls.open).toBe(FLOWS);

  const [busy] = scenes;
  const tasks = await tasksOf(busy!);
  await busy!.gives(wrong);
  const its = readers.filter((_, i) => i % FLOWS === 0);
  await eventually(
    () => its.filter((reader) => reader.views().at(-1)?.problem === undefined).length,
    (waiting) => waiting === 0,
  );
  const news = queries.answered - before - FLOWS;
  expect(its).toHaveLength(STREAMS / FLOWS);
  expect(news).toBeGreaterThan(0);
  expect(news).toBeLessThanOrEqual((await tasksOf(busy!)) - tasks);
  expect(readers.filter((reader) => reader.ids().length > 1)).toHaveLength(its.length);

  hub.close();
  await Promise.all(readers.map(({ ended }) => ended));
  await eventually(
    () => polls.open,
    (left) => left === 0,
  );
});

test('beyond the limit of polls, flows are looked at instead, and asked only where something has happened', async () => {
  const hub = createEventHub(auth, { heartbeatMs: 500, checkEveryMs: 200, maxPolls: FLOWS - 1 });
  const { queries, polls, descriptions } = counts;
  const readers = await open(hub, FLOWS);
  const polled = polls.open;

  const [asked, looked] = [queries.started, descriptions.started];
  await rest(readers);
  expect(polled).toBe(FLOWS - 1);
  expect(queries.started).toBe(asked);
  expect(descriptions.started).toBeGreaterThan(looked + 2);

  await Promise.all(scenes.map((scene) => scene.gives(wrong)));
  await eventually(
    () => readers.filter((reader) => reader.ids().length < 2).length,
    (waiting) => waiting === 0,
  );
  for (const reader of readers) reader.leave();
  await eventually(
    () => polls.open,
    (left) => left === 0,
  );
  const next = await open(hub, FLOWS);
  // A poll that is no longer open is free to be opened again a moment later, and the next look takes it.
  await eventually(
    () => polls.open,
    (now) => now === FLOWS - 1,
  );
  hub.close();
  await Promise.all([...readers, ...next].map(({ ended }) => ended));
});

test('an open stream costs little memory', async () => {
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc') as () => void;
  const heap = () => (collect(), process.memoryUsage().heapUsed);
  const hub = createEventHub(auth, { heartbeatMs: HOUR_MS });
  const first = await open(hub, FLOWS);
  const streams: ReturnType<typeof hub.stream>[] = [];
  const waiting: Promise<unknown>[] = [];
  /** What a thousand more of them take, each. */
  const batch = async () => {
    const before = heap();
    const more = Array.from({ length: 1000 }, (_, i) =>
      hub.stream([scenes[i % FLOWS]!.key], { signal: new AbortController().signal }),
    );
    for (const stream of more) await stream.next();
    waiting.push(...more.map((stream) => stream.next()));
    streams.push(...more);
    return (heap() - before) / more.length;
  };
  // What the tests before have used is let go of in between, all at once: the middle one says what a stream takes.
  const batches = [];
  for (let i = 0; i < 7; i++) batches.push(await batch());
  const bytes = batches.sort((a, b) => a - b)[3]!;

  process.stdout.write(`An open stream takes ${(bytes / 1024).toFixed(1)} KB of heap.\n`);
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThan(10 * 1024);
  hub.close();
  await Promise.all([...first.map(({ ended }) => ended), ...waiting]);
  for (const stream of streams) await stream.return!();
});
