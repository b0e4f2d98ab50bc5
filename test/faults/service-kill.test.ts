/** The onboarding service is killed between every two calls of a flow, and in the midst of each; another one goes on. */
import type { FaultRule } from '../../sandbox/fault-rule';
import type { Proxy } from '../../scripts/faults/proxy';
import { openPage, viewsIn, type Page } from '../support/event-reader';
import { eventually } from '../support/eventually';
import type { ServiceProcess } from '../support/service-process';
import { reconciled } from './books';
import { Journey, journeyNames, journeys, type JourneyName, type Move } from './journeys';
import { openScene, type Scene } from './scene';

/** Long enough to bring all flows there, shorter than the worker waits. */
const slow = { kind: 'slow', ms: 7_000 } as const satisfies FaultRule['then'];

let scene: Scene;
let service: ServiceProcess;
let proxy: Proxy;

beforeAll(async () => {
  scene = await openScene();
  await scene.startWorker();
  ({ service, serviceProxy: proxy } = await scene.startService());
});

afterAll(() => scene?.close());

/** What it could still have said is lost. */
async function killAndRestart(): Promise<void> {
  await service.ends();
  proxy.cut();
  proxy.mend();
  await service.start();
}

const begin = (name: JourneyName) => new Journey(scene, service, name);

/** What each journey stores in Cyclr: a property and a key; a consent is between the user and Cyclr. */
const stored: Record<JourneyName, number> = { 'a backend': 2, 'a browser': 2, 'a consent': 0, 'an invitation': 2 };

/** It ended as it should, Cyclr took each thing once, and nobody was asked twice. */
async function isRight(journey: Journey): Promise<void> {
  const { name, key } = journey;
  const ofConnector = new RegExp(`/connectors/${key.connectorId}(/|$)`);
  await reconciled(journey);
  expect(
    scene.sandbox.requests.filter(
      ({ account, method, path }) => account === key.accountId && method !== 'GET' && ofConnector.test(path),
    ),
  ).toHaveLength(stored[name]);
}

describe('between every two calls', () => {
  let all: Journey[];
  let pages: Page[] | undefined;

  /** All of them in step: a call of each, and a kill. */
  beforeAll(async () => {
    all = journeyNames.map(begin);
    while (all.some(({ next }) => next)) {
      await Promise.all(all.map((journey) => journey.goesOn()));
      pages ??= all.slice(1, 3).map(({ session }) => openPage(service.url, () => session));
      await Promise.all(pages.map((page) => page.isThere()));
      await killAndRestart();
    }
  });

  afterAll(() => pages?.forEach((page) => page.leave()));

  test.each(journeyNames.map((name, index) => [name, index] as const))('%s', async (_name, index) => {
    await isRight(all[index]!);
  });

  test.each([0, 1])('a page that is open all the time sees each view once, and the end (%#)', async (index) => {
    const page = pages![index]!;

    await page.isFinal;

    const revisions = viewsIn(page).map(({ revision }) => revision);
    expect(page.streams.length).toBeGreaterThan(3);
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
    expect(viewsIn(page).at(-1)).toEqual(await scene.auth.view(all[index + 1]!.key));
    expect(page.events.filter(({ event }) => event === 'final')).toHaveLength(1);
  });
});

test('a page hears first where its flow stands, when that has gone on while nobody was there', async () => {
  const journey = begin('a browser');
  await journey.goes(journeys['a browser'].find(({ name }) => name === 'a sealed property is given'));
  const page = openPage(service.url, () => journey.session);
  await page.isThere();

  await service.ends();
  const values = { Domain: 'acme' };
  const view = await scene.auth.submitProperties(journey.key, { submissionId: 'while-away', values });
  await service.start();
  await eventually(
    () => page.streams[1]?.events,
    (events) => events !== undefined && events.length > 0,
  );
  page.leave();

  expect(view.state).toBe('awaitingCredentials');
  expect(viewsIn(page.streams[1]!)).toEqual([view]);
});

