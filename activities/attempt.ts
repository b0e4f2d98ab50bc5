import { Context } from '@temporalio/activity';
import { activityBudgetMs, activityRetry } from '../workflows/ports';

/** The facts that travel from one activity attempt to the next: heartbeat details, which Temporal keeps with a failure. */
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
    // A later attempt lacks the facts only if the worker of the first attempt died.
    this.#beganAt = beganAt ?? (attempt === 1 ? this.#now() : scheduledTimestampMs);
  }

  /** Reports the facts to the next attempt. The last report counts. */
  report(): void {
    this.#context.heartbeat({ beganAt: this.#beganAt, taken: [...this.taken] } satisfies Facts);
  }

  /**
   * True if the activity may be tried again after this failure: until a minute after its first attempt began. A timeout
   * of Temporal would count the time without a worker, too.
   */
  mayRetry(nextRetryDelayMs: number | undefined): boolean {
    const { initialInterval, backoffCoefficient, maximumInterval } = activityRetry;
    const pauseMs = Math.min(initialInterval * backoffCoefficient ** (this.#context.info.attempt - 1), maximumInterval);
    return this.#now() + (nextRetryDelayMs ?? pauseMs) < this.#beganAt + activityBudgetMs;
  }

  /** The clock of a time-skipping server is ahead of ours. */
  #now(): number {
    return Math.max(Date.now(), this.#context.info.currentAttemptScheduledTimestampMs);
  }
}
