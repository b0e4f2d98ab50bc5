/** The errors of calls to Cyclr. `activities/failures.ts` turns each of these errors into a Temporal failure. */
export type CyclrErrorKind =
  /** An account id or connector id that is not valid. No request was sent. */
  | 'invalidKey'
  /** No complete answer in time, or the status 408 or 5xx. */
  | 'unreachable'
  /** The answer does not have the expected shape: HTML, empty, a redirect, or other JSON. */
  | 'unreadable'
  /**
   * The answer to a write has a success status, but no readable body. A re-read tells whether Cyclr accepted the input.
   */
  | 'unconfirmed'
  /** The required properties of the connector need more than 256 KiB, the limit of a connector in a flow. */
  | 'tooLarge'
  /** 429: too many requests. */
  | 'throttled'
  /** 401. The token may have expired, so a call with a new token may succeed. */
  | 'unauthorized'
  /** 401 for a token that was requested after an earlier 401 for this account. Another new token would not help. */
  | 'accessDenied'
  /** 403: a missing permission, or a restriction by IP address. */
  | 'forbidden'
  /** The token endpoint refused the partner's client id and secret. */
  | 'clientRefused'
  /** 404, for example for the account connector or the cycle. */
  | 'notFound'
  /** 404 for a property that Cyclr listed before. */
  | 'outdated'
  /** Cyclr did not accept the input. */
  | 'refused';

/**
 * The error of a failed call. The message has method, path and status. The error never contains a body, a header or a
 * cause.
 */
export class CyclrError extends Error {
  override readonly name = 'CyclrError';
  constructor(
    readonly kind: CyclrErrorKind,
    message: string,
    /** Cyclr's `Retry-After`, in milliseconds. */
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }
}

export const isOfKind = (err: unknown, kind: CyclrErrorKind): err is CyclrError =>
  err instanceof CyclrError && err.kind === kind;

/**
 * The kind of the error for an answer with this status. Undefined for a success status. A GET is never `refused`,
 * because it has no input.
 */
export function kindOfStatus(status: number, method: string): CyclrErrorKind | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status === 403) return 'forbidden';
  if (status === 404) return 'notFound';
  if (status === 429) return 'throttled';
  if (status === 408 || status >= 500) return 'unreachable';
  return status >= 400 && method !== 'GET' ? 'refused' : 'unreadable';
}

const LONGEST_RETRY_AFTER_MS = 24 * 3_600_000;

/** `Retry-After` (RFC 9110 10.2.3; seconds or a date) in milliseconds: above 0, at most a day. */
export function retryAfterMsOf(header: unknown, nowMs = Date.now()): number | undefined {
  if (typeof header !== 'string') return undefined;
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  // The result is undefined and not 0, because Temporal would use 0 in place of its own pause.
  return ms > 0 ? Math.min(ms, LONGEST_RETRY_AFTER_MS) : undefined;
}
