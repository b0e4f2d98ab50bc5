/** Turns each error of an activity into a Temporal failure, by one table. */
import { ApplicationFailure, log } from '@temporalio/activity';
import { ApplicationFailureCategory, type ApplicationFailureOptions } from '@temporalio/common';
import { SealingError } from '../sealing/seal';
import type { ActivityFailureType, UnavailableDetail } from '../workflows/ports';
import type { Problem } from '../workflows/messages';
import { problemOf } from '../workflows/problems';
import { ActivityAttempt } from './attempt';
import { CyclrError, type CyclrErrorKind } from './cyclr/errors';

interface Fate {
  type: ActivityFailureType;
  retry: boolean;
}

const fates: Record<Exclude<CyclrErrorKind, 'refused'>, Fate> = {
  invalidKey: { type: 'InvalidInput', retry: false },
  unreachable: { type: 'CyclrUnavailable', retry: true },
  unreadable: { type: 'CyclrUnavailable', retry: true }, // retried, because the error page of a proxy counts as an outage
  unconfirmed: { type: 'CyclrUnavailable', retry: true }, // retried, because a re-read did not show the new value
  throttled: { type: 'CyclrThrottled', retry: true }, // retried after Cyclr's Retry-After: see nextRetryDelay
  outdated: { type: 'CyclrUnavailable', retry: true }, // retried, because the next attempt lists the properties again
  unauthorized: { type: 'CyclrUnauthorized', retry: true }, // retried, because the next attempt requests a new token
  accessDenied: { type: 'CyclrAccessDenied', retry: false }, // not retried, because a new token got the same answer
  forbidden: { type: 'CyclrForbidden', retry: false }, // not retried, because only an operator can repair the cause
  clientRefused: { type: 'CyclrForbidden', retry: false },
  tooLarge: { type: 'CyclrForbidden', retry: false }, // not retried, because only a change of the connector helps
  notFound: { type: 'CyclrNotFound', retry: false },
};

/** A failure that is expected in a flow, so Temporal neither counts nor logs the failure as an error. */
const expected = (type: ActivityFailureType | 'FlowsOpen', options: ApplicationFailureOptions): ApplicationFailure =>
  ApplicationFailure.create({ type, category: ApplicationFailureCategory.BENIGN, ...options });

/** The failure of an input that the worker refuses before it sends the input to Cyclr. */
export const inputRefused = (problem: Problem): ApplicationFailure =>
  expected('InputRefused', { message: problem.message, nonRetryable: true, details: [problem] });

/**
 * The failure of an input that Cyclr refused. The details of the failure are the problem, and then the argument
 * `details`.
 */
export const cyclrRefused = (problem: Problem, ...details: unknown[]): ApplicationFailure =>
  expected('CyclrRefused', { message: problem.message, nonRetryable: true, details: [problem, ...details] });

/** The failure of an activity whose arguments are not valid, so that no retry can succeed. */
export const invalidInput = (message: string): ApplicationFailure =>
  expected('InvalidInput', { message, nonRetryable: true });

/**
 * The failure of a call that succeeds only after a change of the policies. `message` must not quote a value of a
 * policy.
 */
export const policyFailure = (message: string): ApplicationFailure =>
  ApplicationFailure.create({
    message,
    type: 'CyclrForbidden' satisfies ActivityFailureType,
    nonRetryable: true,
    details: [{ reason: 'policy' } satisfies UnavailableDetail],
  });

/**
 * The failure of a read in a verification, which reads the connector several times. A read fails in this way if it does
 * not prove the authentication, and is not the last read. `nextRetryDelay`: the milliseconds until the next read.
 */
export const notAuthenticatedYet = (nextRetryDelay: number): ApplicationFailure =>
  expected('NotAuthenticatedYet', { message: 'Cyclr does not report the authentication yet', nextRetryDelay });

/** The failure of the wait for the ends of cancelled flows, as long as one of these flows is open. */
export const flowsOpen = (): ApplicationFailure => expected('FlowsOpen', { message: 'A cancelled flow is still open' });

/**
 * Runs a call and turns its error into a Temporal failure. An error of an unexpected class is logged, and becomes the
 * failure `CyclrUnavailable`. The expected classes are ApplicationFailure, CyclrError and SealingError. Temporal may
 * retry the activity under two conditions: the call can succeed later, and the next attempt begins within a minute
 * after the beginning of the first attempt.
 */
export async function mapped<T>(call: (attempt: ActivityAttempt) => Promise<T>): Promise<T> {
  const attempt = new ActivityAttempt();
  try {
    return await call(attempt);
  } catch (err) {
    const failure = failureOf(err);
    if (failure.nonRetryable) throw failure;
    const nextAt = attempt.nextAt(failure.nextRetryDelay as number | undefined);
    if (nextAt === undefined) throw withoutRetry(failure);
    attempt.report(nextAt);
    throw failure;
  }
}

const withoutRetry = ({ message, type, details }: ApplicationFailure): ApplicationFailure =>
  ApplicationFailure.create({ message, type: type ?? undefined, nonRetryable: true, ...(details && { details }) });

function failureOf(err: unknown): ApplicationFailure {
  if (err instanceof ApplicationFailure) return err;
  if (err instanceof CyclrError) return cyclrFailure(err);
  if (err instanceof SealingError) return sealingFailure(err);
  return unexpectedFailure(err);
}

/**
 * The failure of an error that the code does not expect, such as a TypeError. The error's message can quote a secret.
 * So the failure contains only the name of the error's class, and the log contains this name and the stack trace.
 */
function unexpectedFailure(err: unknown): ApplicationFailure {
  const { name, message, stack = '' } = err instanceof Error ? err : { name: typeof err, message: '' };
  const afterMessage = stack.slice(stack.indexOf(message) + message.length);
  const at = afterMessage.split('\n').filter((line) => line.startsWith('    at '));
  log.error('Unexpected error in an activity', { name, at });
  return ApplicationFailure.create({
    message: `Unexpected ${name}`,
    type: 'CyclrUnavailable' satisfies ActivityFailureType,
  });
}

/** True for a failure that can be an operator's trouble. The details of such a failure contain the reason. */
const isTrouble = (type: ActivityFailureType): boolean => type === 'CyclrForbidden' || type === 'CyclrAccessDenied';

/** The failure of a call to Cyclr. `taken`: the names of the properties that Cyclr accepted before the error. */
export function cyclrFailure({ kind, message, retryAfterMs }: CyclrError, taken: string[] = []): ApplicationFailure {
  if (kind === 'refused') return cyclrRefused(problemOf('refused', [], message)); // a retry would get the same answer
  const { type, retry } = fates[kind];
  const detail: UnavailableDetail = {
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(taken.length > 0 && { taken }),
    ...(isTrouble(type) && { reason: kind }),
  };
  return ApplicationFailure.create({
    message,
    type,
    nonRetryable: !retry,
    ...(retryAfterMs !== undefined && { nextRetryDelay: retryAfterMs }),
    ...(Object.keys(detail).length > 0 && { details: [detail] }),
  });
}

function sealingFailure({ code, message }: SealingError): ApplicationFailure {
  if (code !== 'unknownKey') return inputRefused(problemOf(code));
  // The failure is retryable, because another worker can hold the key.
  return ApplicationFailure.create({ message, type: 'UnknownSealingKey' satisfies ActivityFailureType });
}
