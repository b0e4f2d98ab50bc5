import type { AnswerCode } from './codes';
import type { View } from './shapes';

/**
 * - a code of the service: what its answer has, of the table in docs/service.md;
 * - `unreachable`: no answer came, however often it was tried;
 * - `timedOut`: the time of the call was up;
 * - `unexpectedAnswer`: an answer that is none of the service's, as of a proxy before it.
 */
export type OnboardingErrorCode = AnswerCode | 'unreachable' | 'timedOut' | 'unexpectedAnswer';

/** What the service said beside the code. What it did not say is not there. */
interface Circumstances {
  status?: number;
  requestId?: string;
  retryAfterS?: number;
  view?: View;
  fields?: { name: string; code: string }[];
}

/** What a call could not do. It holds nothing that was sent, but the account and the connector that it is about. */
export class OnboardingError extends Error {
  override readonly name = 'OnboardingError';
  readonly status?: number;
  /** Stands in the service's log, too. */
  readonly requestId?: string;
  /** When to try again, in seconds. */
  readonly retryAfterS?: number;
  /** Where the flow stands, with `notNow`, `closed` and `alreadyRunning`. */
  readonly view?: View;
  /** Which fields of what was sent are wrong, and how. */
  readonly fields?: { name: string; code: string }[];

  constructor(
    readonly code: OnboardingErrorCode,
    message: string,
    circumstances: Circumstances = {},
  ) {
    super(`${message}: ${code}`);
    Object.assign(this, circumstances);
  }
}

/** Of an answer that is no success. Nothing of what is not a problem document of the service goes in. */
export function errorOf(what: string, { status, headers }: Response, body: unknown): OnboardingError {
  const { code, view, fields } = (isProblem(headers) ? Object(body) : {}) as Circumstances & { code?: AnswerCode };
  const seconds = headers.get('retry-after') ?? '';
  return new OnboardingError(code ?? 'unexpectedAnswer', `${what} was answered ${status}`, {
    status,
    requestId: headers.get('x-request-id') ?? undefined,
    retryAfterS: /^\d{1,6}$/.test(seconds) ? Number(seconds) : undefined,
    view,
    fields,
  });
}

const isProblem = (headers: Headers): boolean =>
  (headers.get('content-type') ?? '').startsWith('application/problem+json');
