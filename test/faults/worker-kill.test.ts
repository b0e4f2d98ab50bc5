/** The worker is killed during every call to Cyclr. Another worker continues. */
import type { FaultRule } from '../../sandbox/fault-rule';
import type { LocalWorker } from '../../scripts/local/parts';
import { sendSignal } from '../../scripts/user/transports';
import type { View } from '../../workflows/view';
import { eventually } from '../support/eventually';
import { before, hasArrived, isAnswered, untilAll, type StepCall } from './held-calls';
import { faultsIn, historyOf, lostAttempts, openScene, type Scene, type TestUser } from './scene';
import { steps } from './steps';

/**
 * The moments at which the test kills the worker. `fault`: the fault of the sandbox that keeps a call at this moment.
 * `isDone`: true if, at this moment, Cyclr has made the change.
 */
const moments = {
  'before Cyclr makes the change': { fault: 'hang', isDone: false },
  'after Cyclr has made the change, before the answer reaches the worker': { fault: 'applied-then-hang', isDone: true },
  'after the worker has got the answer, before the result reaches Temporal': { fault: 'held', isDone: true },
} as const satisfies { [moment: string]: { fault: FaultRule['then']; isDone: boolean } };
type Moment = keyof typeof moments;
const momentNames = Object.keys(moments) as Moment[];
const stepsAt = (moment: Moment) =>
  steps.filter((step) => step.isDone || moments[moment].fault !== 'applied-then-hang');

const waits = ['awaitingProperties', 'awaitingCredentials', 'awaitingAuthorization'] as const;
const inputs = waits.flatMap((state) => ['update', 'signal'].map((way) => [state, way] as const));

let scene: Scene;
let worker: LocalWorker;
let duringToken: TestUser;
const calls = {} as Record<Moment, StepCall[]>;
let withoutWorker: TestUser[];
let cancelled: TestUser;
const ends = new Map<TestUser, Promise<View>>();

/**
 * Kills all workers before the first test. Temporal repeats a lost activity attempt only after 15 s. Because all kills
 * come before the first test, all flows wait for these 15 s at the same time.
 */
beforeAll(async () => {
  scene = await openScene();
  worker = await scene.startWorker();
  await killDuringToken();
  for (const moment of momentNames) await killAt(moment);
  await killBeforeInputs();
});

afterAll(() => scene?.close());

/**
 * Kills the worker and starts another worker. Before the start, the proxy cuts its connections, so that data that the
 * killed worker had sent to the proxy does not reach Temporal.
 */
async function replaceWorker(meanwhile: () => unknown = () => undefined): Promise<void> {
  await worker.kill();
  scene.toTemporal.cut();
  scene.toTemporal.restore();
  await meanwhile();
  worker = await scene.startWorker();
}

/**
 * Kills the worker during a token request. All flows of a worker share one bearer token, so no flow can call Cyclr
 * during the held token request. Therefore only one flow runs here.
 */
async function killDuringToken(): Promise<void> {
  const release = scene.sandbox.fault({ match: { path: '/oauth/token' }, then: 'held' });
  duringToken = scene.user('Fernhill');
  ends.set(duringToken, duringToken.play());
  await eventually(
    () => scene.sandbox.requests,
    ([request]) => request?.path === '/oauth/token' && request.body !== undefined,
  );
  await replaceWorker(release);
}

/**
 * Runs all steps at the same time on one worker. Kills this worker once, while the first activity attempt of every step
 * runs.
 */
async function killAt(moment: Moment): Promise<void> {
  const { fault, isDone } = moments[moment];
  const ready = await Promise.all(stepsAt(moment).map((step) => before(scene, step)));
  const taken = (calls[moment] = ready.map((take) => take(fault)));
  await untilAll(taken, hasArrived);
  if (fault === 'applied-then-hang') await untilAll(taken, (call) => call.isDone());
  if (fault === 'held') {
    scene.toTemporal.hold();
    for (const { release } of taken) release();
    await untilAll(taken, isAnswered);
  }
  const reached = taken.map((call) => ({ requests: call.requests().length, isDone: call.isDone() }));
  await replaceWorker();

  expect(reached).toEqual(taken.map(({ step }) => ({ requests: 1, isDone: isDone && step.isDone !== undefined })));
}

async function killBeforeInputs(): Promise<void> {
  const ready = await Promise.all(inputs.map(([state, way]) => waitingIn(state, way === 'signal')));
  withoutWorker = ready.map(({ user }) => user);
  cancelled = scene.user('Fernhill');
  await cancelled.play('awaitingProperties');
  await replaceWorker(async () => {
    for (const { user, view } of ready) ends.set(user, user.answer(view));
    await sendSignal(scene.client, cancelled.key, 'cancel', {});
  });
}

/** Starts a flow and waits until it is in the state `state`. If this is awaitingAuthorization, requests a link, too. */
async function waitingIn(state: (typeof waits)[number], bySignal: boolean): Promise<{ user: TestUser; view: View }> {
  const user = scene.user(state === 'awaitingAuthorization' ? 'Ledgerly' : 'Fernhill', { bySignal });
  const view = await user.play(state);
  if (state === 'awaitingAuthorization') {
    const link = await user.transport.requestLink(user.key);
    user.transport.requestLink = async () => link;
  }
  return { user, view };
}

/** Expects that the user's flow has no fault. Returns the number of lost activity attempts of the flow. */
async function lostIn(user: TestUser): Promise<number> {
  expect(await faultsIn(scene, user)).toEqual([]);
  return lostAttempts(await historyOf(scene, user));
}

test('if a worker is killed while it requests an access token, another worker repeats the activity', async () => {
  await ends.get(duringToken);

  expect(await lostIn(duringToken)).toBeGreaterThan(0);
});

describe.each(momentNames)('when the worker is killed %s', (moment) => {
  test.each(stepsAt(moment).map(({ name }, index) => [name, index] as const))(
    'the next worker repeats the activity of the step %s',
    async (_step, index) => {
      const { user, ended } = calls[moment][index]!;

      await ended;

      expect(await lostIn(user)).toBeGreaterThan(0); // a later kill can also end the repeated activity attempt
    },
  );
});

describe('while no worker runs', () => {
  test.each(inputs.map(([state, way], index) => [state, way, index] as const))(
    'when the next worker starts, a flow in the state %s gets the input that its user sent by %s',
    async (_state, _way, index) => {
      const user = withoutWorker[index]!;

      await ends.get(user);

      expect(await lostIn(user)).toBe(0);
    },
  );

  test('a cancellation that is sent without a worker cancels the flow after the next worker starts', async () => {
    const { key, record } = cancelled;

    expect(await scene.auth.result(key)).toMatchObject({ state: 'cancelled', runId: record.runs[0]!.runId });
  });
});
