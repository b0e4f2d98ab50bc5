/** A deploy: the worker is asked to stop in the midst of every step. */
import type { OwnProcess } from '../support/process';
import { attemptsOf, historyOf, reconciled } from './books';
import { breakDuring, type Caught } from './caught';
import { openScene, type Scene } from './scene';
import { steps } from './steps';

let scene: Scene;
let worker: OwnProcess;
let caught: Caught[];

/** All of them at once: one worker, stopped once. */
beforeAll(async () => {
  scene = await openScene();
  worker = await scene.startWorker();
  caught = await breakDuring(scene, steps, () => {
    void worker.ends('SIGTERM');
    void worker.ends('SIGTERM'); // npm hands on what the whole group already got
    return worker.exited;
  });
  await scene.startWorker();
});

afterAll(() => scene?.close());

test('it exits with 0', async () => {
  expect(await worker.exited).toEqual({ code: 0, signal: null });
});

test.each(steps.map(({ name }, index) => [name, index] as const))('%s: once, and it counts', async (_step, index) => {
  const { user, ended, requests, step } = caught[index]!;

  await ended;

  await reconciled(user);
  if (step.isDone) expect(requests()).toHaveLength(1);
  expect(new Set(attemptsOf(await historyOf(user)))).toEqual(new Set([1]));
});
