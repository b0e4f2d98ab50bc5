/** What a failed activity means: the border between Temporal's failures and the machine's events. */
import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import type { Connector } from '../connector';
import type { Event, State } from './machine';
import type { Problem, ProblemCode } from '../messages';
import type { ActivityFailureType } from '../ports';
import { problemOf } from '../problems';

type Meaning = (failure: ApplicationFailure, state: State) => Event;

const unavailable: Meaning = (failure) => {
  const { retryAfterMs, taken } = Object(detail(failure, 0)) as { [name: string]: unknown };
  return {
    type: 'cyclrUnavailable',
    ...(typeof retryAfterMs === 'number' && { retryAfterMs }),
    ...(Array.isArray(taken) && { taken: taken as string[] }),
  };
};
const operatorsTrouble: Meaning = (failure, state) => ({ ...unavailable(failure, state), operatorsTrouble: true });
const failed =
  (code: 'connectorNotFound' | 'accessDenied' | 'invalidInput'): Meaning =>
  ({ message }) => ({ type: 'failed', failure: { code, message } });
const detail = (failure: ApplicationFailure, index: number): unknown => failure.details?.[index] ?? undefined;
const problemIn = (failure: ApplicationFailure, otherwise: ProblemCode): Problem =>
  (detail(failure, 0) as Problem | undefined) ?? problemOf(otherwise);

const meanings: Record<ActivityFailureType, Meaning> = {
  CyclrUnavailable: unavailable,
  CyclrThrottled: unavailable,
  CyclrUnauthorized: unavailable,
  CyclrAccessDenied: (failure, state) =>
    (state.name === 'fetchingConnector' ? failed('accessDenied') : operatorsTrouble)(failure, state),
  CyclrForbidden: operatorsTrouble,
  CyclrNotFound: failed('connectorNotFound'),
  CyclrRefused: (failure) => ({
    type: 'refused',
    problem: problemIn(failure, 'refused'),
    connector: detail(failure, 1) as Connector | undefined,
  }),
  InvalidInput: failed('invalidInput'),
  UnknownSealingKey: () => ({ type: 'inputRefused', problem: problemOf('notOpenable') }),
  InputRefused: (failure) => ({ type: 'inputRefused', problem: problemIn(failure, 'malformed') }),
};

/** The event that an activity's failure is in this state. What nobody foresaw is an outage, and tried again. */
export function eventOfFailure(error: unknown, state: State): Event {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  if (!(cause instanceof ApplicationFailure)) return { type: 'cyclrUnavailable' };
  const meaning = Object.hasOwn(meanings, cause.type ?? '') ? meanings[cause.type as ActivityFailureType] : unavailable;
  return meaning(cause, state);
}
