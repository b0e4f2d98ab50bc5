/** The event streams while Temporal, or every worker, is away. */
import { Client, Connection } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { createEventHub, type EventHub } from '../../service/streams/event-stream';
import { counted, type Counted } from '../support/counting';
import { eventually } from '../support/eventually';
import { taskFailures } from '../support/histories';
import { keyInput } from '../support/messages';
import { startProxy, type Proxy } from '../../scripts/faults/proxy';
import { idOf, read } from '../support/reading';
import { openStage, type Scene, type Stage } from '../support/stage';

let stage: Stage;
let proxy: Proxy;
let counts: Counted;
let hub: EventHub;
/** What kept flows from being followed. */
let errors: unknown[];

beforeAll(async () => {
  stage = await openStage();
  proxy = await startProxy(process.env.TEST_TEMPORAL_ADDRESS!);
});

/** The service's own connection goes through the proxy; the tests' does not. */
beforeEach(async () => {
  const { address } = proxy;
  // By default a channel leaves ever longer pauses between two tries to connect, up to two minutes.
  counts = counted(await Connection.connect({ address, channelArgs: { 'grpc.max_reconnect_backoff_ms': 1000 } }));
  const client = new Client({ connection: counts.connection, namespace: stage.namespace });
  errors = [];
  hub = createEventHub(new ConnectorAuth(client), {
    heartbeatMs: 500,
    maxRetryMs: 500,
    onError: (error) => errors.push(error),
  });
});

afterEach(async () => {
  proxy.mend();
  hub.close();
  await counts.connection.close();
});

afterAll(async () => {
  const failures = await taskFailures(stage);
  await stage.close();
  await proxy.close();
  expect(failures).toEqual([]);
});

const right = { kind: 'apiKey', key: 'right' } as const;
const wrong = { kind: 'apiKey', key: 'wrong' } as const;

async function asking(): Promise<Scene> {
  const scene = await stage.scene('Brightdesk');
  await scene.reaches('awaitingCredentials');
  return scene;
}

const heartbeats = async (events: unknown[], more: number) => {
  const already = events.length;
  return eventually(
    () => events.length,
    (count) => count >= already + more,
  );
};

describe('the workers', () => {
  test('are away: readers stay, also who comes then, and see what happened once they are back', async () => {
    const scene = await asking();
    const early = read(hub, [scene.key]);
    await early.sees('awaitingCredentials');
    const input = await keyInput(stage, scene);
    await stage.stopWorker();

    await scene.signals('credentialInput', input);
    const late = read(hub, [scene.key]);
    await late.sees('awaitingCredentials');
    await heartbeats(early.events, 2);
    await stage.restartWorker();
    await Promise.all([early.ended, late.ended]);

    expect(early.views().at(-1)).toMatchObject({ state: 'authenticated' });
    expect(late.ids()).toEqual(early.ids().slice(-late.ids().length));
    expect(errors).toEqual([]);
  });

  test('were never there: whoever reads hears that the stream lives, and the view when one comes', async () => {
    await stage.stopWorker();
    const fresh = await stage.scene('Brightdesk');
    const reader = read(hub, [fresh.key]);

    await heartbeats(reader.events, 3);
    await eventually(
      () => errors,
      ([error]) => error !== undefined,
    );
    await stage.restartWorker();
    await reader.sees('awaitingCredentials');

    expect(errors[0]).toMatchObject({ name: 'ConnectorAuthError', code: 'noWorker' });
    expect(reader.events.slice(0, 3)).toEqual(Array(3).fill({ comment: 'nothing new' }));
  });
});

describe('the connection to Temporal', () => {
  test.each(['cut', 'hold'] as const)(
    'fails (%s) for a moment: nothing is lost, nothing comes twice',
    async (failing) => {
      const scene = await asking();
      const reader = read(hub, [scene.key]);
      await reader.sees('awaitingCredentials');

      proxy[failing]();
      await scene.gives(wrong);
      await heartbeats(reader.events, 2);
      expect(reader.views()).toHaveLength(1);
      proxy.mend();
      await eventually(reader.views, (views) => views.at(-1)?.problem?.code === 'refused');
      await scene.gives(right);
      await reader.ended;

      expect(reader.views().at(-1)).toEqual(await stage.auth.result(scene.key));
      expect(reader.ids()).toEqual([...new Set(reader.ids())]);
    },
  );

  test('is away until the client gives up: the stream stays, and who comes then is served as soon as it is back', async () => {
    const scene = await asking();
    const other = await asking();
    const early = read(hub, [scene.key]);
    await early.sees('awaitingCredentials');

    proxy.cut();
    const late = read(hub, [scene.key, other.key]);
    while (errors.length < 2) await heartbeats(early.events, 1);
    await scene.gives(wrong);
    proxy.mend();
    await eventually(early.views, (views) => views.at(-1)?.problem?.code === 'refused');
    await eventually(late.ids, (ids) => new Set(ids.map((id) => id.split('.')[0])).size === 2);

    const present = idOf(await scene.view());
    expect(early.ids().at(-1)).toBe(present);
    expect(late.ids()).toContain(present);
    expect(errors).toEqual(errors.map(() => expect.objectContaining({ code: 'temporalUnavailable' })));
    await Promise.all([scene.gives(right), other.gives(right)]);
    await Promise.all([early.ended, late.ended]);
  });
});
