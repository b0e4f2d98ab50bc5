const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const LONGEST_MS = 24 * 60 * MINUTE_MS;
const FIRST_PAUSE_MS = 30 * SECOND_MS;
const LONGEST_PAUSE_MS = 15 * MINUTE_MS;
const OPERATORS_PAUSE_MS = 5 * MINUTE_MS;

/** Cyclr is away, or refuses us: how long to leave it alone each time, for a day at most. */
export class Outage {
  #pauses = 0;

  constructor(private readonly since: number) {}

  /** The next pause in milliseconds, never shorter than Cyclr asked for; nothing when the day is over. */
  nextPauseMs(now: number, trouble: { retryAfterMs?: number; operatorsTrouble?: boolean }): number | undefined {
    const remaining = this.since + LONGEST_MS - now;
    if (remaining <= 0) return undefined;
    const growing = Math.min(FIRST_PAUSE_MS * 2 ** this.#pauses++, LONGEST_PAUSE_MS);
    const pause = trouble.operatorsTrouble ? OPERATORS_PAUSE_MS : Math.max(growing, trouble.retryAfterMs ?? 0);
    return Math.min(pause, remaining);
  }
}
