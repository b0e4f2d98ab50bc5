/** Turns each type of activity failure into an event. */
import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import type { Connector } from '../connector';
import type { Event, State } from './machine';
import { reasonIn, retryAfterIn } from '../outage';
import type { ActivityFailureType } from '../ports';
import { problemOf } from '../problems';
import type { Problem, ProblemCode } from '../view';

type ToEvent = (failure: ApplicationFailure, state: State) => Event;

const unavailable: ToEvent = (failure) => {
  const { taken } = Object(detail(failure, 0)) as { [name: string]: unknown };
  return {
    type: 'cyclrUnavailable',
    ...retryAfterIn(failure),
    ...(Array.isArray(taken) && { taken: taken as string[] }),
  };
};
// The message of a failure from `activities/failures.ts` names the endpoint and the status, and holds no secret.
const operatorsTrouble: ToEvent = (failure, state) => ({
  ...unavailable(failure, state),
  ...reasonIn(failure),
  operatorsTrouble: failure.message,
});
const failed =
  (code: 'connectorNotFound' | 'accessDenied' | 'invalidInput'): ToEvent =>
  ({ message }) => ({ type: 'failed', failure: { code, message } });
const detail = (failure: ApplicationFailure, index: number): unknown => failure.details?.[index] ?? undefined;
const problemIn = (failure: ApplicationFailure, otherwise: ProblemCode): Problem =>
  (detail(failure, 0) as Problem | undefined) ?? problemOf(otherwise);

/**
 * The connector of the state. If the activity re-read the connector after the refusal, the members that it read replace
 * the members of the state's connector.
 */
function rereadIn(failure: ApplicationFailure, state: State): { connector?: Connector } {
  const reread = detail(failure, 1) as Partial<Connector> | undefined;
  return reread && 'connector' in state && state.connector ? { connector: { ...state.connector, ...reread } } : {};
}

const toEvent: Record<ActivityFailureType, ToEvent> = {
  CyclrUnavailable: unavailable,
  CyclrThrottled: unavailable,
  CyclrUnauthorized: unavailable,
  CyclrAccessDenied: (failure, state) =>
    (state.name === 'fetchingConnector' ? failed('accessDenied') : operatorsTrouble)(failure, state),
  CyclrForbidden: operatorsTrouble,
  CyclrNotFound: failed('connectorNotFound'),
  CyclrRefused: (failure, state) => ({
    type: 'refused',
    problem: problemIn(failure, 'refused'),
    ...rereadIn(failure, state),
  }),
  InvalidInput: failed('invalidInput'),
  NotAuthenticatedYet: unavailable,
  UnknownSealingKey: () => ({ type: 'inputRefused', problem: problemOf('notOpenable') }),
  InputRefused: (failure) => ({ type: 'inputRefused', problem: problemIn(failure, 'malformed') }),
};

/**
 * Turns the failure of an activity into an event for this state. A failure of an unknown type counts as an outage, so
 * the flow repeats the call. An error that is no failure of an activity is a fault of the workflow's code. This
 * function rethrows the error, so that the workflow task fails until a worker with corrected code runs.
 */
export function eventOfFailure(error: unknown, state: State): Event {
  if (!(error instanceof ActivityFailure)) throw error;
  const { cause } = error;
  if (!(cause instanceof ApplicationFailure)) return { type: 'cyclrUnavailable' };
  const known = Object.hasOwn(toEvent, cause.type ?? '') ? toEvent[cause.type as ActivityFailureType] : unavailable;
  return known(cause, state);
}
