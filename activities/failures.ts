/** What each Cyclr error means to Temporal: one table. */
import { ApplicationFailure, log } from '@temporalio/activity';
import { SealingError, type SealingErrorCode } from '../sealing/seal';
import type { ActivityFailureType, UnavailableDetail } from '../workflows/ports';
import type { Problem } from '../workflows/messages';
import { problemOf } from '../workflows/problems';
import { CyclrError, type CyclrErrorKind } from './cyclr/errors';

interface Fate {
  type: ActivityFailureType;
  retry: boolean;
}

const fates: Record<CyclrErrorKind, Fate> = {
  invalidKey: { type: 'InvalidInput', retry: false },
  unreachable: { type: 'CyclrUnavailable', retry: true },
  unreadable: { type: 'CyclrUnavailable', retry: true }, // because: a proxy's page goes away as an outage does
  throttled: { type: 'CyclrThrottled', retry: true }, // Retry-After travels as nextRetryDelay
  outdated: { type: 'CyclrUnavailable', retry: true }, // because: the next attempt lists the properties again
  unauthorized: { type: 'CyclrUnauthorized', retry: true }, // with a new token
  accessDenied: { type: 'CyclrAccessDenied', retry: false }, // because: a new token got the same answer
  forbidden: { type: 'CyclrForbidden', retry: false }, // because: only an operator changes it; the workflow waits
  clientRefused: { type: 'CyclrForbidden', retry: false },
  notFound: { type: 'CyclrNotFound', retry: false },
  refused: { type: 'CyclrRefused', retry: false }, // because: the same words get the same answer
};

const sealingFates: Record<SealingErrorCode, Fate> = {
  unknownKey: { type: 'UnknownSealingKey', retry: true }, // because: another worker may hold the key
  notOpenable: { type: 'InputRefused', retry: false },
  malformed: { type: 'InputRefused', retry: false },
};

/** What an input is refused with before it reaches Cyclr. */
export const inputRefused = (problem: Problem): ApplicationFailure =>
  ApplicationFailure.nonRetryable(problem.message, 'InputRefused' satisfies ActivityFailureType, problem);

/** Cyclr did not take it; `more` is what is known since. */
export const cyclrRefused = (problem: Problem, ...more: unknown[]): ApplicationFailure =>
  ApplicationFailure.nonRetryable(problem.message, 'CyclrRefused' satisfies ActivityFailureType, problem, ...more);

/** Runs a call, and gives each error of ours its fate. Any other error is a bug, and says only what kind it is. */
export async function mapped<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (err) {
    throw failureOf(err);
  }
}

function failureOf(err: unknown): ApplicationFailure {
  if (err instanceof ApplicationFailure) return err;
  if (err instanceof CyclrError) return cyclrFailure(err);
  if (err instanceof SealingError) return sealingFailure(err);
  return unforeseen(err);
}

/** A bug. Its message can quote anything, so only its name travels, and the places in the code go to the log. */
function unforeseen(err: unknown): ApplicationFailure {
  const { name, message, stack = '' } = err instanceof Error ? err : { name: typeof err, message: '' };
  const afterMessage = stack.slice(stack.indexOf(message) + message.length);
  const at = afterMessage.split('\n').filter((line) => /^ {4}at /.test(line));
  log.error('An error that nobody foresaw', { name, at });
  return ApplicationFailure.create({
    message: `Unforeseen ${name}`,
    type: 'CyclrUnavailable' satisfies ActivityFailureType,
  });
}

/** `taken` are the properties that Cyclr took before. */
export function cyclrFailure({ kind, message, retryAfterMs }: CyclrError, taken: string[] = []): ApplicationFailure {
  const { type, retry } = fates[kind];
  if (kind === 'refused') return cyclrRefused(problemOf('refused', [], message));
  const detail: UnavailableDetail = {
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(taken.length > 0 && { taken }),
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
  const { type, retry } = sealingFates[code];
  if (type === 'InputRefused') return inputRefused(problemOf(code === 'malformed' ? 'malformed' : 'notOpenable'));
  return ApplicationFailure.create({ message, type, nonRetryable: !retry });
}
