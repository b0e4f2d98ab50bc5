/** The event stream over HTTP, as a page reads it. */
import { lifetimes } from '../../service/tokens';
import { idsIn, readEvents, viewsIn, type EventReader } from '../support/event-reader';
import { eventually } from '../support/eventually';
import type { Scene } from '../support/stage';
import { openService, ORIGIN, OTHER_ORIGIN, type Service } from './scene';

/** How much later it is for the streams than for whoever signs and reads tokens. */
let behindMs = 0;
let service: Service;

beforeAll(async () => {
  service = await openService({ now: () => Date.now() - behindMs });
});
afterEach(() => (behindMs = 0));

afterAll(() => service.close());

const readers: EventReader[] = [];
afterEach(() => readers.splice(0).forEach((reader) => reader.leave()));

async function read(token: string, headers?: { [name: string]: string }, url = service.url): Promise<EventReader> {
  const reader = await readEvents(url, token, headers);
  readers.push(reader);
  return reader;
}

const comes = (reader: EventReader, state: string) =>
  eventually(
    () => viewsIn(reader),
    (views) => views.some((view) => view.state === state),
  );

async function asking(): Promise<Scene> {
  const scene = await service.stage.scene('Brightdesk');
  await scene.reaches('awaitingCredentials');
  return scene;
}

test('a page sees where each connector stands, what happens to it, and the end', async () => {
  const [one, other] = [await asking(), await asking()];
  const key = { accountId: one.key.accountId };
  const second = service.stage.install('Ledgerly', key);
  await service.stage.auth.start(second);

  const reader = await read(await service.session([one.key, second]));
  await comes(reader, 'awaitingCredentials');
  await one.gives({ kind: 'apiKey', key: 'right' });
  await service.stage.auth.cancel(second);
  await reader.ended;

  expect(reader.status).toBe(200);
  expect(reader.headers.get('content-type')).toMatch(/^text\/event-stream/);
  expect(reader.headers.get('cache-control')).toBe('no-store');
  expect(
    viewsIn(reader)
      .filter(({ connectorId }) => connectorId === one.key.connectorId)
      .at(-1),
  ).toEqual(await service.stage.auth.view(one.key));
  expect(reader.events.at(-1)).toEqual({ event: 'final', data: '{}' });
  expect(reader.events.filter(({ event }) => event === 'view').map(({ id }) => id)).toEqual(
    viewsIn(reader).map(({ runId, revision }) => `${runId}.${revision}`),
  );
  expect(JSON.stringify(reader.events)).not.toContain(other.key.accountId);
});

test('who comes again with the last id is not told the same again', async () => {
  const scene = await asking();
  const token = await service.session(scene.key);
  const first = await read(token);
  await comes(first, 'awaitingCredentials');
  first.leave();

  const again = await read(token, { 'Last-Event-ID': first.events[0]!.id! });
  await scene.gives({ kind: 'apiKey', key: 'right' });
  await again.ended;

  expect(viewsIn(again).map(({ state }) => state)).not.toContain('awaitingCredentials');
  expect(viewsIn(again).at(-1)).toMatchObject({ state: 'authenticated' });
});

test('a stream is open at once, also where there is nothing to tell', async () => {
  const scene = await asking();
  const { runId, revision } = await scene.view();
  const token = await service.session(scene.key);

  const reader = await read(token, { 'Last-Event-ID': `${runId}.${revision}` });
  await eventually(
    () => reader.comments.length + reader.events.length,
    (come) => come > 0,
  );

  expect([reader.status, reader.events, reader.comments]).toEqual([200, [], ['open']]); // and no heartbeat
});

test('only the session may read, from its own origin', async () => {
  const scene = await asking();
  const token = await service.session(scene.key, { origin: ORIGIN });

  const refused = await Promise.all([read('no token'), read(service.apiKey), read(token, { Origin: OTHER_ORIGIN })]);
  const allowed = await read(token, { Origin: ORIGIN });

  expect(refused.map(({ status }) => status)).toEqual([401, 401, 403]);
  expect(allowed.headers.get('access-control-allow-origin')).toBe(ORIGIN);
});

test('one session has so many streams open at once, and no more; who leaves makes room', async () => {
  const scene = await asking();
  const token = await service.session(scene.key);

  const open = await Promise.all(Array.from({ length: 20 }, () => read(token)));
  const tooMany = await read(token);
  open[0]!.leave();
  const room = await eventually(
    () => read(token),
    ({ status }) => status === 200,
  );

  expect(open.map(({ status }) => status)).toEqual(Array(20).fill(200));
  expect(tooMany.status).toBe(429);
  expect(room.status).toBe(200);
});

test('a stream ends with its session; the page goes on with the renewed one, and misses nothing', async () => {
  const scene = await asking();

  behindMs = lifetimes.session.default - 5_000;
  const token = await service.session(scene.key);
  const first = await read(token);
  behindMs = lifetimes.session.default - 60_000;
  const renewed = await service.call('POST', '/v1/session/renew', { token });
  await first.ended;
  behindMs = 0;
  const expired = await read(token);
  await scene.gives({ kind: 'apiKey', key: 'right' });
  const second = await read(renewed.body.token, { 'Last-Event-ID': idsIn(first).at(-1)! });
  await second.ended;

  expect(viewsIn(first).map(({ state }) => state)).toEqual(['awaitingCredentials']);
  expect(first.events).toHaveLength(1); // neither `final` nor when to come again
  expect(expired.status).toBe(401);
  expect(viewsIn(second).map(({ state }) => state)).toEqual(['authenticated']);
  expect(second.events.at(-1)).toEqual({ event: 'final', data: '{}' });
});

test('when the service stops, its readers are told to come again', async () => {
  const stopping = await openService();
  const scene = await stopping.stage.scene('Brightdesk');
  const reader = await read(await stopping.session(scene.key), {}, stopping.url);
  await comes(reader, 'awaitingCredentials');

  const since = Date.now();
  await stopping.close();
  await reader.ended;

  expect(Number(reader.events.at(-1)?.retry)).toBeGreaterThan(0);
  expect(Date.now() - since).toBeLessThan(10_000);
});
