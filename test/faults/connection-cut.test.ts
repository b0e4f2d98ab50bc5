/** The worker's connection to Temporal breaks in the midst of every step. */
import { eventually } from '../support/eventually';
import type { OwnProcess } from '../support/process';
import { attemptsOf, historyOf, lostAttempts, pendingAttempt, reconciled } from './books';
import { breakDuring, type Caught } from './caught';
import { openScene, type Scene } from './scene';
import { steps } from './steps';

let scene: Scene;
let worker: OwnProcess;
let caught: Caught[];

beforeAll(async () => {
  scene = await openScene();
  worker = await scene.startWorker();
});

afterAll(() => scene?.close());

describe.each(['cut', 'hold'] as const)('%s, for seconds', (trouble) => {
  beforeAll(async () => {
    caught = await breakDuring(scene, steps, scene.proxy[trouble]);
    scene.proxy.mend();
  });

  test.each(steps.map(({ name }, index) => [name, index] as const))('%s: once, and it counts', async (_step, index) => {
    const { user, ended, requests, step } = caught[index]!;

    await ended;

    await reconciled(user);
    if (step.isDone) expect(requests()).toHaveLength(1);
    expect(new Set(attemptsOf(await historyOf(user)))).toEqual(new Set([1]));
  });
});

describe('cut, until Temporal gives the attempt up', () => {
  const chosen = steps.filter(({ name }) => ['the connector is read', 'the credentials are stored'].includes(name));
  beforeAll(async () => {
    caught = await breakDuring(scene, chosen, scene.proxy.cut);
    for (const { user } of caught)
      await eventually(
        () => pendingAttempt(user),
        (attempt) => attempt === 2,
        30_000,
      );
    scene.proxy.mend();
  });

  test.each(chosen.map(({ name }, index) => [name, index] as const))(
    '%s: again, and nobody is asked again',
    async (_step, index) => {
      const { user, ended } = caught[index]!;

      await ended;

      await reconciled(user);
      expect(lostAttempts(await historyOf(user))).toBe(1);
    },
  );
});

test('the worker has gone on by itself', () => {
  expect(worker.isRunning()).toBe(true);
});
