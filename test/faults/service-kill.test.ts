/**
 * The service is killed between every two calls of a user, and during every call of a user. Then a new process of the
 * service continues.
 */
import type { Proxy } from '../../scripts/faults/proxy';
import { startProxy } from '../../scripts/faults/proxy';
import { watch } from '../../scripts/faults/stack';
import { startService, type LocalService } from '../../scripts/local/parts';
import { freePort } from '../../scripts/local/ports';
import { newServiceKeys } from '../../scripts/local/settings';
import { openPage, viewsIn, type Page } from '../support/event-reader';
import { asInResult } from '../support/messages';
import { eventually } from '../support/eventually';
import { faultsIn, openScene, type Scene } from './scene';
import { journeyNames, journeys, serviceUser, type Journey, type JourneyCall, type ServiceUser } from './service-users';

let scene: Scene;
let service: LocalService;
/** The proxy between the service and Temporal. */
let proxy: Proxy;
let startAgain: () => Promise<void>;

beforeAll(async () => {
  scene = await openScene();
  await scene.startWorker();
  proxy = await startProxy(scene.temporalAddress);
  scene.onStop(() => proxy.close());
  const options = {
    ...{ logFolder: scene.folder, sealingKeys: scene.sealingKeys, temporal: { address: proxy.address } },
    ...{ port: await freePort(), keys: newServiceKeys() },
  };
  startAgain = async () => void (service = watch(await startService(options), scene.unexpectedEnds));
  await startAgain();
  scene.onStop(() => service.kill());
});

afterAll(() => scene?.close());

/**
 * Kills the service, calls `meanwhile`, and starts the service again. Before the start, the proxy cuts its connections,
 * so that data that the killed service had sent to the proxy does not reach Temporal.
 */
async function killAndRestart(meanwhile: () => unknown = () => undefined): Promise<void> {
  await service.kill();
  proxy.cut();
  proxy.restore();
  await meanwhile();
  await startAgain();
}

/**
 * The number of the user's values that the flow writes to Cyclr in each journey. Two values are a property and an API
 * key. The journey `a consent` has no such value, because the user gives the consent at the third party.
 */
const writes: { [journey in Journey]: number } = { 'a backend': 2, 'a session': 2, 'a consent': 0, 'an invitation': 2 };

/** Expects that the user's flow has no fault, and that Cyclr got each value once. */
async function expectRight({ journey, user }: ServiceUser): Promise<void> {
  const ofConnector = new RegExp(`/connectors/${user.key.connectorId}(/|$)`);
  const written = scene.sandbox.requests.filter(
    ({ account, method, path }) => account === user.key.accountId && method !== 'GET' && ofConnector.test(path),
  );
  expect(await faultsIn(scene, user)).toEqual([]);
  expect(written).toHaveLength(writes[journey]);
}

/** Starts a user. Resolves when the first call of the user waits for the test. */
async function begin(journey: Journey): Promise<ServiceUser> {
  const begun = serviceUser(scene, service, journey);
  begun.ended = begun.user.play();
  await untilWaiting(begun);
  return begun;
}

/**
 * Lets the user's waiting call continue. Resolves when the user's next call waits for the test, or the flow has ended.
 */
async function passOne(one: ServiceUser): Promise<void> {
  one.calls.pass();
  await untilWaiting(one);
}

/** Resolves when a call of the user waits for the test, or the flow has ended. Rejects if a step of the user fails. */
async function untilWaiting({ calls, ended }: ServiceUser): Promise<void> {
  let hasEnded = false;
  const end = ended!.finally(() => (hasEnded = true));
  const isWaiting = eventually(() => hasEnded || calls.waiting !== undefined);
  await Promise.race([end, isWaiting]);
}

async function passUntil(one: ServiceUser, { name }: JourneyCall): Promise<void> {
  while (one.calls.waiting !== undefined && one.calls.waiting !== name) await passOne(one);
  expect(one.calls.waiting).toBe(name);
}

describe('a kill of the service between every two calls', () => {
  let users: ServiceUser[];
  let pages: Page[] | undefined;

  /**
   * In each round, lets one call of each journey continue, then kills and restarts the service. The rounds stop when
   * all journeys have ended.
   */
  beforeAll(async () => {
    users = await Promise.all(journeyNames.map(begin));
    for (let left = users; left.length > 0; left = left.filter(({ calls }) => calls.waiting !== undefined)) {
      await Promise.all(left.map(passOne));
      pages ??= users.slice(1, 3).map(({ session }) => openPage(service.url, session));
      await Promise.all(pages.map((page) => page.isReading()));
      await killAndRestart();
    }
  });

  afterAll(() => pages?.forEach((page) => page.leave()));

  test.each(journeyNames.map((journey, index) => [journey, index] as const))(
    'the flow of the journey "%s" has the expected outcome, and Cyclr gets each value once',
    async (_journey, index) => {
      await users[index]!.ended;

      await expectRight(users[index]!);
    },
  );

  test.each([0, 1])(
    'when the service is killed between two calls, an open page gets each view once, and one final event (%#)',
    async (index) => {
      const page = pages![index]!;

      await page.isFinal;

      const revisions = viewsIn(page).map(({ revision }) => revision);
      expect(page.streams.length).toBeGreaterThan(3);
      expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
      expect(asInResult(viewsIn(page).at(-1)!)).toEqual(await scene.auth.view(users[index + 1]!.user.key));
      expect(page.events.filter(({ event }) => event === 'final')).toHaveLength(1);
    },
  );
});

