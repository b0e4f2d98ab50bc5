/** The event stream over HTTP, as a page reads it. */
import { eventually } from '../support/eventually';
import type { Scene } from '../support/stage';
import { openService, ORIGIN, OTHER_ORIGIN, type Service } from './scene';

let service: Service;

beforeAll(async () => {
  service = await openService();
});

afterAll(() => service.close());

interface Event {
  event?: string;
  id?: string;
  data?: string;
  retry?: string;
}

interface Reader {
  status: number;
  headers: Headers;
  /** What has come so far, without comments. */
  events: Event[];
  /** Resolves when the service has ended the stream. */
  ended: Promise<void>;
  leave(): void;
}

const readers: Reader[] = [];
afterEach(() => readers.splice(0).forEach((reader) => reader.leave()));

async function read(token: string, headers: { [name: string]: string } = {}, url = service.url): Promise<Reader> {
  const leaving = new AbortController();
  const response = await fetch(`${url}/v1/session/events`, {
    headers: { Authorization: `Bearer ${token}`, ...headers },
    signal: leaving.signal,
  });
  const events: Event[] = [];
  const reading = async () => {
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const parts = (text + chunk).split('\n\n');
      text = parts.pop()!;
      events.push(...parts.map(eventOf).filter((event) => Object.keys(event).length > 0));
    }
  };
  const ended = reading().catch((err: unknown) => {
    if (!leaving.signal.aborted) throw err;
  });
  const { status, headers: got } = response;
  const reader = { status, headers: got, events, ended, leave: () => leaving.abort() };
  readers.push(reader);
  return reader;
}

const eventOf = (text: string): Event =>
  Object.fromEntries(text.split('\n').flatMap((line) => (line.startsWith(':') ? [] : [line.split(/: (.*)/s)])));

const viewsIn = ({ events }: Reader) =>
  events.filter(({ event }) => event === 'view').map(({ data }) => JSON.parse(data!));
const comes = (reader: Reader, state: string) =>
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
