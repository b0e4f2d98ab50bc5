/** The worker gets SIGTERM during every call to Cyclr, as at a deployment. */
import type { LocalWorker } from '../../scripts/local/parts';
import { eventually } from '../support/eventually';
import { breakDuring, type StepCall } from './held-calls';
import { attemptsOf, faultsIn, historyOf, openScene, type Scene } from './scene';
import { stepNames, steps } from './steps';

let scene: Scene;
let worker: LocalWorker;
let calls: StepCall[];

/** Runs all steps at the same time on one worker, and stops this worker once, while Cyclr holds a call of each step. */
beforeAll(async () => {
  scene = await openScene();
  worker = await scene.startWorker();
  calls = await breakDuring(scene, steps, async () => {
    void worker.kill('SIGTERM');
    // After Ctrl-C the worker gets two signals: the terminal sends a signal to npm and to the worker, and npm forwards
    // its signal.
    void worker.kill('SIGTERM');
    await eventually(
      () => worker.log().split('Worker state changed').length - 1,
      (changes) => changes >= 3, // the worker has logged the states running, stopping and draining
    );
  });
  await worker.exited;
  await scene.startWorker();
});

afterAll(() => scene?.close());

test('a worker that gets SIGTERM twice exits with 0', async () => {
  expect(await worker.exited).toEqual({ code: 0, signal: null });
});

test.each(stepNames)('the running activity of the step %s ends before the worker exits', async (_step, index) => {
  const { user, ended, requests, step } = calls[index]!;

  await ended;

  expect(await faultsIn(scene, user)).toEqual([]);
  if (step.isDone) expect(requests()).toHaveLength(1);
  expect(new Set(attemptsOf(await historyOf(scene, user)))).toEqual(new Set([1]));
});
