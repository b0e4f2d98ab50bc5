/** The event stream over HTTP. */
import { lifetimes } from '../../service/tokens';
import { readEvents, viewsIn, type EventReader } from '../support/event-reader';
import { asInResult } from '../support/messages';
import { eventually } from '../support/eventually';
import type { Scene } from '../support/stage';
import { openService, ORIGIN, OTHER_ORIGIN, type Service } from './scene';

/** The time by which the clock for tokens is behind the clock of the streams, in milliseconds. */
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

const asking = (): Promise<Scene> => service.stage.sceneIn('awaitingCredentials', 'Brightdesk');

test('a stream has the current view of each connector of the session, each later view, and the final event', async () => {
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
  const ofOne = viewsIn(reader).filter(({ connectorId }) => connectorId === one.key.connectorId);
  expect(asInResult(ofOne.at(-1)!)).toEqual(await service.stage.auth.view(one.key));
  expect(reader.events.at(-1)).toEqual({ event: 'final', data: '{}' });
  expect(reader.events.filter(({ event }) => event === 'view').map(({ id }) => id)).toEqual(
    viewsIn(reader).map(({ runId, revision }) => `${runId}.${revision}`),
  );
  expect(JSON.stringify(reader.events)).not.toContain(other.key.accountId);
});

test('a stream with Last-Event-ID does not repeat the view with that id', async () => {
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

test('a stream without a new view sends its headers at once, with a comment', async () => {
  const scene = await asking();
  const { runId, revision } = await scene.view();
  const token = await service.session(scene.key);

  const reader = await read(token, { 'Last-Event-ID': `${runId}.${revision}` });
  await eventually(
    () => reader.comments.length + reader.events.length,
    (come) => come > 0,
  );

  expect([reader.status, reader.events, reader.comments]).toEqual([200, [], ['open']]); // `open` is the first comment of a stream, not a heartbeat
});

test('a stream is refused without a session token, and from a foreign origin', async () => {
  const scene = await asking();
  const token = await service.session(scene.key, { origin: ORIGIN });

  const refused = await Promise.all([read('no token'), read(service.apiKey), read(token, { Origin: OTHER_ORIGIN })]);
  const allowed = await read(token, { Origin: ORIGIN });

  expect(refused.map(({ status }) => status)).toEqual([401, 401, 403]);
  expect(allowed.headers.get('access-control-allow-origin')).toBe(ORIGIN);
});

test('the 21st open stream of a session is refused with 429, until another stream of the session closes', async () => {
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

test('a stream ends when its session expires, and a new stream with the renewed session gets the later views', async () => {
  const scene = await asking();
  const { runId, revision } = await scene.view();

  behindMs = lifetimes.session.default - 1_000; // the next session expires after one second
  const token = await service.session(scene.key);
  const first = await read(token);
  behindMs = lifetimes.session.default / 3;
  const renewed = await service.call('POST', '/v1/session/renew', { token });
  await first.ended;
  behindMs = 0;
  const expired = await read(token);
  await scene.gives({ kind: 'apiKey', key: 'right' });
  const second = await read(renewed.body.token, { 'Last-Event-ID': `${runId}.${revision}` });
  await second.ended;

  expect(first.status).toBe(200);
  // The first stream has ended without the events `final` and `retry`.
  expect(first.events.filter(({ event }) => event !== 'view')).toEqual([]);
  expect(expired.status).toBe(401);
  expect(viewsIn(second).map(({ state }) => state)).toEqual(['authenticated']);
  expect(second.events.at(-1)).toEqual({ event: 'final', data: '{}' });
});

test('a service that stops sends each stream the delay before the reconnect, and ends the stream', async () => {
  const stopping = await openService({ stage: service.stage });
  const scene = await asking();
  const reader = await read(await stopping.session(scene.key), {}, stopping.url);
  await comes(reader, 'awaitingCredentials');

  await stopping.close();
  await reader.ended;

  expect(Number(reader.events.at(-1)?.retry)).toBeGreaterThan(0);
});
