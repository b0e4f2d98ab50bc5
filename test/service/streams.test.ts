/** Many event streams at once, of a service that is a process of its own: what they cost, and how they end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Memory } from '../../bench/probe';
import { freePort } from '../../scripts/local/ports';
import { countGrpcCalls, type GrpcCalls } from '../../scripts/grpc-calls';
import type { View } from '../../workflows/messages';
import { idsIn, openPage, viewsIn, type Page } from '../support/event-reader';
import { eventually } from '../support/eventually';
import { idOf } from '../support/reading';
import { serviceProcess, type ServiceProcess } from '../support/service-process';
import { openStage, type Scene, type Stage } from '../support/stage';

const FLOWS = 50;
const STREAMS = 500;
const KB = 1024;
/** On a machine that is busy with other tests. */
const PATIENCE_MS = 60_000;

const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-test-'));
let stage: Stage;
let calls: GrpcCalls;
let service: ServiceProcess;
let scenes: Scene[];
let tokens: string[];
let pages: Page[];
let memory: () => Promise<Memory>;

beforeAll(async () => {
  stage = await openStage();
  calls = await countGrpcCalls(process.env.TEST_TEMPORAL_ADDRESS!);
  const probePort = await freePort();
  memory = async () => (await fetch(`http://127.0.0.1:${probePort}`)).json() as Promise<Memory>;
  service = await serviceProcess({
    temporalAddress: calls.address,
    namespace: stage.namespace,
    sealingKeys: stage.keys,
    folder,
    env: { BENCH_PROBE_PORT: `${probePort}` },
    nodeOptions: ['--require', join(__dirname, '..', '..', 'dist', 'bench', 'probe.js')],
  });
  await service.start();
  scenes = await Promise.all(Array.from({ length: FLOWS }, () => stage.scene('Brightdesk')));
  for (const scene of scenes) await scene.reaches('awaitingCredentials'); // all at once, a busy machine is too slow
  tokens = await Promise.all(scenes.map(({ key }) => service.session(key)));
  pages = await opened(FLOWS);
}, 2 * PATIENCE_MS);

afterAll(async () => {
  pages?.forEach((page) => page.leave());
  await service?.ends();
  await calls?.close();
  await stage?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** So many more pages, each of one of the sessions; waits until each has its first view. */
async function opened(count: number): Promise<Page[]> {
  const more = Array.from({ length: count }, (_, i) => openPage(service.url, () => tokens[i % FLOWS]!));
  await all(more, (page) => idsIn(page).length > 0);
  return more;
}

/** Waits until it is so for each of them. */
const all = <T>(items: T[], isSo: (item: T) => boolean): Promise<number> =>
  eventually(
    () => items.filter((item) => !isSo(item)).length,
    (others) => others === 0,
    PATIENCE_MS,
  );

/** The pages of one of the flows. */
const pagesOf = (flow: number): Page[] => pages.filter((_, index) => index % FLOWS === flow);
const lastOf = (page: Page): View | undefined => viewsIn(page).at(-1);
const wrong = { kind: 'apiKey', key: 'wrong' } as const;

test(`each of ${STREAMS} open streams costs little memory, its socket included`, async () => {
  const before = await memory();
  pages.push(...(await opened(STREAMS - FLOWS)));
  const after = await memory();

  const cost = (what: 'rss' | 'heap') => (after[what] - before[what]) / (STREAMS - FLOWS);
  process.stdout.write(
    `An open stream takes ${Math.round(cost('rss') / KB)} KB, of which ${Math.round(cost('heap') / KB)} KB of heap.\n`,
  );
  expect(cost('heap')).toBeGreaterThan(0);
  expect(cost('heap')).toBeLessThan(50 * KB);
  expect(cost('rss')).toBeLessThan(50 * KB);
});

test(`while nothing happens, ${FLOWS} long polls are all that reaches Temporal`, async () => {
  const asked = () => ['QueryWorkflow', 'DescribeWorkflowExecution'].map(calls.started);
  const polls = () => calls.started('GetWorkflowExecutionHistory');
  const open = (count: number) =>
    eventually(
      () => calls.open('GetWorkflowExecutionHistory'),
      (now) => now === count, // one that has come back is made again at once
    );
  const [before, polled] = [asked(), polls()];
  await open(FLOWS);

  // Every reader has heard that the stream lives, and every poll has come back empty and was made again.
  await all(pages, ({ streams }) => streams.at(-1)!.comments.includes('nothing new'));
  await eventually(polls, (now) => now >= polled + FLOWS, PATIENCE_MS);

  await open(FLOWS);
  expect(asked()).toEqual(before);
  expect(new Set(pages.map(({ events }) => events.length))).toEqual(new Set([1]));
}, 150_000);

test('one flow moves: its readers are told, and nobody else', async () => {
  const view = await scenes[0]!.gives(wrong);

  await all(pagesOf(0), (page) => lastOf(page)?.problem !== undefined);

  expect(pagesOf(0)).toHaveLength(STREAMS / FLOWS);
  expect(pagesOf(0).map(lastOf)).toEqual(pagesOf(0).map(() => view));
  expect(pages.filter(({ events }) => events.length > 1)).toEqual(pagesOf(0));
});

test('told to stop, it sends all away; another one takes them up, and nobody sees a view twice or misses one', async () => {
  const seen = pages.map((page) => idsIn(page).length);

  const exit = await service.ends('SIGTERM');
  const retries = pages.map(({ streams }) => Number(streams[0]!.events.at(-1)?.retry));
  const meanwhile = await scenes[1]!.gives(wrong);
  await service.start();
  await all(pages, ({ streams }) => streams.length === 2 && streams[1]!.comments.includes('open'));
  const afterwards = await scenes[2]!.gives(wrong);
  await all([...pagesOf(1), ...pagesOf(2)], (page) => lastOf(page)?.problem !== undefined);
  await Promise.all(scenes.map((scene) => stage.auth.cancel(scene.key)));
  await Promise.all(pages.map(({ isFinal }) => isFinal));

  expect(exit).toEqual({ code: 0, signal: null });
  expect(retries.filter((ms) => !(ms >= 500 && ms <= 3000))).toEqual([]);
  for (const page of pages) expect(idsIn(page)).toEqual([...new Set(idsIn(page))]);
  const news = pages.map((page, index) => idsIn(page).slice(seen[index]));
  const ends = await Promise.all(scenes.map(({ view }) => view()));
  expect(news.map((ids) => ids.at(-1))).toEqual(pages.map((_, index) => idOf(ends[index % FLOWS]!)));
  for (const [flow, view] of [meanwhile, afterwards].entries())
    expect(pagesOf(flow + 1).filter((page) => !idsIn(page).includes(idOf(view)))).toEqual([]);
  expect(news.filter((ids, index) => ids.length !== 1 && ![1, 2].includes(index % FLOWS))).toEqual([]);
}, 150_000);
