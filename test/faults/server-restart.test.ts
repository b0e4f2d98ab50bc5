/** Temporal is killed, and started again with the same data, while flows wait, call Cyclr and get inputs. */
import { eventually } from '../support/eventually';
import { breakDuring, type StepCall } from './held-calls';
import { faultsIn, openScene, type Scene, type TestUser } from './scene';
import { stepNames, steps } from './steps';

const waits = [
  ['awaitingProperties', 'Fernhill'],
  ['awaitingCredentials', 'Fernhill'],
  ['awaitingAuthorization', 'Ledgerly'],
] as const;

let scene: Scene;

beforeAll(async () => {
  scene = await openScene();
  await scene.startWorker();
});

afterAll(() => scene?.close());

describe('when Temporal is restarted at once', () => {
  let waiting: TestUser[];
  let expiring: TestUser;
  let calls: StepCall[];
  beforeAll(async () => {
    waiting = waits.map(([, connector]) => scene.user(connector));
    await Promise.all(waits.map(([state], index) => waiting[index]!.play(state)));
    expiring = scene.user('Fernhill', { patience: { properties: '5s' } });
    await expiring.play('awaitingProperties');
    calls = await breakDuring(scene, steps, scene.killTemporal);
    await scene.restartTemporal();
  });

  test.each(stepNames)('the step "%s" of a flow has its effect only once', async (_step, index) => {
    const { user, ended } = calls[index]!;

    await ended;

    expect(await faultsIn(scene, user)).toEqual([]);
  });

  test.each(waits.map(([state], index) => [state, index] as const))(
    'a flow in the state %s continues to wait',
    async (_state, index) => {
      const user = waiting[index]!;

      await user.play();

      expect(await faultsIn(scene, user)).toEqual([]);
    },
  );

  test('a flow whose deadline passes during the restart of Temporal ends as expired', async () => {
    const { runId } = expiring.record.runs[0]!;

    expect(await scene.auth.result(expiring.key)).toMatchObject({ state: 'expired', runId });
  });
});

test('if Temporal is stopped for longer than a caller waits, the flow accepts the repeated submission once', async () => {
  const storing = steps.filter(({ name }) => name === 'storing the credentials');
  const [{ user, ended }] = (await breakDuring(scene, storing, scene.killTemporal)) as [StepCall];
  await eventually(
    () => user.repeated,
    ({ length }) => length > 0,
  );
  await scene.restartTemporal();

  await ended;

  expect(user.repeated[0]).toBe('temporalUnavailable');
  expect(await faultsIn(scene, user)).toEqual([]);
});
