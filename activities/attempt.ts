import { Context } from '@temporalio/activity';
import { activityBudgetMs, activityRetry } from '../workflows/ports';

/**
 * The facts that one activity attempt passes to the next. The facts are sent as heartbeat details, because Temporal
 * keeps heartbeat details when an attempt fails.
 */
interface Facts {
  /** When the first attempt began, in milliseconds. */
  beganAt: number;
  /** The properties that Cyclr accepted. */
  taken: string[];
  /** When the next attempt begins, in milliseconds. */
  nextAt?: number;
}

/** One attempt of an activity, with the facts of the attempts before it. */
export class ActivityAttempt {
  /** The properties that Cyclr accepted, in this attempt or an earlier attempt. */
  readonly taken: Set<string>;
  readonly #context = Context.current();
  readonly #beganAt: number;
  /** The planned start of this attempt, in milliseconds; 0 for the first attempt. */
  readonly #dueAt: number;

  constructor() {
    const { attempt, heartbeatDetails, scheduledTimestampMs } = this.#context.info;
    const { beganAt, taken, nextAt = 0 } = (heartbeatDetails ?? {}) as Partial<Facts>;
    this.taken = new Set(taken);
    this.#dueAt = nextAt;
    // If the worker of the first attempt died, a later attempt can have no facts. Then the minute of `activityBudgetMs`
    // counts from the time when the activity was scheduled.
    this.#beganAt = beganAt ?? (attempt === 1 ? this.#now() : scheduledTimestampMs);
  }

  /** Sends the facts as a heartbeat, for the next attempt. The next attempt gets only the last heartbeat. */
  report(nextAt?: number): void {
    const facts: Facts = { beganAt: this.#beganAt, taken: [...this.taken], ...(nextAt && { nextAt }) };
    this.#context.heartbeat(facts);
  }

  /**
   * The time when the next attempt would begin if this attempt failed. Undefined if this time is more than a minute after
   * the first attempt began: then the activity is not retried. A timeout of Temporal is no alternative, because it would
   * also count the time without a worker.
   */
  nextAt(nextRetryDelayMs: number | undefined): number | undefined {
    const { initialInterval, backoffCoefficient, maximumInterval } = activityRetry;
    const pauseMs = Math.min(initialInterval * backoffCoefficient ** (this.#context.info.attempt - 1), maximumInterval);
    const nextAt = this.#now() + (nextRetryDelayMs ?? pauseMs);
    return nextAt < this.#beganAt + activityBudgetMs ? nextAt : undefined;
  }

  /**
   * The milliseconds until the next time in `timesMs`; undefined after the last time. These times count from the
   * beginning of the first attempt. A time that is less than 100 ms away is skipped, because Temporal can begin an
   * attempt some milliseconds early.
   */
  untilNext(timesMs: readonly number[]): number | undefined {
    const elapsedMs = this.#now() - this.#beganAt;
    const next = timesMs.find((time) => time > elapsedMs + 100);
    return next === undefined ? undefined : next - elapsedMs;
  }

  /**
   * The present time in milliseconds. The clock of a time-skipping test server can be ahead of this machine's clock.
   * For a retry, the test server reports the time before the pause, so `#dueAt` keeps the planned time after the pause.
   */
  #now(): number {
    return Math.max(Date.now(), this.#context.info.currentAttemptScheduledTimestampMs, this.#dueAt);
  }
}
