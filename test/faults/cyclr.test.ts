/** Cyclr does wrong, once, at each of its calls. What it is for hours: `test/workflows/outages.test.ts`. */
import type { FaultRule } from '../../sandbox/fault-rule';
import { attemptsOf, historyOf, reconciled } from './books';
import { before, type Caught } from './caught';
import { openScene, type Scene } from './scene';
import { steps } from './steps';
import type { User } from './user';

const inASecond = () => new Date(Date.now() + 1_000).toUTCString();

/** All that is mended by another attempt. */
const faults: { [name: string]: FaultRule['then'] } = {
  500: { status: 500 },
  502: { status: 502, body: 'Bad gateway' },
  503: { status: 503, headers: { 'retry-after': '1' } },
  '429 for a second': { kind: 'throttled', retryAfter: 1 },
  '429 until a time': { kind: 'throttled', retryAfter: inASecond() },
  'an old token': 'unauthorized',
  'a reset': 'reset',
  'an answer that is lost': 'applied-then-reset',
  'no answer': 'hang',
  'half an answer': 'truncated',
  'a page': 'html',
  'an error’s page': 'html500',
  nothing: 'empty',
  'a redirect': 'redirect',
};

const rows = Object.keys(faults).flatMap((fault) => steps.map((step) => ({ fault, step })));

let scene: Scene;
let caught: Caught[];
let tokens: User[];

/** All at once, each flow with one fault of its own. */
beforeAll(async () => {
  scene = await openScene();
  for (const then of [{ status: 500 }, 'reset', 'truncated', 'html', 'empty'] as const)
    scene.sandbox.fault({ match: { path: '/oauth/token' }, then });
  await scene.startWorker();
  tokens = ['Fernhill', 'Quartz', 'Ledgerly'].map((connector) => scene.user(connector));
  await Promise.all(tokens.map((user) => user.walks()));
  const ready = await Promise.all(rows.map(({ step }) => before(scene, step)));
  caught = ready.map((goesOn, index) => goesOn(faults[rows[index]!.fault]!));
});

afterAll(() => scene?.close());

describe.each(Object.keys(faults))('%s, when', (fault) => {
  test.each(steps.map(({ name }) => name))('%s', async (name) => {
    const { user, ended } = caught[rows.findIndex((row) => row.fault === fault && row.step.name === name)]!;

    await ended;

    await reconciled(user);
    expect(Math.max(...attemptsOf(await historyOf(user)))).toBe(2);
  });
});

test('whatever goes wrong with the token is mended by another attempt', async () => {
  for (const user of tokens) await reconciled(user);

  const asked = scene.sandbox.requests.filter(({ path }) => path === '/oauth/token');
  expect(asked.slice(0, 6).map(({ status }) => status)).toEqual([500, undefined, undefined, 200, 200, 200]);
});

test('Authenticated that comes late is waited for', async () => {
  await Promise.all(caught.map(({ ended }) => ended));
  scene.sandbox.switches.authenticatedAfterMs = 2_500;

  for (const user of ['Quartz', 'Ledgerly'].map((connector) => scene.user(connector))) {
    await user.walks();
    await reconciled(user);
  }
});
