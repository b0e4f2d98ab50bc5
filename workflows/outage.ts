/** Outages of Cyclr: the pauses between the calls, and the report of an operator's trouble. */
import { log, type ApplicationFailure } from '@temporalio/workflow';
import { countOperatorsTrouble } from './metrics';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const LONGEST_MS = 24 * 60 * MINUTE_MS;
const FIRST_PAUSE_MS = 30 * SECOND_MS;
const LONGEST_PAUSE_MS = 15 * MINUTE_MS;
const OPERATORS_PAUSE_MS = 5 * MINUTE_MS;

/**
 * Computes the pauses between the calls in one outage. The pauses grow from 30 s to 15 minutes. In an operator's
 * trouble, each pause is 5 minutes. After 24 hours, the outage has no further pause.
 */
export class Outage {
  readonly #since: number;
  #pauses = 0;

  constructor(since: number) {
    this.#since = since;
  }

  /**
   * The next pause in milliseconds, or `undefined` if 24 hours have passed since the beginning of the outage. No pause
   * is longer than the rest of these 24 hours. Except in an operator's trouble, a pause is not shorter than Cyclr's
   * `Retry-After`, as far as these 24 hours allow.
   */
  nextPauseMs(now: number, event: { retryAfterMs?: number; operatorsTrouble?: string }): number | undefined {
    const remaining = this.#since + LONGEST_MS - now;
    if (remaining <= 0) return undefined;
    const growing = Math.min(FIRST_PAUSE_MS * 2 ** this.#pauses++, LONGEST_PAUSE_MS);
    const pause = event.operatorsTrouble ? OPERATORS_PAUSE_MS : Math.max(growing, event.retryAfterMs ?? 0);
    return Math.min(pause, remaining);
  }
}

/** Logs an operator's trouble as an error, and counts it. `reason`: see {@link reasonIn}. */
export function reportOperatorsTrouble({ reason }: { reason?: unknown }): void {
  countOperatorsTrouble(reason);
  log.error('Only an operator can make this call to Cyclr succeed: see the last failed activity');
}

/** Reads the reason of an operator's trouble from the failure of an activity, for the metrics. */
export function reasonIn({ details }: ApplicationFailure): { reason?: string } {
  const { reason } = Object(details?.[0] ?? undefined) as { [name: string]: unknown };
  return typeof reason === 'string' ? { reason } : {};
}

/** Reads the `Retry-After` of Cyclr's answer from the failure of an activity. */
export function retryAfterIn({ details }: ApplicationFailure): { retryAfterMs?: number } {
  const { retryAfterMs } = Object(details?.[0] ?? undefined) as { [name: string]: unknown };
  return typeof retryAfterMs === 'number' ? { retryAfterMs } : {};
}
