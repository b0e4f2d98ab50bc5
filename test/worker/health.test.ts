import type { Worker } from '@temporalio/worker';
import { healthOf } from '../../worker/health';

type Status = ReturnType<Worker['getStatus']>;
const polling = { runState: 'RUNNING', workflowPollerState: 'POLLING', activityPollerState: 'POLLING' } as Status;
const healthWith = (status: Partial<Status>, reach = () => Promise.resolve()) =>
  healthOf({ getStatus: () => ({ ...polling, ...status }) }, reach);

test.each([
  [{}, undefined],
  [{ runState: 'INITIALIZED' }, 'The worker is INITIALIZED.'],
  [{ runState: 'DRAINING' }, 'The worker is DRAINING.'],
  [{ workflowPollerState: 'FAILED' }, 'The poller for workflow tasks is FAILED.'],
  [{ activityPollerState: 'SHUTDOWN' }, 'The poller for activity tasks is SHUTDOWN.'],
] as [Partial<Status>, string | undefined][])('with %p it gets no tasks because: %s', async (status, why) => {
  const health = healthWith(status);

  expect(await health.trouble()).toBe(why);
  expect(health.failure()).toBeUndefined();
});

test('only a worker that has failed wants a new process', () => {
  expect(healthWith({ runState: 'FAILED' }).failure()).toBe('The worker has failed.');
});

test('a refusal is told by its code, never by its words', async () => {
  const health = healthWith({}, () => Promise.reject(Object.assign(new Error('a secret'), { code: 16 })));

  expect(await health.trouble()).toBe('Temporal does not answer, or refuses us (gRPC code 16).');
});

test('many probes cost one call', async () => {
  let calls = 0;
  const health = healthWith({}, async () => void calls++);

  await Promise.all([health.trouble(), health.trouble()]);
  await health.trouble();

  expect(calls).toBe(1);
});
