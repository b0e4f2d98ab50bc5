import { activityInfo, Context } from '@temporalio/activity';
import { activityBudgetMs, activityRetry } from '../workflows/ports';

/**
 * The facts that one activity attempt passes to the next attempt. The facts are sent as heartbeat details, because
 * Temporal keeps heartbeat details when an attempt fails.
 */
interface Facts {
  /** The time when the first attempt began, in milliseconds. */
  beganAt: number;
  /** The names of the properties that Cyclr has accepted. */
  taken: string[];
  /** The planned start of the next attempt, in milliseconds. */
  nextAt?: number;
}

/**
 * The time when an activity attempt must end: some time before its start-to-close timeout. So an attempt sends no
 * further call to Cyclr after Temporal has started the next attempt.
 */
export const attemptEndMs = (): number => performance.now() + activityInfo().startToCloseTimeoutMs * 0.75;

/** One activity attempt, with the facts of the attempts before it. */
export class ActivityAttempt {
  /** The names of the properties that Cyclr has accepted, in this attempt or an earlier attempt. */
  readonly taken: Set<string>;
  readonly #context = Context.current();
  readonly #beganAt: number;
  /** The planned start of this attempt, in milliseconds. 0 if no earlier attempt reported a planned start. */
  readonly #dueAt: number;

  constructor() {
    const { attempt, heartbeatDetails, scheduledTimestampMs } = this.#context.info;
    const { beganAt, taken, nextAt = 0 } = (heartbeatDetails ?? {}) as Partial<Facts>;
    this.taken = new Set(taken);
    this.#dueAt = nextAt;
    // If the worker of the first attempt died before it sent the facts, the next attempt gets no facts. For an attempt
    // without facts, the minute of `activityBudgetMs` counts from the time when the activity was scheduled.
    this.#beganAt = beganAt ?? (attempt === 1 ? this.#now() : scheduledTimestampMs);
  }

  /** Sends the facts as a heartbeat, for the next attempt. The next attempt gets only the last heartbeat. */
  report(nextAt?: number): void {
    const facts: Facts = { beganAt: this.#beganAt, taken: [...this.taken], ...(nextAt && { nextAt }) };
    this.#context.heartbeat(facts);
  }

  /**
   * The time when the next attempt would begin if this attempt failed now. Undefined if this time is a minute or more
   * after the beginning of the first attempt: in this case, Temporal must not retry the activity. The option
   * `scheduleToCloseTimeout` can't replace this limit, because its time also passes while no worker runs.
   */
  nextAt(nextRetryDelayMs: number | undefined): number | undefined {
    const { initialInterval, backoffCoefficient, maximumInterval } = activityRetry;
    const pauseMs = Math.min(initialInterval * backoffCoefficient ** (this.#context.info.attempt - 1), maximumInterval);
    const nextAt = this.#now() + (nextRetryDelayMs ?? pauseMs);
    return nextAt < this.#beganAt + activityBudgetMs ? nextAt : undefined;
  }

  /**
   * The milliseconds until the next time in `timesMs`. Undefined after the last time. Each time in `timesMs` counts
   * from the beginning of the first attempt. Skips a time that is at most 100 ms in the future: Temporal sometimes
   * begins an attempt some milliseconds before its planned time, and the next attempt must not be planned for this same
   * time again.
   */
  untilNext(timesMs: readonly number[]): number | undefined {
    const elapsedMs = this.#now() - this.#beganAt;
    const next = timesMs.find((time) => time > elapsedMs + 100);
    return next === undefined ? undefined : next - elapsedMs;
  }

  /**
   * The present time in milliseconds. The clock of a time-skipping test server can be ahead of this machine's clock, so
   * the result is the latest of three times: the time of this machine; the time at which the server scheduled the
   * attempt; and `#dueAt`. `#dueAt` is needed in a retry, because the server then gives the time before the pause
   * between the attempts.
   */
  #now(): number {
    return Math.max(Date.now(), this.#context.info.currentAttemptScheduledTimestampMs, this.#dueAt);
  }
}
