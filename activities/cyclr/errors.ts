/** What can go wrong between us and Cyclr. The next border gives each kind its fate: `activities/failures.ts`. */
export type CyclrErrorKind =
  /** An account or connector id that must not be sent. No request was made. */
  | 'invalidKey'
  /** No whole answer in time, or a 5xx. */
  | 'unreachable'
  /** An answer that can't be read: HTML, empty, a redirect, or not the shape that was asked for. */
  | 'unreadable'
  /** 429. */
  | 'throttled'
  /** 401, the first in a row for this account: the token may just be old. */
  | 'unauthorized'
  /** 401 again, with a token asked for after the first one. */
  | 'accessDenied'
  /** 403: a permission, or a restriction by IP. */
  | 'forbidden'
  /** The token endpoint refused our client id and secret. */
  | 'clientRefused'
  /** 404 for the account connector. */
  | 'notFound'
  /** 404 for a property that was listed just before. */
  | 'outdated'
  /** Cyclr did not take what was given. */
  | 'refused';

/** Says what was tried and what came back: method, path, status. Never a body, a header or a cause. */
export class CyclrError extends Error {
  override readonly name = 'CyclrError';
  constructor(
    readonly kind: CyclrErrorKind,
    message: string,
    /** How long Cyclr asked to be left alone, in milliseconds. */
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }
}

const LONGEST_RETRY_AFTER_MS = 24 * 3_600_000;

/** `Retry-After` (RFC 9110 10.2.3), given as seconds or as a date, in milliseconds: above 0 and at most a day. */
export function retryAfterMsOf(header: unknown, nowMs = Date.now()): number | undefined {
  if (typeof header !== 'string') return undefined;
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return ms > 0 ? Math.min(ms, LONGEST_RETRY_AFTER_MS) : undefined; // "at once" must not undo Temporal's own backoff
}
