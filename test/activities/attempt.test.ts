/**
 * An activity is retried until a minute has passed since the beginning of its first attempt. A verification is retried at
 * the times of its schedule.
 */
import type { Info } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { CyclrError } from '../../activities/cyclr/errors';
import { mapped } from '../../activities/failures';
import { createActivities } from '../../activities';
import { failure, keys, scene, stopAll } from './scene';

const SECOND_MS = 1000;

afterEach(stopAll);

/** Runs an activity attempt during an outage of Cyclr. Returns whether it is retried, and its heartbeat details. */
async function attempt(info: Partial<Info>, retryAfterMs?: number) {
  const environment = new MockActivityEnvironment({ scheduledTimestampMs: Date.now(), ...info });
  const reported: unknown[] = [];
  environment.on('heartbeat', (details: unknown) => reported.push(details));
  const call = () => mapped(() => Promise.reject(new CyclrError('unreachable', 'GET /x: no answer', retryAfterMs)));
  const failed = await failure(environment.run(call));
  return { isRetried: !failed.nonRetryable, reported };
}

const ago = (seconds: number) => Date.now() - seconds * SECOND_MS;

test('the first activity attempt is retried even after a long wait for a worker, and reports when it began', async () => {
  const { isRetried, reported } = await attempt({ attempt: 1, scheduledTimestampMs: ago(600) });

  expect(isRetried).toBe(true);
  expect(reported).toEqual([{ beganAt: expect.any(Number), taken: [], nextAt: expect.any(Number) }]);
  expect((reported[0] as { beganAt: number }).beganAt).toBeGreaterThan(ago(30));
});

test.each([
  ['is retried 10 s after the first attempt began', 4, 10, undefined, true],
  ['is not retried after 50 s if the pause before the retry ends after the minute', 6, 50, undefined, false],
  ['is not retried 70 s after the first attempt began', 2, 70, undefined, false],
  ['is not retried after 10 s with a Retry-After of two minutes', 2, 10, 120 * SECOND_MS, false],
] as const)('a later activity attempt %s', async (_case, number, seconds, retryAfterMs, expected) => {
  const heartbeatDetails = { beganAt: ago(seconds), taken: ['Domain'] };

  const { isRetried, reported } = await attempt({ attempt: number, heartbeatDetails }, retryAfterMs);

  expect(isRetried).toBe(expected);
  expect(reported).toEqual(expected ? [{ ...heartbeatDetails, nextAt: expect.any(Number) }] : []);
});

test('an activity attempt without heartbeat details counts the minute from the time when the activity was scheduled', async () => {
  expect(await attempt({ attempt: 2, scheduledTimestampMs: ago(70) })).toMatchObject({ isRetried: false });
});

/**
 * Runs an activity attempt of verifyAuthorization for a connector that is not authenticated. The first activity attempt
 * began the number `seconds` of seconds ago.
 */
async function verification(seconds: number) {
  const at = await scene('Ledgerly');
  const info = { attempt: 2, scheduledTimestampMs: Date.now(), heartbeatDetails: { beganAt: ago(seconds), taken: [] } };
  const parts = { cyclr: at.cyclr, keys: keys.private, consent: { serviceUrl: at.sandbox.url } };
  const { verifyAuthorization } = createActivities(parts);
  return new MockActivityEnvironment(info).run(verifyAuthorization, at.key, { consent: { wasAuthenticated: false } });
}

test.each([
  [0.01, 1],
  [1.95, 4],
  [2.5, 4],
  [15.01, 30],
])(
  'verifyAuthorization without success %s s after its first read is retried %s s after the first read, and is no error',
  async (seconds, next) => {
    const failed = await failure(verification(seconds));

    expect(failed).toMatchObject({ type: 'NotAuthenticatedYet', nonRetryable: false, category: 'BENIGN' });
    const delayMs = failed.nextRetryDelay as number;
    expect(delayMs).toBeLessThanOrEqual((next - seconds) * SECOND_MS);
    expect(delayMs).toBeGreaterThan((next - seconds) * SECOND_MS - 900);
  },
);

test('verifyAuthorization without success 30 s after its first read returns the connector of its last read', async () => {
  expect(await verification(30)).toMatchObject({ connector: { authenticated: false } });
});
