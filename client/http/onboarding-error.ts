/** The errors of the client of the service. */
import type { AnswerCode } from './codes';
import type { View } from './shapes';

/**
 * - a code of the service (see the table in docs/service.md);
 * - `unreachable`: neither the call nor its repetitions got an answer;
 * - `timedOut`: the time limit of the call has passed;
 * - `unexpectedAnswer`: the answer does not come from the service, but for example from a proxy.
 */
export type OnboardingErrorCode = AnswerCode | 'unreachable' | 'timedOut' | 'unexpectedAnswer';

/** A part of the request that is wrong. */
export interface FieldFault {
  name: string;
  code: AnswerCode;
}

/** The members that an {@link OnboardingError} gets from the service's answer, in addition to its code. */
interface Details {
  status?: number;
  requestId?: string;
  retryAfterS?: number;
  view?: View;
  fields?: FieldFault[];
}

/**
 * The error of each {@link OnboardingService} method. From the request, the error contains only the HTTP method and the
 * path with its ids.
 */
export class OnboardingError extends Error {
  override readonly name = 'OnboardingError';
  /** The HTTP status. Absent if the call got no answer. */
  readonly status?: number;
  /** The id of the request, which is also in the log of the service. */
  readonly requestId?: string;
  /** The seconds to wait before another try. */
  readonly retryAfterS?: number;
  /** The current view, if the code is `notNow`, `closed` or `alreadyRunning`. */
  readonly view?: View;
  /** The parts of the request that are wrong. */
  readonly fields?: FieldFault[];

  constructor(
    readonly code: OnboardingErrorCode,
    message: string,
    details: Details = {},
  ) {
    super(`${message}: ${code}`);
    Object.assign(this, details);
  }
}

/**
 * Makes the error for an answer whose status is not 2xx, or whose body is not JSON. Reads the body only if the answer
 * is a problem document.
 */
export function errorOf(call: string, { status, headers }: Response, body: unknown): OnboardingError {
  const { code, view, fields } = (isProblem(headers) ? Object(body) : {}) as Details & { code?: AnswerCode };
  const seconds = headers.get('retry-after') ?? '';
  return new OnboardingError(code ?? 'unexpectedAnswer', `${call} was answered ${status}`, {
    status,
    requestId: headers.get('x-request-id') ?? undefined,
    retryAfterS: /^\d{1,6}$/.test(seconds) ? Number(seconds) : undefined,
    view,
    fields,
  });
}

const isProblem = (headers: Headers): boolean =>
  (headers.get('content-type') ?? '').startsWith('application/problem+json');
