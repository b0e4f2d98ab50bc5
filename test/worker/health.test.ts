import type { Worker } from '@temporalio/worker';
import { healthOf } from '../../worker/health';

type Status = ReturnType<Worker['getStatus']>;
const polling = { runState: 'RUNNING', workflowPollerState: 'POLLING', activityPollerState: 'POLLING' } as Status;
const healthWith = (status: Partial<Status>, call = () => Promise.resolve()) =>
  healthOf({ getStatus: () => ({ ...polling, ...status }) }, call);

afterEach(() => jest.useRealTimers());

test.each([
  [{}, undefined],
  [{ runState: 'INITIALIZED' }, 'The worker is INITIALIZED.'],
  [{ runState: 'DRAINING' }, 'The worker is DRAINING.'],
  [{ workflowPollerState: 'FAILED' }, 'The poller for workflow tasks is FAILED.'],
  [{ activityPollerState: 'SHUTDOWN' }, 'The poller for activity tasks is SHUTDOWN.'],
] as [Partial<Status>, string | undefined][])(
  'a worker with the status %p is ready, or not ready with a reason: %s',
  async (status, reason) => {
    const health = healthWith(status);

    expect(await health.notReady()).toBe(reason);
    expect(health.failure()).toBeUndefined();
  },
);

test('the health check of a failed worker fails, so that its platform restarts the worker', () => {
  expect(healthWith({ runState: 'FAILED' }).failure()).toBe('The worker has failed.');
});

test('if Temporal refuses the call, the reason has the gRPC code, and not the message of the error', async () => {
  const health = healthWith({}, () => Promise.reject(Object.assign(new Error('a secret'), { code: 16 })));

  expect(await health.notReady()).toBe('Temporal does not answer, or refuses the call (gRPC code 16).');
});

test('several health probes within a second make one call to Temporal', async () => {
  jest.useFakeTimers();
  let calls = 0;
  const health = healthWith({}, async () => void calls++);

  await Promise.all([health.notReady(), health.notReady()]);
  await health.notReady();
  const withinASecond = calls;
  jest.advanceTimersByTime(1000);
  await health.notReady();

  expect([withinASecond, calls]).toEqual([1, 2]);
});
