/** The activities of an onboarding with their timeouts, retries and summaries. */
import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  proxyActivities,
  type ActivityOptions,
} from '@temporalio/workflow';
import type { EventBody, Facts } from './machine';
import type { OnboardingFailure } from '../onboarding';
import { reasonIn, retryAfterIn } from '../outage';
import { activityRetry, type ActivityFailureType, type OnboardingActivities } from '../ports';

const call = (
  summary: string,
  limits: Pick<ActivityOptions, 'startToCloseTimeout' | 'heartbeatTimeout'> = {
    // `readScope` reads up to 100 pages of connectors.
    startToCloseTimeout: '5m',
    heartbeatTimeout: '15s',
  },
) =>
  proxyActivities<OnboardingActivities>({
    ...limits,
    summary,
    retry: activityRetry,
    // A cancelled onboarding waits for the running activity attempt. The attempt can start flows, and the onboarding
    // must know these flows before it cancels them.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });

export const { readScope } = call('Read the connectors of the scope');
export const { startFlows } = call('Start the flows, and subscribe to them');
export const { checkFlows } = call('Check the flows that can have ended without a signal');
export const { cancelFlows } = call('Cancel the flows that this onboarding started');
export const { awaitEnds } = proxyActivities<OnboardingActivities>({
  summary: 'Wait until the cancelled flows have ended',
  startToCloseTimeout: '30s',
  heartbeatTimeout: '15s',
  // An activity of a flow can run for a minute, and the flow ends only after this activity.
  scheduleToCloseTimeout: '90s',
  retry: { initialInterval: 500, backoffCoefficient: 1.5, maximumInterval: 5_000 },
});
export const { activateCycle } = call('Activate the cycle', { startToCloseTimeout: '30s' });

type ToEvent = (failure: ApplicationFailure, facts: Facts) => EventBody;

const unavailable: ToEvent = (failure) => ({ type: 'cyclrUnavailable', ...retryAfterIn(failure) });
// The message of a failure from `activities/failures.ts` names the endpoint and the status, and holds no secret.
const operatorsTrouble: ToEvent = (failure) => ({
  type: 'cyclrUnavailable',
  ...retryAfterIn(failure),
  ...reasonIn(failure),
  operatorsTrouble: failure.message,
});
const failed =
  (code: OnboardingFailure['code']): ToEvent =>
  ({ message }) => ({ type: 'failed', failure: { code, message } });

/**
 * The event for each type of failure, except the types that cause an ordinary outage. `operatorsTrouble` starts an
 * outage that only an operator can end.
 */
const toEvent: { [type in ActivityFailureType]?: ToEvent } = {
  InvalidInput: failed('invalidInput'),
  CyclrNotFound: (failure, facts) => (facts.cycle ? failed('cycleNotFound') : unavailable)(failure, facts),
  CyclrAccessDenied: (failure, facts) => (facts.hasRead ? operatorsTrouble : failed('accessDenied'))(failure, facts),
  CyclrForbidden: operatorsTrouble,
};

/**
 * Turns the failure of an activity into an event. A failure of a type that `toEvent` does not list counts as an outage,
 * so the onboarding repeats the call. An error that is no failure of an activity is a fault of the workflow's code.
 * This function rethrows the error, so that the workflow task fails until a worker with corrected code runs.
 */
export function eventOfFailure(error: unknown, facts: Facts): EventBody {
  if (!(error instanceof ActivityFailure)) throw error;
  const { cause } = error;
  if (!(cause instanceof ApplicationFailure)) return { type: 'cyclrUnavailable' };
  const known = Object.hasOwn(toEvent, cause.type ?? '') ? toEvent[cause.type as ActivityFailureType] : undefined;
  return (known ?? unavailable)(cause, facts);
}
