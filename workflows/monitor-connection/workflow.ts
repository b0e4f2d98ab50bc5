/** The Temporal part of a monitor: the loop, the waits, the activities. `machine.ts` decides the next state. */
import {
  ApplicationFailure,
  CancellationScope,
  condition,
  log,
  makeContinueAsNewFunc,
  patched,
  setDefaultSignalHandler,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import * as calls from './calls';
import {
  failureIn,
  faultOfMonitorStart,
  isMonitorEvery,
  outcomeOf,
  type ConnectionView,
  type MonitorInput,
  type Outcome,
} from '../connection';
import { isObject } from '../connector';
import { IgnoredSignals } from '../ignored-signals';
import { EventSender, type CarriedEvents } from '../event-sender';
import { eventTypeOf, initialState, isFinal, transition, type EventBody, type State } from './machine';
import * as messages from '../messages';
import type { ActivityFailureType } from '../ports';
import { PublishedAttributes } from '../published-attributes';
import { countMonitorRead } from '../metrics';
import { Reads, type CarriedReads, type Report } from './reads';
import { connectionOf, publishStatus } from './status';

/** A run continues as new after this time, so that no history grows for years. */
const LONGEST_RUN_MS = 30 * 24 * 3_600_000;

/** The second argument with which Continue-As-New starts the next run, as plain JSON. */
export interface Carried extends CarriedReads {
  state: State;
  revision: number;
  ignored: number;
  /** Absent if no event has a target. */
  events?: CarriedEvents;
}

/**
 * Monitors the connection of a connector. Reads the connector at intervals, and after reports of failed calls. Sends an
 * event when the connection breaks, when it is restored, and when Cyclr no longer has the connector. Starts a
 * re-authentication after a break if the policy has `reauthenticate: automatic`. Returns the last view when Cyclr no
 * longer has the connector, or after the signal `stop`. Fails: `invalidInput`. `carried`: the state of the previous run
 * at Continue-As-New.
 */
export async function monitorConnection(input: MonitorInput, carried?: Carried): Promise<ConnectionView> {
  const { workflowId, continuedFromExecutionRunId } = workflowInfo();
  const fault = faultOfMonitorStart(input, workflowId);
  if (fault) throw ApplicationFailure.nonRetryable(fault, 'invalidInput');
  // Ignore `carried` in a run that a caller has started, so that no caller can choose the state in which a monitor
  // starts.
  return new MonitorRun(input, continuedFromExecutionRunId ? carried : undefined).execute();
}

class MonitorRun {
  readonly #input: MonitorInput;
  readonly #events: EventSender;
  #state: State;
  #revision: number;
  readonly #reads: Reads;
  #ignored: number;
  readonly #ignoredSignals = new IgnoredSignals();
  readonly #published = new PublishedAttributes();
  /** The code of the failure of the last read. Absent if the last read succeeded. */
  #readFailure?: string;
  #isStopped = false;
  /** The error of a cancellation by Temporal. */
  #cancelError?: unknown;

  constructor(input: MonitorInput, carried?: Carried) {
    this.#input = input;
    this.#events = new EventSender(undefined, carried && (carried.events ?? {}));
    this.#state = carried?.state ?? initialState(now());
    this.#revision = carried?.revision ?? 1;
    this.#reads = new Reads(input.every, carried);
    this.#ignored = carried?.ignored ?? 0;
    this.#registerHandlers();
    CancellationScope.current().cancelRequested.catch((error: unknown) => {
      this.#cancelError = error;
      this.#isStopped = true;
    });
    this.#publish();
  }

  /** No handler throws, because a plain error in a signal handler fails every workflow task from then on. */
  #registerHandlers(): void {
    setHandler(messages.connection, () => this.#view);
    setHandler(messages.connectorFinished, (body: unknown) => this.#finish(body));
    setHandler(messages.reportFailure, (body: unknown) => this.#takeReport(body));
    setHandler(messages.checkConnection, (body: unknown) => this.#check(body));
    setHandler(messages.stopMonitor, () => void (this.#isStopped = true));
    setDefaultSignalHandler((name) => this.#ignore(name.slice(0, 100)));
  }

  /** Runs the loop in a cancellation scope that Temporal's cancellation does not reach, so that no event is lost. */
  execute(): Promise<ConnectionView> {
    return CancellationScope.nonCancellable(() => this.#loop());
  }

  async #loop(): Promise<ConnectionView> {
    while (!isFinal(this.#state) && !this.#isStopped) {
      const event = await this.#nextEvent(this.#state);
      if (event) this.#apply(event);
    }
    await condition(() => this.#events.areSent);
    if (this.#cancelError) throw this.#cancelError as Error;
    return this.#view;
  }

  get #view(): ConnectionView {
    return connectionOf({
      input: this.#input,
      state: this.#state,
      checkedAt: this.#reads.checkedAt,
      revision: this.#revision,
    });
  }

  #publish(): void {
    publishStatus(this.#view, this.#published, this.#readFailure);
  }

  /**
   * Passes an event to the state machine, and keeps the new state. If the state changes, sends the event that reports
   * the change to the targets. Only this method changes the state.
   */
  #apply(event: EventBody): void {
    const before = this.#state;
    this.#state = transition(before, { ...event, at: now() });
    if (this.#state !== before) this.#revision++;
    this.#publish();
    const type = eventTypeOf(before, this.#state);
    // A read that finds no connector does not refresh the targets, so the activity `sendEvent` looks for a target.
    const isSent = type && (type === 'connection.gone' || this.#events.hasTarget(type));
    if (isSent) this.#events.send(type, this.#view);
  }

  /** The next event of an open monitor. `undefined` after a wait, and after a read that gave no result. */
  #nextEvent(state: State): Promise<EventBody | undefined> {
    if (state.name === 'broken' && state.isDue) return this.#reauthenticate();
    return this.#reads.isDue ? this.#read() : this.#wait();
  }

  get #key() {
    const { accountId, connectorId } = this.#input;
    return { accountId, connectorId };
  }

  async #reauthenticate(): Promise<EventBody> {
    const { workflowId: subscriber } = workflowInfo();
    return { type: 'flowStarted', ...(await calls.startReauthentication(this.#key, { subscriber })) };
  }

  async #read(): Promise<EventBody | undefined> {
    const report = this.#reads.begin();
    try {
      const { lastOutcome } = this.#state;
      const { every, events, ...read } = await calls.readConnection(this.#key, lastOutcome?.runId);
      this.#events.set(events);
      this.#reads.setEveryRead(every);
      if (this.#isOlderThanOutcome(read, lastOutcome)) return this.#readAgain(report);
      this.#reads.succeed();
      this.#readFailure = undefined;
      countMonitorRead('read');
      return { type: 'connectorRead', ...read, ...(report?.failedAt !== undefined && { failedAt: report.failedAt }) };
    } catch (error) {
      return this.#failRead(calls.codeOfFailure(error), report);
    }
  }

  /**
   * True if Cyclr reported the connector as not authenticated, but a flow authenticated the connector during the read.
   * In this case, the answer of Cyclr can be older than the authentication. `known`: the last outcome that the monitor
   * knew before the read.
   */
  #isOlderThanOutcome({ authenticated }: { authenticated: boolean }, known: Outcome | undefined): boolean {
    const { lastOutcome } = this.#state;
    return !authenticated && lastOutcome?.state === 'authenticated' && lastOutcome.runId !== known?.runId;
  }

  #readAgain(report: Report | undefined): undefined {
    this.#reads.keepReport(report);
    this.#reads.request();
  }

  /**
   * Handles a read that failed. An outage and an operator's trouble tell nothing about the connection, so the state of
   * the connection stays the same until the next read. If a report caused the failed read, the monitor keeps this
   * report, and the next read handles it.
   */
  #failRead(code: string, report: Report | undefined): EventBody | undefined {
    if (code === ('CyclrNotFound' satisfies ActivityFailureType)) return { type: 'connectorGone' };
    log.warn('A connection was not read', { code });
    countMonitorRead(this.#reads.isOverdue ? 'overdue' : 'failed');
    this.#reads.keepReport(report);
    this.#readFailure = code;
    this.#publish();
    return undefined;
  }

  /** Waits for the next read or a signal. Continues as new if the history is long or old. */
  async #wait(): Promise<undefined> {
    const state = this.#state;
    this.#reads.startTimer();
    const hasRequest = () => this.#isStopped || this.#reads.isDue || this.#state !== state;
    await condition(() => hasRequest() || this.#isHistoryFull);
    if (!hasRequest()) await this.#continueAsNew();
  }

  get #isHistoryFull(): boolean {
    const { continueAsNewSuggested, startTime } = workflowInfo();
    const isLong = continueAsNewSuggested || Date.now() - startTime.getTime() > LONGEST_RUN_MS;
    return isLong && !this.#reads.isReportWaiting && this.#events.areSent;
  }

  #continueAsNew(): Promise<never> {
    const next = makeContinueAsNewFunc<typeof monitorConnection>();
    const events = this.#events.carried;
    return next(this.#input, {
      state: this.#state,
      revision: this.#revision,
      ...this.#reads.carried,
      ignored: this.#ignored,
      ...(events && { events }),
    });
  }

  #finish(body: unknown): void {
    const outcome = outcomeOf(body, this.#input.connectorId, now());
    if (!outcome) return this.#ignore(messages.connectorFinished.name);
    const before = this.#state;
    this.#apply({ type: 'flowFinished', outcome });
    // The flow authenticated the connector before the monitor found the break. The read that found the break can come
    // from the time before this authentication, so the monitor reads again.
    const isOlder = outcome.state === 'authenticated' && this.#state !== before && this.#state.name === 'broken';
    // The report of this end arrived after the monitor had found the flow still open. The monitor gets no other report
    // of this end, so it reads whether a flow is open.
    const isLate = this.#state !== before && this.#state.name === 'reauthenticating' && patched('late-end');
    if (isOlder || isLate) this.#reads.request();
  }

  /**
   * Handles a report of a failed call. Ignores the report if the connection is broken, or was authenticated since the
   * failure.
   */
  #takeReport(body: unknown): void {
    const { name, since } = this.#state;
    const { at, onlyConnector } = failureIn(body, now());
    if (name !== 'starting' && (name !== 'connected' || at < since)) return;
    this.#reads.requestByReport(onlyConnector ? { failedAt: at } : {});
  }

  #check(body: unknown): void {
    const { every } = isObject(body) ? body : {};
    if (every !== undefined && !isMonitorEvery(every)) return this.#ignore(messages.checkConnection.name);
    // A caller has started the monitor again, before the stopped run has closed.
    if (this.#isStopped && !this.#cancelError && patched('start-after-stop')) this.#isStopped = false;
    this.#reads.check(every);
  }

  /** Counts an ignored signal. Logs only the first ignored signal of the monitor. */
  #ignore(event: string): void {
    this.#ignoredSignals.add({ event }, { code: 'malformed', isLogged: this.#ignored++ === 0 });
  }
}

const now = (): string => new Date().toISOString();
