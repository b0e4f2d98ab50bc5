/** The service as a process: its start, its memory with many streams, and its stop. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Memory } from '../../bench/probe';
import { sessionTokenOf, startService, type LocalService } from '../../scripts/local/parts';
import { freePort } from '../../scripts/local/ports';
import { newServiceKeys, serviceEnv } from '../../scripts/local/settings';
import type { View } from '../../workflows/view';
import { launch, temporaryFolder } from '../scripts/parts/scene';
import { idsIn, openPage, viewsIn, type Page } from '../support/event-reader';
import { eventually } from '../support/eventually';
import { callerOf, pathOf, type Caller } from '../support/http';
import { idOf } from '../support/reading';
import { openStage, type Scene, type Stage } from '../support/stage';

const FLOWS = 10;
const SESSIONS = 50; // several sessions, because a session may have at most 20 open streams
const STREAMS = 500;
const KB = 1024;

const dist = join(__dirname, '..', '..', 'dist');
const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-test-'));
let stage: Stage;
let service: LocalService;
let call: Caller;
let memory: () => Promise<Memory>;
let settings: Parameters<typeof serviceEnv>[0];
let start: () => Promise<LocalService>;

beforeAll(async () => {
  stage = await openStage();
  const probePort = await freePort();
  memory = async () => (await fetch(`http://127.0.0.1:${probePort}/heap`)).json() as Promise<Memory>;
  settings = {
    temporal: { address: process.env.TEST_TEMPORAL_ADDRESS!, namespace: stage.namespace },
    ...{ port: await freePort(), metricsPort: await freePort() },
    ...{ keys: newServiceKeys(), sealingKeys: stage.keys },
  };
  start = () =>
    startService({
      ...settings,
      logFolder: folder,
      env: { BENCH_PROBE_PORT: `${probePort}`, SEALING_KEYS: stage.keys },
      nodeArgs: ['--require', join(dist, 'bench', 'probe.js')],
    });
  service = await start();
  call = callerOf(service.url);
});

afterAll(async () => {
  pages?.forEach((page) => page.leave());
  await service?.kill();
  await stage?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a service that is expected to end by itself. */
const endOf = (env: NodeJS.ProcessEnv) =>
  launch(process.execPath, [join(dist, 'service', 'main.js')], { cwd: temporaryFolder(), env }).ended;

test('a service with faults in its environment exits with 1 and names all faults, each on a JSON line', async () => {
  const { code, stderr } = await endOf({ SESSION_KEYS: '', SEALING_KEYS: '', SERVICE_API_KEYS: 'x' });

  expect(code).toBe(1);
  const lines = stderr.trimEnd().split('\n').map((line) => JSON.parse(line)); // prettier-ignore
  const fatal = { level: 'fatal', process: 'service', time: expect.stringMatching(/^\d{4}-.*Z$/) };
  expect(lines).toEqual([
    { ...fatal, msg: expect.stringMatching(/^SESSION_KEYS is not set/) },
    { ...fatal, msg: expect.stringMatching(/^SEALING_KEYS is not set/) },
    { ...fatal, msg: expect.stringMatching(/^SERVICE_API_KEYS .*item 1/) },
  ]);
});

test('a service whose port is in use exits with 1 and logs EADDRINUSE', async () => {
  const { code, stderr } = await endOf(await serviceEnv(settings));

  expect(code).toBe(1);
  expect(JSON.parse(stderr)).toMatchObject({ level: 'fatal', msg: expect.stringContaining('EADDRINUSE') });
});

test('the service serves metrics only on METRICS_PORT', async () => {
  await call('GET', '/v1/nothing');

  const metrics = await (await fetch(service.metricsUrl!)).text();

  expect((await call('GET', '/metrics')).status).toBe(404);
  expect(metrics).toContain('cyclr_connect_http_requests_total{route="(none)",method="GET",status="404"}');
  expect(metrics).toContain('process_resident_memory_bytes');
});

test('the service logs a warning if SEALING_KEYS has a private key', () => {
  const [line = ''] = service.log().split('\n');

  expect(JSON.parse(line)).toEqual({
    ...{ level: 'warn', process: 'service', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) },
    msg: expect.stringContaining('SEALING_KEYS has a private key'),
  });
});

let scenes: Scene[];
let tokens: string[];
let pages: Page[] | undefined;

/** Opens `count` pages, which use the sessions in turn, and waits until each page has its first view. */
async function openPages(count: number): Promise<Page[]> {
  const opened = Array.from({ length: count }, (_, i) => openPage(service.url, () => tokens[i % SESSIONS]!));
  await all(opened, (page) => idsIn(page).length > 0);
  return opened;
}

const all = <T>(items: T[], isSo: (item: T) => boolean): Promise<number> =>
  eventually(
    () => items.filter((item) => !isSo(item)).length,
    (others) => others === 0,
  );

