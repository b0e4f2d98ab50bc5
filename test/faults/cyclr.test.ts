/** One fault of Cyclr at each call of a flow. `test/workflows/outages.test.ts` tests outages of hours. */
import type { FaultRule } from '../../sandbox/fault-rule';
import { each } from '../../scripts/each';
import { before, type StepCall } from './held-calls';
import { attemptsOf, faultsIn, historyOf, openScene, type Scene, type TestUser } from './scene';
import { steps } from './steps';

/** Faults after which the next activity attempt succeeds. */
const faults: { [name: string]: () => FaultRule['then'] } = {
  500: () => ({ status: 500 }),
  502: () => ({ status: 502, body: 'Bad gateway' }),
  503: () => ({ status: 503, headers: { 'retry-after': '1' } }),
  '429 with seconds': () => ({ kind: 'throttled', retryAfter: 1 }),
  '429 with a date': () => ({ kind: 'throttled', retryAfter: new Date(Date.now() + 1_000).toUTCString() }),
  '401 for an old token': () => 'unauthorized',
  'a reset connection': () => 'reset',
  'a lost answer': () => 'applied-then-reset',
  'no answer': () => 'hang',
  'half an answer': () => 'truncated',
  'an HTML page': () => 'html',
  'an HTML error page': () => 'html500',
  'an empty body': () => 'empty',
  'a redirect': () => 'redirect',
};
const rows = Object.keys(faults).flatMap((fault) => steps.map((step) => ({ fault, step })));

let scene: Scene;
let calls: StepCall[];
let duringTokenFaults: TestUser[];

/**
 * At most this number of flows run at the same time. With more flows, an activity attempt on a slow machine can exceed
 * its time limit.
 */
const AT_ONCE = 12;

/** Runs each pair of a fault and a step in a separate flow. */
beforeAll(async () => {
  scene = await openScene();
  for (const then of [{ status: 500 }, 'reset', 'truncated', 'html', 'empty'] as const)
    scene.sandbox.fault({ match: { path: '/oauth/token' }, then });
  await scene.startWorker();
  duringTokenFaults = ['Fernhill', 'Quartz', 'Ledgerly'].map((connector) => scene.user(connector));
  await Promise.all(duringTokenFaults.map((user) => user.play()));
  calls = await each(rows, AT_ONCE, async ({ fault, step }) => {
    const call = (await before(scene, step))(faults[fault]!());
    // An error is ignored here, because the test of this fault and step reports the error.
    await call.ended.catch(() => undefined);
    return call;
  });
});

afterAll(() => scene?.close());

describe.each(Object.keys(faults))('when one call to Cyclr gets %s', (fault) => {
  test.each(steps.map(({ name }) => name))(
    'the activity of the step %s succeeds at the second activity attempt',
    async (name) => {
      const { user, ended } = calls[rows.findIndex((row) => row.fault === fault && row.step.name === name)]!;

      await ended;

      expect(await faultsIn(scene, user)).toEqual([]);
      expect(Math.max(...attemptsOf(await historyOf(scene, user)))).toBe(2);
    },
  );
});

test('the request for an access token is repeated after each fault of the token endpoint', async () => {
  for (const user of duringTokenFaults) expect(await faultsIn(scene, user)).toEqual([]);

  const requests = scene.sandbox.requests.filter(({ path }) => path === '/oauth/token');
  expect(requests.slice(0, 6).map(({ status }) => status)).toEqual([500, undefined, undefined, 200, 200, 200]);
});

test('a flow re-reads its connector until Cyclr reports Authenticated: true', async () => {
  await Promise.all(calls.map(({ ended }) => ended));
  scene.sandbox.switches.authenticatedAfterMs = 2_500;

  for (const user of ['Quartz', 'Ledgerly'].map((connector) => scene.user(connector))) {
    await user.play();
    expect(await faultsIn(scene, user)).toEqual([]);
  }
});