test('a page that reconnects after a restart of the service gets the current view first', async () => {
  const one = await begin('a session');
  await passUntil(one, journeys['a session'][1]!);
  const page = openPage(service.url, one.session);
  await page.isReading();

  await service.kill();
  const values = { Domain: 'acme' };
  const view = await scene.auth.submitProperties(one.user.key, { submissionId: 'without-service', values });
  await startAgain();
  await eventually(
    () => page.streams[1]?.events,
    (events) => events !== undefined && events.length > 0,
  );
  page.leave();
  one.calls.open(); // lets all calls continue, so that the user finishes the flow

  expect(view.state).toBe('awaitingCredentials');
  expect(viewsIn(page.streams[1]!)).toEqual([view]);
});

/** A user, and the call of this user during which the service is killed. */
interface Row {
  one: ServiceUser;
  call: JourneyCall;
}

interface Moment {
  /**
   * True if a test can kill the service at this moment of the call. Some calls lack the later moments, because these
   * calls send nothing to Cyclr, or change nothing.
   */
  has(call: JourneyCall): boolean;
  /** Sends the calls of all rows, and resolves when each call has reached this moment. */
  reach(rows: Row[]): Promise<unknown>;
  /** True if, at this moment, each flow has already made the change that the user's call requests. */
  isDone: boolean;
}

const moments: { [name: string]: Moment } = {
  'before Temporal gets a request': {
    has: () => true,
    async reach(rows) {
      proxy.hold();
      for (const { one } of rows) one.calls.open();
      await eventually(proxy.isHolding);
    },
    isDone: false,
  },
  'while Cyclr has the request': {
    has: ({ cyclr }) => cyclr !== undefined,
    reach: holdAtCyclr,
    isDone: false,
  },
  'after the flow has made the change, before the answer reaches the user': {
    has: ({ isDone }) => isDone !== undefined,
    async reach(rows) {
      const release = await holdAtCyclr(rows.filter(({ call }) => call.cyclr));
      proxy.holdAnswers();
      for (const { one } of rows) one.calls.open();
      release();
      await eventually(
        () => undone(rows),
        ({ length }) => length === 0,
      );
    },
    isDone: true,
  },
};
const releases: (() => void)[] = [];

/**
 * Sends the calls of all rows, and resolves when Cyclr has received one request for each call. Cyclr answers these
 * requests only after the returned function is called.
 */
async function holdAtCyclr(rows: Row[]): Promise<() => void> {
  const first = scene.sandbox.requests.length;
  const matches = rows.map(({ one, call }) => call.cyclr!(one.user.key));
  const held = matches.map((match) => scene.sandbox.fault({ match, then: 'held' }));
  const release = () => held.forEach((releaseOne) => releaseOne());
  releases.push(release);
  for (const { one } of rows) one.calls.open();
  const hasArrived = ({ method, path }: (typeof matches)[number]) =>
    scene.sandbox.requests
      .slice(first)
      .some((request) => request.method === method && new RegExp(path).test(request.path));
  await eventually(
    () => matches.filter((match) => !hasArrived(match)),
    ({ length }) => length === 0,
  );
  return release;
}

/** Returns the names of the calls that have no effect yet: the flow has not made the change that the call requests. */
async function undone(rows: Row[]): Promise<string[]> {
  const done = await Promise.all(rows.map(async ({ one, call }) => call.isDone?.(scene, one.user.key)));
  return rows.filter((_, index) => !done[index]).map(({ one, call }) => `${one.journey}: ${call.name}`);
}

describe.each(Object.entries(moments))('when the service is killed %s', (_name, { has, reach, isDone }) => {
  const calls = journeyNames.flatMap((journey) =>
    journeys[journey].filter(has).map((call) => [journey, call] as const),
  );
  let rows: Row[];
  let left: string[];

  /** Sends all calls at the same time to one service, and kills this service once. */
  beforeAll(async () => {
    rows = await Promise.all(calls.map(async ([journey, call]) => ({ one: await begin(journey), call })));
    await Promise.all(rows.map(({ one, call }) => passUntil(one, call)));
    const unanswered = rows.map(({ one }) => one.calls.unanswered);
    await reach(rows);
    left = await undone(rows);
    // The service is started after Cyclr has answered: a start can take longer than the 10 s after which the worker
    // repeats a call to Cyclr.
    await killAndRestart(() => releases.splice(0).forEach((release) => release()));
    expect(unanswered).toEqual(rows.map(() => 0));
  });

  test.each(calls.map(([journey, { name }], index) => [journey, name, index] as const))(
    'the flow of the journey "%s" has the expected outcome, although the call %s gets no answer',
    async (_journey, _call, index) => {
      const { one } = rows[index]!;

      await one.ended;

      await expectRight(one);
      expect(one.calls.unanswered).toBeGreaterThan(0);
    },
  );

  test('at the kill of the service, either no flow or every flow has made the change that its call requests', () => {
    expect(left).toHaveLength(isDone ? 0 : rows.length);
  });
});