describe('many streams', () => {
  const pagesOf = (flow: number): Page[] => pages!.filter((_, index) => index % FLOWS === flow);
  const lastOf = (page: Page): View | undefined => viewsIn(page).at(-1);
  const wrong = { kind: 'apiKey', key: 'wrong' } as const;

  beforeAll(async () => {
    scenes = await Promise.all(Array.from({ length: FLOWS }, () => stage.scene('Brightdesk')));
    await Promise.all(scenes.map(({ reaches }) => reaches('awaitingCredentials')));
    tokens = await Promise.all(
      Array.from({ length: SESSIONS }, (_, i) => sessionTokenOf(service, scenes[i % FLOWS]!.key)),
    );
    pages = await openPages(FLOWS);
  });

  test(`each of ${STREAMS} open streams costs less than 35 KB of heap and 100 KB of resident memory`, async () => {
    const before = await memory();
    pages!.push(...(await openPages(STREAMS - FLOWS)));
    const after = await memory();

    const cost = (kind: 'rss' | 'heap') => (after[kind] - before[kind]) / (STREAMS - FLOWS);
    process.stdout.write(
      `An open stream costs ${Math.round(cost('rss') / KB)} KB, of which ${Math.round(cost('heap') / KB)} KB of heap.\n`,
    );
    expect(cost('heap')).toBeGreaterThan(0);
    // The usual value after a garbage collection is 25 to 26 KB of heap for each stream, on Node 20.20 and 24.21.
    expect(cost('heap')).toBeLessThan(35 * KB);
    // Resident memory also counts the free pages that V8 keeps: 5 to 34 KB a stream on Node 20.20, 37 to 64 KB on Node
    // 24.21. The limit of resident memory finds large buffers, which are outside the heap.
    expect(cost('rss')).toBeLessThan(100 * KB);
  });

  test('a new view of a flow is sent only to the streams of this flow', async () => {
    const view = await scenes[0]!.gives(wrong);

    await all(pagesOf(0), (page) => lastOf(page)?.problem !== undefined);

    expect(pagesOf(0)).toHaveLength(STREAMS / FLOWS);
    expect(pagesOf(0).map(lastOf)).toEqual(pagesOf(0).map(() => view));
    expect(pages!.filter(({ events }) => events.length > 1)).toEqual(pagesOf(0));
  });

  test('after SIGTERM the service answers the open request, tells all streams to reconnect, and exits with 0', async () => {
    const { key } = await stage.scene('Brightdesk');
    const body = { credentials: { kind: 'apiKey', key: 'right' } };
    const release = stage.sandbox.fault({ match: { method: 'PUT', account: key.accountId }, then: 'held' });
    const reaches = (state: View['state']) =>
      eventually(
        () => stage.auth.view(key),
        (view) => view.state === state,
      );
    await reaches('awaitingCredentials');
    const answering = call('POST', pathOf(key, '/credentials'), { token: service.apiKey, body });
    await reaches('applyingCredentials');

    void service.kill('SIGTERM');
    // After Ctrl-C the service gets two signals: the terminal sends a signal to npm and to the service, and npm
    // forwards its signal.
    void service.kill('SIGTERM');
    const retry = ({ streams }: Page) => streams[0]!.events.at(-1)?.retry;
    await eventually(() => pages!.some((page) => retry(page) !== undefined)); // the service has begun to stop
    release();

    expect(await answering).toMatchObject({ status: 200, body: { runId: expect.any(String) } });
    expect(await stage.auth.result(key)).toMatchObject({ state: 'authenticated' });
    expect(await service.exited).toEqual({ code: 0, signal: null });
    await all(pages!, (page) => retry(page) !== undefined);
    const retries = pages!.map((page) => Number(retry(page)));
    expect(retries.filter((ms) => !(ms >= 500 && ms <= 3000))).toEqual([]);
  });

  test('after a restart of the service, the streams that reconnect miss no view and repeat no view', async () => {
    const seen = pages!.map((page) => idsIn(page).length);

    const before = await scenes[1]!.gives(wrong);
    service = await start();
    await all(pages!, ({ streams }) => streams.length === 2 && streams[1]!.comments.includes('open'));
    const after = await scenes[2]!.gives(wrong);
    await all([...pagesOf(1), ...pagesOf(2)], (page) => lastOf(page)?.problem !== undefined);
    await Promise.all(scenes.map((scene) => stage.auth.cancel(scene.key)));
    await Promise.all(pages!.map(({ isFinal }) => isFinal));

    for (const page of pages!) expect(idsIn(page)).toEqual([...new Set(idsIn(page))]);
    const more = pages!.map((page, index) => idsIn(page).slice(seen[index]));
    const ends = await Promise.all(scenes.map(({ view }) => view()));
    expect(more.map((ids) => ids.at(-1))).toEqual(pages!.map((_, index) => idOf(ends[index % FLOWS]!)));
    for (const [flow, view] of [before, after].entries())
      expect(pagesOf(flow + 1).filter((page) => !idsIn(page).includes(idOf(view)))).toEqual([]);
    expect(more.filter((ids, index) => ids.length !== 1 && ![1, 2].includes(index % FLOWS))).toEqual([]);
  });
});
