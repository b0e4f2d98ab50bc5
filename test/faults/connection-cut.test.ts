/** The worker's connection to Temporal fails during every call to Cyclr. */
import { eventually } from '../support/eventually';
import { breakDuring, type StepCall } from './held-calls';
import { attemptsOf, faultsIn, historyOf, lostAttempts, openScene, pendingAttempt, type Scene } from './scene';
import { stepNames, steps } from './steps';

let scene: Scene;

beforeAll(async () => {
  scene = await openScene();
  await scene.startWorker();
});

afterAll(() => scene?.close());

describe.each([
  ['is reset', 'cut'],
  ['transmits no data', 'hold'],
] as const)('when the connection to Temporal %s until Cyclr has answered', (_how, fault) => {
  let calls: StepCall[];
  beforeAll(async () => {
    calls = await breakDuring(scene, steps, scene.toTemporal[fault]);
    scene.toTemporal.restore();
  });

  test.each(stepNames)('Temporal gets the result of the activity of the step %s once', async (_step, index) => {
    const { user, ended, requests, step } = calls[index]!;

    await ended;

    expect(await faultsIn(scene, user)).toEqual([]);
    if (step.isDone) expect(requests()).toHaveLength(1);
    expect(new Set(attemptsOf(await historyOf(scene, user)))).toEqual(new Set([1]));
  });
});

describe('when the connection to Temporal is reset for longer than the time limit of an activity attempt', () => {
  const chosen = steps.filter(({ name }) => ['reading the connector', 'storing the credentials'].includes(name));
  let calls: StepCall[];
  beforeAll(async () => {
    calls = await breakDuring(scene, chosen, scene.toTemporal.cut);
    for (const { user } of calls)
      await eventually(
        () => pendingAttempt(scene, user),
        (attempt) => attempt === 2,
      );
    scene.toTemporal.restore();
  });

  test.each(chosen.map(({ name }, index) => [name, index] as const))(
    'the activity of the step %s is repeated, and the flow does not ask the user again',
    async (_step, index) => {
      const { user, ended } = calls[index]!;

      await ended;

      expect(await faultsIn(scene, user)).toEqual([]);
      expect(lostAttempts(await historyOf(scene, user))).toBe(1);
    },
  );
});
