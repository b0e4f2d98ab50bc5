/** The worker's process is killed in the midst of every step; another one goes on. */
import type { FaultRule } from '../../sandbox/fault-rule';
import { eventually } from '../support/eventually';
import { historyOf, lostAttempts, reconciled } from './books';
import { before, isAnswered, isCaught, untilAll, type Caught } from './caught';
import { openScene, type Scene } from './scene';
import type { StateName } from '../../workflows/messages';
import { steps, type Step } from './steps';
import type { User } from './user';

const answersLate = { kind: 'slow', ms: 5_000 } as const;

/** When in a step: what happens to its call, and whether Cyclr has done what it was asked for when the worker dies. */
const moments = {
  'before Cyclr does it': { then: 'hang', isDone: false },
  'when Cyclr has done it, and the worker has not heard': { then: 'applied-then-hang', isDone: true },
  // The worker hears of it, and can't tell Temporal.
  'when the worker has heard, and Temporal has not': { then: answersLate, isDone: true },
} as const satisfies { [moment: string]: { then: FaultRule['then']; isDone: boolean } };
type Moment = keyof typeof moments;

const rows: [string, Moment, Step][] = steps.flatMap((step) =>
  (Object.keys(moments) as Moment[])
    .filter((moment) => step.isDone || moments[moment].then !== 'applied-then-hang')
    .map((moment): [string, Moment, Step] => [step.name, moment, step]),
);

const waits = ['awaitingProperties', 'awaitingCredentials', 'awaitingAuthorization'] as const;
const ways = ['an update', 'a signal'] as const;
const waiting = waits.flatMap((state) => ways.map((way) => [state, way] as const));

let scene: Scene;
let caught: Caught[];
let idle: Idle[];
/** The flow that the token is for. */
let first: User;
/** One who cancels. */
let leaving: User;

/** All of them at once: one worker, killed once. */
beforeAll(async () => {
  scene = await openScene();
  leaving = scene.user('Fernhill');
  await killedWhileItGetsAToken();
  const worker = await scene.startWorker();
  const ready = await Promise.all(rows.map(([, , step]) => before(scene, step)));
  const resting = await Promise.all(waiting.map(([state, way]) => restingIn(state, way)));
  await leaving.walks('awaitingProperties');

  caught = ready.map((goesOn, index) => goesOn(momentOf(index).then));
  await untilAll(caught, isCaught);
  await untilAll(those('applied-then-hang'), ({ isDone }) => isDone());
  scene.proxy.hold();
  await untilAll(those(answersLate), isAnswered);
  const standing = caught.map(({ requests, isDone }) => ({ requests: requests().length, isDone: isDone() }));
  await worker.ends();
  scene.proxy.cut(); // what the dead one could still have said is lost
  scene.proxy.mend();
  idle = resting.map((goesOn) => goesOn());
  await leaving.signals('cancel', {});
  await scene.startWorker();

  // Each was killed in its first attempt.
  expect(standing).toEqual(
    rows.map(([, , { isDone }], index) => ({ requests: 1, isDone: !!isDone && momentOf(index).isDone })),
  );
});

afterAll(() => scene?.close());

/** The token is for all flows of a worker, so that nothing else can be caught meanwhile. */
async function killedWhileItGetsAToken(): Promise<void> {
  const worker = await scene.startWorker();
  scene.sandbox.fault({ match: { path: '/oauth/token' }, then: 'hang' });
  first = scene.user('Fernhill');
  void first.walks();
  await eventually(
    () => scene.sandbox.requests,
    ([request]) => request?.path === '/oauth/token' && request.body !== undefined,
  );
  await worker.ends();
}

const momentOf = (index: number) => moments[rows[index]![1]];

const those = (then: FaultRule['then']): Caught[] => caught.filter((_, index) => momentOf(index).then === then);

interface Idle {
  user: User;
  ended: Promise<unknown>;
}

/** A user whose flow waits for them, and who does what it waits for only when told. */
async function restingIn(state: StateName, way: (typeof ways)[number]): Promise<() => Idle> {
  const user = scene.user(state === 'awaitingAuthorization' ? 'Ledgerly' : 'Fernhill');
  user.bySignal = way === 'a signal';
  const view = await user.walks(state);
  if (state === 'awaitingAuthorization') await user.asksForLink();
  return () => {
    const ended = user.gives(view).then(() => user.walks());
    ended.catch(() => undefined); // who awaits it hears of it
    return { user, ended };
  };
}

describe('killed in the midst of an attempt', () => {
  test('the token is asked for', async () => {
    await first.walk;

    await reconciled(first);
    expect(lostAttempts(await historyOf(first))).toBe(1);
  });

  test.each(rows.map(([name, moment], index) => [name, moment, index] as const))(
    '%s, %s',
    async (_step, _moment, index) => {
      const { user, ended } = caught[index]!;

      await ended;

      await reconciled(user);
      expect(lostAttempts(await historyOf(user))).toBe(1);
    },
  );
});

describe('while no worker runs', () => {
  test.each(waiting.map(([state, way], index) => [state, way, index] as const))(
    '%s gets %s',
    async (_state, _way, index) => {
      const { user, ended } = idle[index]!;

      await ended;

      await reconciled(user);
      expect(lostAttempts(await historyOf(user))).toBe(0);
    },
  );

  test('awaitingProperties gets a cancellation', async () => {
    const { reached, key, runId } = leaving;

    expect(await reached.auth.result(key)).toMatchObject({ state: 'cancelled', runId });
  });
});
