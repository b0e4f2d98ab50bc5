/**
 * In an outage of Cyclr, an activity is retried until a minute has passed since its first activity attempt began.
 * If verifyAuthorization finds that the connector is not authenticated, it is retried at fixed times.
 */
import type { Info } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { CyclrError, type CyclrErrorKind } from '../../activities/cyclr/errors';
import { mapped } from '../../activities/failures';
import { createActivities } from '../../activities';
import { onboardingActivities } from '../../activities/onboarding';
import { ACCOUNT, failure, keys, scene, stopAll } from './scene';

const SECOND_MS = 1000;

afterEach(async () => {
  jest.restoreAllMocks();
  await stopAll();
});

/** Runs an activity attempt whose call to Cyclr fails. Returns the failure and heartbeat details of this attempt. */
async function attempt(info: Partial<Info>, retryAfterMs?: number, kind: CyclrErrorKind = 'unreachable') {
  const environment = new MockActivityEnvironment({ scheduledTimestampMs: Date.now(), ...info });
  const reported: unknown[] = [];
  environment.on('heartbeat', (details: unknown) => reported.push(details));
  const call = () => mapped(() => Promise.reject(new CyclrError(kind, 'GET /x: no answer', retryAfterMs)));
  const failed = await failure(environment.run(call));
  return { isRetried: !failed.nonRetryable, reported, failed };
}

const ago = (seconds: number) => Date.now() - seconds * SECOND_MS;

test('in an outage, the minute of retries begins with the first activity attempt, even if the activity waited ten minutes for a worker', async () => {
  const { isRetried, reported } = await attempt({ attempt: 1, scheduledTimestampMs: ago(600) });

  expect(isRetried).toBe(true);
  expect(reported).toEqual([{ beganAt: expect.any(Number), taken: [], nextAt: expect.any(Number) }]);
  expect((reported[0] as { beganAt: number }).beganAt).toBeGreaterThan(ago(30));
});

test.each([
  ['that fails 10 s after the first activity attempt began is retried', 4, 10, undefined, true],
  [
    'that fails 50 s after the first activity attempt began is not retried if the retry would be after the first minute',
    6,
    50,
    undefined,
    false,
  ],
  ['that fails 70 s after the first activity attempt began is not retried', 2, 70, undefined, false],
  [
    'that fails 10 s after the first activity attempt began is not retried if Retry-After is two minutes',
    2,
    10,
    120 * SECOND_MS,
    false,
  ],
] as const)(
  'in an outage, Temporal may retry an activity only within a minute after its first attempt began: an activity attempt %s',
  async (_case, number, seconds, retryAfterMs, expected) => {
    const heartbeatDetails = { beganAt: ago(seconds), taken: ['Domain'] };

    const { isRetried, reported } = await attempt({ attempt: number, heartbeatDetails }, retryAfterMs);

    expect(isRetried).toBe(expected);
    expect(reported).toEqual(expected ? [{ ...heartbeatDetails, nextAt: expect.any(Number) }] : []);
  },
);

test.each([
  ['unreachable', undefined, { type: 'CyclrUnavailable', details: undefined }],
  ['throttled', 120 * SECOND_MS, { type: 'CyclrThrottled', details: [{ retryAfterMs: 120 * SECOND_MS }] }],
] as const)(
  'in an outage, an activity attempt after the first minute fails with the type, message and details of the error: %s',
  async (kind, retryAfterMs, expected) => {
    const { failed } = await attempt({ attempt: 2, heartbeatDetails: { beganAt: ago(70) } }, retryAfterMs, kind);

    const { type, message, details } = failed;
    expect({ type, details: details ?? undefined }).toEqual(expected);
    expect(message).toBe('GET /x: no answer');
  },
);

test('an activity attempt that is not retried sends no heartbeat', async () => {
  const { isRetried, reported } = await attempt({ attempt: 1 }, undefined, 'notFound');

  expect([isRetried, reported]).toEqual([false, []]);
});

test('in an outage, a second activity attempt without heartbeat details is not retried if the activity was scheduled more than a minute ago', async () => {
  expect(await attempt({ attempt: 2, scheduledTimestampMs: ago(70) })).toMatchObject({ isRetried: false });
});

/**
 * Runs an activity attempt of verifyAuthorization for a connector that is not authenticated. The first activity attempt
 * began `seconds` seconds ago. The clock stands still during the attempt, so that the read takes no time.
 */
async function verification(seconds: number) {
  const at = await scene('Ledgerly');
  jest.spyOn(Date, 'now').mockReturnValue(Date.now());
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
  'if a read %s s after the first read finds no authentication, verifyAuthorization is retried %s s after the first read, and logs no error',
  async (seconds, next) => {
    const failed = await failure(verification(seconds));

    expect(failed).toMatchObject({ type: 'NotAuthenticatedYet', nonRetryable: false, category: 'BENIGN' });
    expect(failed.nextRetryDelay).toBeCloseTo((next - seconds) * SECOND_MS);
  },
);

test('if the read 30 s after the first read finds no authentication, verifyAuthorization returns the connector of this read', async () => {
  expect(await verification(30)).toMatchObject({ connector: { authenticated: false } });
});

test('readScope sends a heartbeat after each call to Cyclr, because two calls together can exceed the heartbeat timeout', async () => {
  const { sandbox, cyclr, key } = await scene();
  const cycleId = sandbox.createCycle(ACCOUNT, [key.connectorId]);
  const environment = new MockActivityEnvironment();
  const called: unknown[] = [];
  environment.on('heartbeat', () => called.push(sandbox.requests.at(-1)?.path));
  const { readScope } = onboardingActivities(cyclr, {});

  await environment.run(readScope, { accountId: ACCOUNT, onboardingId: 'o1' }, { scope: { cycleId }, known: [] });

  expect(called).toEqual([`/v1.0/cycles/${cycleId}/prerequisites`, '/v1.0/account/connectors']);
});
