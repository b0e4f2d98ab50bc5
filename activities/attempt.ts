import { Context } from '@temporalio/activity';
import { activityBudgetMs, activityRetry } from '../workflows/ports';

/**
 * The facts that one activity attempt passes to the next. They are heartbeat details, because Temporal keeps these when
 * an attempt fails.
 */
interface Facts {
  /** When the first attempt began, in milliseconds. */
  beganAt: number;
  /** The properties that Cyclr accepted. */
  taken: string[];
}

/** One attempt of an activity, with the facts of the attempts before it. */
export class ActivityAttempt {
  /** The properties that Cyclr accepted, in this attempt or an earlier attempt. */
  readonly taken: Set<string>;
  readonly #context = Context.current();
  readonly #beganAt: number;

  constructor() {
    const { attempt, heartbeatDetails, scheduledTimestampMs } = this.#context.info;
    const { beganAt, taken } = (heartbeatDetails ?? {}) as Partial<Facts>;
    this.taken = new Set(taken);
    // A later attempt has no facts only if the worker of the first attempt died. Then the minute counts from the time
    // when the activity was scheduled.
    this.#beganAt = beganAt ?? (attempt === 1 ? this.#now() : scheduledTimestampMs);
  }

  /** Sends the facts as a heartbeat, for the next attempt. The next attempt gets only the last heartbeat. */
  report(): void {
    this.#context.heartbeat({ beganAt: this.#beganAt, taken: [...this.taken] } satisfies Facts);
  }

  /**
   * True if the next attempt would begin within a minute after the first attempt began. A timeout of Temporal is no
   * alternative, because it would also count the time without a worker.
   */
  mayRetry(nextRetryDelayMs: number | undefined): boolean {
    const { initialInterval, backoffCoefficient, maximumInterval } = activityRetry;
    const pauseMs = Math.min(initialInterval * backoffCoefficient ** (this.#context.info.attempt - 1), maximumInterval);
    return this.#now() + (nextRetryDelayMs ?? pauseMs) < this.#beganAt + activityBudgetMs;
  }

  /**
   * The present time in milliseconds. The clock of a time-skipping test server can be ahead of this machine's clock.
   */
  #now(): number {
    return Math.max(Date.now(), this.#context.info.currentAttemptScheduledTimestampMs);
  }
}