/** A call that is caught. */
interface Row {
  journey: Journey;
  move: Move;
  /** How the journey ends. */
  ended: Promise<unknown>;
}

/** When in a call the service dies. */
interface Moment {
  /** Of which calls it can be said. */
  has: (move: Move) => boolean;
  /** Has all calls made, and returns when they are there. */
  arrive: (rows: Row[]) => Promise<unknown>;
  /** Whether what the calls are for is done then. */
  isDone: boolean;
}

const moments: { [name: string]: Moment } = {
  'before Temporal has heard of it': {
    has: ({ name, cyclr, isDone }) => !!cyclr || !!isDone || name === 'the invitation is redeemed',
    async arrive(rows) {
      proxy.hold();
      setOut(rows);
      await eventually(proxy.isHolding, (isHolding) => isHolding);
    },
    isDone: false,
  },
  'while Cyclr is asked': {
    has: ({ cyclr }) => !!cyclr,
    arrive: untilCyclrIsAsked,
    isDone: false,
  },
  'when it is done, and the caller has not heard': {
    has: ({ isDone }) => !!isDone,
    async arrive(rows) {
      await untilCyclrIsAsked(rows.filter(({ move }) => move.cyclr));
      proxy.holdAnswers();
      setOut(rows.filter(({ move }) => !move.cyclr));
      await eventually(
        () => undone(rows),
        ({ length }) => length === 0,
      );
    },
    isDone: true,
  },
};

function setOut(rows: Row[]): void {
  for (const row of rows) {
    row.ended = row.journey.goes();
    row.ended.catch(() => undefined); // who awaits it hears of it
  }
}

/** Cyclr takes its time for what these calls come to; it has been asked for all of it when this returns. */
async function untilCyclrIsAsked(rows: Row[]): Promise<void> {
  const asked = scene.sandbox.requests.length;
  const waited = rows.map(({ journey: { key }, move }) => move.cyclr!(key));
  for (const match of waited) scene.sandbox.fault({ match, then: slow });
  setOut(rows);
  const isAsked = ({ method, path }: (typeof waited)[number]) =>
    scene.sandbox.requests
      .slice(asked)
      .some((request) => request.method === method && new RegExp(path).test(request.path));
  await eventually(
    () => waited.filter((one) => !isAsked(one)),
    ({ length }) => length === 0,
  );
}

/** The names of those whose calls have not come to what they are for. */
async function undone(rows: Row[]): Promise<string[]> {
  const done = await Promise.all(rows.map(async ({ journey, move }) => move.isDone?.(journey)));
  return rows.filter((_, index) => !done[index]).map(({ journey, move }) => `${journey.name}: ${move.name}`);
}

describe.each(Object.entries(moments))('in the midst of a call, %s', (_name, { has, arrive, isDone }) => {
  const calls = journeyNames.flatMap((name) => journeys[name].filter(has).map((move) => [name, move] as const));
  let rows: Row[];
  let standing: string[];

  /** All of them at once: one service, killed once. */
  beforeAll(async () => {
    rows = calls.map(([name, move]) => ({ journey: begin(name), move, ended: Promise.resolve() }));
    await Promise.all(rows.map(({ journey, move }) => journey.goes(move)));
    const lost = rows.map(({ journey }) => journey.unanswered);
    await arrive(rows);
    standing = await undone(rows);
    await killAndRestart();
    expect(lost).toEqual(rows.map(() => 0));
  });

  test.each(calls.map(([name, move], index) => [name, move.name, index] as const))(
    '%s: %s',
    async (_name, _move, index) => {
      const { journey, ended } = rows[index]!;

      await ended;

      await isRight(journey);
      expect(journey.unanswered).toBeGreaterThan(0);
    },
  );

  test('each of them was caught there', () => {
    expect(standing).toHaveLength(isDone ? 0 : rows.length);
  });
});
