/** Decides when a monitor reads its connector from Cyclr: when a timer fires, or when a signal requests a read. */
import { workflowInfo } from '@temporalio/workflow';
import { isReadRecent, monitorEveryMs } from '../connection';
import type { Duration } from '../connector';
import { Timer } from '../timer';
import { nextReadAt } from './schedule';

/** The shortest time between two reads that reports of failed calls have caused. */
const REPORT_PAUSE_MS = 60_000;
/** A connection is overdue if no read has succeeded for this number of intervals. */
const OVERDUE_AFTER = 1.5;

/**
 * One or more reports of failed calls, merged into one. `failedAt`: the time of the failed call. Present only if the
 * cycle of the failed call has no other connector.
 */
export interface Report {
  failedAt?: string;
}

/** The part of {@link Reads} that the next run receives at Continue-As-New, as plain JSON. */
export interface CarriedReads {
  /** The time of the last read that succeeded. */
  checkedAt?: string;
  /**
   * The time between two reads. `every` comes from the start input, or from the last signal `check` that gave a time.
   * `everyRead` comes from the last read of the connector.
   */
  every?: Duration;
  everyRead?: Duration;
  /** The reports that cause the next read. */
  report?: Report;
  /** When a report last caused a read, in milliseconds. */
  reportReadAt: number;
}

export class Reads {
  readonly #carried: CarriedReads;
  /**
   * True if the next read must begin at once, without a timer: after a request for a read, and at the start of the
   * first run of a monitor.
   */
  #isRequested: boolean;
  /**
   * The timer of a read that a report of a failed call has requested. The timer is set if an earlier report caused a
   * read less than a minute ago. The read waits for the rest of this minute.
   */
  #reportTimer?: Timer;
  #timer?: Timer;
  /** The interval for which `#timer` was started, in milliseconds. */
  #timerEveryMs = 0;

  /** `every`: the time between two reads, from the start input. The first run of a monitor reads at once. */
  constructor(every: Duration | undefined, carried?: CarriedReads) {
    const { checkedAt, everyRead, report, reportReadAt = 0 } = carried ?? {};
    this.#carried = { checkedAt, every: carried?.every ?? every, everyRead, report, reportReadAt };
    this.#isRequested = !carried;
  }

  get carried(): CarriedReads {
    return this.#carried;
  }

  get checkedAt(): string | undefined {
    return this.#carried.checkedAt;
  }

  /** True if the next read must begin now. */
  get isDue(): boolean {
    return this.#isRequested || this.#timer?.fired === true || this.#reportTimer?.fired === true;
  }

  /**
   * True while a report of a failed call waits for its read, because an earlier report caused a read less than a minute
   * ago.
   */
  get isReportWaiting(): boolean {
    return this.#reportTimer !== undefined;
  }

  get isOverdue(): boolean {
    const { checkedAt } = this.#carried;
    const lastReadAt = checkedAt === undefined ? workflowInfo().startTime.getTime() : Date.parse(checkedAt);
    return Date.now() - lastReadAt > OVERDUE_AFTER * this.#everyMs;
  }

  get #everyMs(): number {
    return monitorEveryMs(this.#carried.every ?? this.#carried.everyRead);
  }

  /** Starts the timer of the next read. If the interval has changed, a new timer replaces the running timer. */
  startTimer(): void {
    const everyMs = this.#everyMs;
    if (this.#timer && everyMs === this.#timerEveryMs) return;
    this.#timer?.cancel();
    this.#timerEveryMs = everyMs;
    this.#timer = new Timer(nextReadAt(workflowInfo().workflowId, everyMs, Date.now()), 'Next read of the connection');
  }

  /** Clears the requests for a read, because the read begins now. Returns the cleared report. */
  begin(): Report | undefined {
    const { report } = this.#carried;
    this.#isRequested = false;
    if (this.#timer?.fired) this.#timer = undefined;
    this.#reportTimer?.cancel();
    this.#reportTimer = undefined;
    this.#carried.report = undefined;
    if (report) this.#carried.reportReadAt = Date.now();
    return report;
  }

  /**
   * Keeps a report for the next read, because the present read gave no result. If a newer report has a `failedAt`, this
   * `failedAt` replaces the `failedAt` of the kept report.
   */
  keepReport(report: Report | undefined): void {
    if (report) this.#carried.report = { ...report, ...this.#carried.report };
  }

  /** Stores the present time as the time of the last read that succeeded. */
  succeed(): void {
    this.#carried.checkedAt = new Date().toISOString();
  }

  /** Sets the interval that the answer of the last read contains. */
  setEveryRead(every: Duration | undefined): void {
    this.#carried.everyRead = every;
  }

  /** Makes the next read due at once. */
  request(): void {
    this.#isRequested = true;
  }

  /**
   * Requests a read because of a report of a failed call. The read begins at once, or, if an earlier report caused a
   * read less than a minute ago, at the end of this minute.
   */
  requestByReport(report: Report): void {
    this.#carried.report = { ...this.#carried.report, ...report };
    const mayReadAt = this.#carried.reportReadAt + REPORT_PAUSE_MS;
    if (mayReadAt <= Date.now()) this.request();
    else this.#reportTimer ??= new Timer(mayReadAt, 'Next read because of a report');
  }

  /**
   * Sets the interval, if `every` is given. Requests a read, unless the last read is recent and the interval does not
   * change.
   */
  check(every: Duration | undefined): void {
    const isNew = every !== undefined && every !== this.#carried.every;
    if (isNew) this.#carried.every = every;
    if (isNew || !isReadRecent(this.checkedAt, Date.now())) this.request();
  }
}
