/** Temporal itself is killed, and started again on its data, while flows wait, call Cyclr and are given inputs. */
import { eventually } from '../support/eventually';
import type { OwnProcess } from '../support/process';
import { reconciled } from './books';
import { breakDuring, type Caught } from './caught';
import { openScene, type Scene } from './scene';
import { steps } from './steps';
import type { User } from './user';

const waits = [
  ['awaitingProperties', 'Fernhill'],
  ['awaitingCredentials', 'Fernhill'],
  ['awaitingAuthorization', 'Ledgerly'],
] as const;

let scene: Scene;
let worker: OwnProcess;

beforeAll(async () => {
  scene = await openScene();
  worker = await scene.startWorker();
});

afterAll(() => scene?.close());

describe('for seconds', () => {
  let resting: User[];
  let expiring: User;
  let caught: Caught[];
  beforeAll(async () => {
    resting = waits.map(([, connector]) => scene.user(connector));
    await Promise.all(waits.map(([state], index) => resting[index]!.walks(state)));
    expiring = scene.user('Fernhill', { patience: { properties: '5s' } });
    await expiring.walks('awaitingProperties');
    caught = await breakDuring(scene, steps, scene.temporal.kill);
    await scene.temporal.start();
  });

  test.each(steps.map(({ name }, index) => [name, index] as const))('%s', async (_step, index) => {
    const { user, ended } = caught[index]!;

    await ended;

    await reconciled(user);
  });

  test.each(waits.map(([state], index) => [state, index] as const))('a flow in %s waits on', async (_state, index) => {
    const user = resting[index]!;

    await user.walks();

    await reconciled(user);
  });

  test('a wait that ended meanwhile has ended', async () => {
    expect(await expiring.reached.auth.result(expiring.key)).toMatchObject({ state: 'expired', runId: expiring.runId });
  });
});

test('for longer than a caller waits: they are told, send the same again, and it counts once', async () => {
  const storing = steps.filter(({ name }) => name === 'the credentials are stored');
  const [{ user, ended }] = (await breakDuring(scene, storing, scene.temporal.kill)) as [Caught];
  await eventually(
    () => user.troubles,
    ({ length }) => length > 0,
    60_000,
  );
  await scene.temporal.start();

  await ended;

  expect(user.troubles[0]).toBe('temporalUnavailable');
  await reconciled(user);
});

test('the worker has gone on by itself', () => {
  expect(worker.isRunning()).toBe(true);
});
