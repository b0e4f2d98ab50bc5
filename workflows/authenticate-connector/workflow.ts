/** The Temporal part of a flow: the loop, the waits, the activities. `machine.ts` decides the next state. */
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  allHandlersFinished,
  condition,
  makeContinueAsNewFunc,
  patched,
  workflowInfo,
} from '@temporalio/workflow';
import * as calls from './calls';
import { isObject, missingFields, type Connector, type ConnectorKey } from '../connector';
import { FlowEvents } from './flow-events';
import { FlowState, type Carried } from './flow-state';
import { registerHandlers } from './handlers';
import { faultOfStart, isBy, type Input } from '../input';
import { eventOf, Inbox, type Message } from './inputs';
import { Links } from './links';
import { isFinal, isWaiting, type Event, type State, type WaitingState } from './machine';
import { Outage, reportOperatorsTrouble } from '../outage';
import { eventOfFailure } from './outages';
import { Subscribers } from './subscribers';
import { Timer } from '../timer';
import { resultOf } from './status';
import type { ConnectorRead, ReadConnector } from '../ports';
import type { FinalStateName, FlowResult, WaitingStateName } from '../view';

type Unavailable = Extract<Event, { type: 'cyclrUnavailable' }>;

const deadlineSummaries: Record<WaitingStateName, string> = {
  awaitingProperties: 'Deadline of the wait for properties, and earliest of later waits',
  awaitingCredentials: 'Deadline of the wait for credentials, and earliest of later waits',
  awaitingAuthorization: 'Deadline of the wait for consent, and earliest of later waits',
};

/**
 * Takes one account connector through authentication. Returns the final view with the timeline. In the state `failed`,
 * the workflow fails with an ApplicationFailure: the type is the failure's code, and the first detail is the final view
 * with the timeline. `carried`: the state of the previous run at Continue-As-New.
 */
export function authenticateConnector(input: Input, carried?: Carried): Promise<FlowResult> {
  // Ignore `carried` in a run that a caller has started, so that no caller can choose the state in which a flow starts.
  return new FlowRun(input, workflowInfo().continuedFromExecutionRunId ? carried : undefined).execute();
}

class FlowRun {
  readonly #input: Input;
  readonly #key: ConnectorKey;
  readonly #inbox = new Inbox();
  readonly #flow: FlowState;
  readonly #links: Links;
  readonly #subscribers: Subscribers;
  readonly #events: FlowEvents;
  /** True if the flow reports its end to the monitor of its connector. */
  #isMonitored: boolean;
  /** The timer of the deadline: see `#deadlineOf`. */
  #deadline?: Timer;
  /** The cancellation scope of all activities that `#call` runs. */
  #work?: CancellationScope;
  #outage?: Outage;
  /** The event of a cancellation, by the signal `cancel` or by Temporal. */
  #cancelEvent?: Event;
  /** The error of a cancellation by Temporal. Undefined after the signal `cancel`. */
  #cancelError?: unknown;

  constructor(input: Input, carried?: Carried) {
    this.#input = input;
    this.#key = { accountId: input?.accountId, connectorId: input?.connectorId };
    this.#flow = new FlowState(input, carried);
    this.#links = new Links(this.#key, () => this.#needsProof, carried?.links);
    this.#events = new FlowEvents(input, carried && (carried.events ?? {}));
    this.#subscribers = new Subscribers(carried?.subscribers);
    this.#isMonitored = carried?.isMonitored ?? false;
    registerHandlers({
      flow: this.#flow,
      inbox: this.#inbox,
      links: this.#links,
      subscribers: this.#subscribers,
      cancel: (request) => this.#cancel(request),
    });
    // Temporal's cancellation becomes an event, so that the flow enters a final state and publishes this state.
    CancellationScope.current().cancelRequested.catch((error: unknown) => {
      this.#cancelError = error;
      this.#cancel({});
    });
  }

  /** Runs the loop in a cancellation scope that Temporal's cancellation does not reach. */
  execute(): Promise<FlowResult> {
    let end!: Promise<FlowResult>;
    // This cancellation scope does not await the loop, because each pending promise costs about a kilobyte: see
    // timer.ts.
    void CancellationScope.nonCancellable(async () => void (end = this.#loop()));
    return end;
  }

  async #loop(): Promise<FlowResult> {
    const fault = faultOfStart(this.#input, workflowInfo().workflowId);
    if (fault) this.#apply({ type: 'failed', failure: { code: 'invalidInput', message: fault } });
    while (!isFinal(this.#state)) {
      const event = this.#cancelEvent ?? (await this.#nextEvent(this.#state));
      this.#apply(event);
      if (event?.type === 'rechecked' || event?.type === 'refused') this.#outage = undefined;
      if (event?.type === 'refused' && event.connector?.refusedByCheck) this.#links.dropFingerprints();
      if (event?.type === 'cyclrUnavailable') await this.#pauseInOutage(event);
      if (isWaiting(this.#state) || isFinal(this.#state)) this.#inbox.answerAll(this.#flow.view);
    }
    this.#readLateMessages();
    if (!allHandlersFinished()) await condition(allHandlersFinished);
    await this.#reportEnd();
    this.#readLateMessages();
    return this.#result();
  }

  /**
   * Reports the end of the flow to the monitor and the subscribers. Waits until Temporal has started the delivery of
   * each event.
   */
  async #reportEnd(): Promise<void> {
    if (this.#isMonitored) await this.#tellMonitor();
    const isReported = () => this.#events.areSent && !this.#subscribers.hasUntold;
    while (!isReported())
      await (this.#subscribers.hasUntold
        ? this.#tellSubscribers()
        : condition(() => this.#events.areSent || this.#subscribers.hasUntold));
  }

  get #state(): State {
    return this.#flow.state;
  }

  /**
   * True if `Authenticated: true` does not prove a consent, because Cyclr can report the connector as authenticated
   * since an earlier consent.
   */
  get #needsProof(): boolean {
    const state = this.#state;
    const wasRefused = 'connector' in state && state.connector?.refusedByCheck === true;
    return this.#input?.intent === 'reauthenticate' || wasRefused;
  }

  #result(): FlowResult {
    const { state, view, timeline } = this.#flow;
    const result = resultOf(view, timeline);
    if (state.name === 'failed')
      throw ApplicationFailure.nonRetryable(state.failure.message, state.failure.code, result);
    if (state.name === 'cancelled' && this.#cancelError) throw this.#cancelError as Error;
    return result;
  }

  /** Awaits the signals to the subscribers, because Temporal drops the unsent signals of a closed workflow. */
  #tellSubscribers(): Promise<void> {
    const { connectorId } = this.#key;
    const state = this.#state.name as FinalStateName;
    return this.#subscribers.tell({ connectorId, state, runId: workflowInfo().runId });
  }

  #tellMonitor(): Promise<void> {
    const { entries } = this.#flow.timeline;
    const by = entries.findLast((entry) => entry.by !== undefined)?.by ?? this.#input.by;
    const state = this.#state.name as FinalStateName;
    const outcome = {
      runId: workflowInfo().runId,
      state,
      at: new Date().toISOString(),
      ...(by !== undefined && { by }),
    };
    return calls.reportToMonitor(this.#key, outcome).catch((error: unknown) => {
      // Temporal repeats the activity without a limit, but an operator can end it.
      if (!(error instanceof ActivityFailure) || !patched('report-ended')) throw error;
    });
  }

  /** At the end of the flow, refuses the unread inputs, so that the timeline shows each of them. */
  #readLateMessages(): void {
    for (let message = this.#inbox.next(); message; message = this.#inbox.next()) this.#apply(this.#read(message));
  }

  /** The next event of an unfinished flow; `undefined` for a message or a re-read that changes nothing. */
  #nextEvent(state: State): Promise<Event | undefined> | undefined {
    switch (state.name) {
      case 'fetchingConnector':
        return this.#call(() =>
          calls
            .fetchConnector(this.#readKey)
            .then((read) => ({ type: 'connectorFetched', connector: this.#readTargets(read), by: this.#input.by })),
        );
      case 'applyingProperties': {
        const { submissionId, values } = state;
        const required = missingFields(state.connector).map(({ name }) => name);
        return this.#call(() =>
          calls
            .applyProperties(this.#key, { submissionId, values, required })
            .then((connector) => ({ type: 'propertiesApplied', connector })),
        );
      }
      case 'applyingCredentials': {
        const { method, submissionId, credentials } = state;
        return this.#call(async () => {
          const connector = await calls.applyCredentials(this.#key, { method, submissionId, credentials });
          return calls.checked(
            this.#key,
            connector.authenticated
              ? { type: 'credentialsApplied', connector }
              : await calls.verifyAuthorization(this.#key, {}),
          );
        });
      }
      case 'verifyingAuthorization': {
        const { fingerprint } = this.#links.attempts.get(state.attemptId) ?? {};
        const wasAuthenticated = this.#needsProof;
        const { refusedByCheck } = state.connector;
        // Without a fingerprint, further re-reads prove no more than the first re-read.
        const once = state.superseded || (refusedByCheck === true && fingerprint === undefined);
        const check = { once, consent: { wasAuthenticated, ...(fingerprint && { fingerprint }) } };
        return this.#call(async () =>
          calls.checked(this.#key, await calls.verifyAuthorization(this.#key, check), refusedByCheck),
        );
      }
      case 'awaitingProperties':
      case 'awaitingCredentials':
      case 'awaitingAuthorization':
        return this.#waitForInput(state);
      case 'authenticated':
      case 'expired':
      case 'cancelled':
      case 'failed':
      case 'unsupported':
        return undefined;
    }
  }

  /**
   * Waits for a message, a request for a re-read, a cancellation, the deadline, the expiry of the newest link, the next
   * reminder, or a full history. Returns the event that ended the wait, or `undefined` if no event of the state machine
   * follows.
   */
  async #waitForInput(state: WaitingState): Promise<Event | undefined> {
    const deadline = this.#deadlineOf(state);
    const hasLinkExpired = () => state.name === 'awaitingAuthorization' && this.#links.hasExpired;
    const isTimeUp = () => deadline.fired || hasLinkExpired();
    const reminder = this.#events.reminderOf(state, this.#flow);
    await condition(() => this.#hasRequest || isTimeUp() || Boolean(reminder?.fired) || this.#isHistoryFull());
    if (this.#cancelEvent) return undefined;
    const message = this.#inbox.next();
    if (message) return this.#read(message);
    if (this.#inbox.recheck) return this.#recheck(state);
    if (deadline.fired) return deadline.at < this.#flow.deadline ? undefined : this.#lastRead(state);
    if (hasLinkExpired()) return this.#readAfterLink(state);
    if (reminder?.fired) return void this.#events.remind(this.#flow);
    return this.#continueAsNew();
  }

  /**
   * The timer that fires at the deadline of this wait, or earlier. One timer is enough for several waits, because each
   * wait usually ends long before its deadline. If the timer of an earlier wait fires before the deadline of this wait,
   * the flow starts another timer.
   */
  #deadlineOf({ name }: WaitingState): Timer {
    const { deadline } = this.#flow;
    const timer = this.#deadline;
    if (timer && (timer.fired ? timer.at === deadline : timer.at <= deadline)) return timer;
    timer?.cancel();
    return (this.#deadline = new Timer(deadline, deadlineSummaries[name]));
  }

  /** True if the flow has not yet handled a message, a request for a re-read or a cancellation. */
  get #hasRequest(): boolean {
    return !this.#inbox.isEmpty || this.#hasInterruption;
  }

  /**
   * True if the flow has not yet handled a request for a re-read or a cancellation. A request for a re-read, or a
   * cancellation, ends the pause of an outage.
   */
  get #hasInterruption(): boolean {
    return this.#inbox.recheck !== undefined || this.#cancelEvent !== undefined;
  }

  /**
   * Re-reads the connector for the caller of `recheck` in a waiting state. If Cyclr is unavailable, the state does not
   * change.
   */
  async #recheck(state: WaitingState): Promise<Event | undefined> {
    const { body } = this.#inbox.startRecheck();
    const event = await this.#call(() => this.#readAgain(state));
    if (event.type === 'cyclrUnavailable') return void this.#noteTrouble(event);
    // If a cancellation ended the re-read, the event keeps the sender of the cancellation.
    return event.type === 'cancelled' ? event : { ...event, ...senderIn(body) };
  }

  /** Reports an operator's trouble that does not change the state of the flow. */
  #noteTrouble(event: Unavailable): void {
    if (!event.operatorsTrouble) return;
    reportOperatorsTrouble(event);
    this.#flow.recordTrouble(event.operatorsTrouble);
  }

  /** If the connector was authenticated since the last read, also checks its credentials. */
  async #readAgain({ connector: before }: WaitingState): Promise<Event> {
    const { intent = 'authenticate' } = this.#input;
    const connector = this.#readTargets(await calls.readAgain(this.#readKey));
    const event: Event = { type: 'rechecked', connector, intent };
    const isNew = intent === 'authenticate' && connector.authenticated && !before.authenticated;
    return isNew ? calls.checked(this.#key, event) : event;
  }

  get #readKey(): ConnectorRead {
    const { notify } = this.#input;
    return { ...this.#key, ...(notify && { notify }) };
  }

  /**
   * Keeps the facts about targets of events and about the monitor, which the answer of `fetchConnector` contains.
   * Returns the connector without these facts.
   */
  #readTargets({ events, isMonitored, ...connector }: ReadConnector): Connector {
    this.#events.setTargets(events);
    this.#isMonitored = isMonitored ?? false;
    const isFirstRead = this.#state.name === 'fetchingConnector';
    if (events?.unknownTargets && isFirstRead) this.#flow.recordUnknownTargets(events.unknownTargets);
    return connector;
  }

  /**
   * Re-reads once after the deadline, before the flow expires: the connector may have been authenticated elsewhere. If
   * an input arrives during the re-read, the flow handles the input before the result of the re-read. In an outage, the
   * flow repeats the re-read.
   */
  async #lastRead(state: WaitingState): Promise<Event | undefined> {
    const event = await this.#call(() => this.#readWithoutInput(state));
    const message = this.#inbox.next();
    if (message) return this.#read(message);
    if (event.type !== 'authorizationNotConfirmed' && event.type !== 'refused') return event;
    return this.#cancelEvent ? undefined : { type: 'timedOut', connector: event.connector };
  }

  /**
   * Re-reads once after the newest link has expired. If Cyclr is unavailable, the state does not change, because
   * another re-read follows at the deadline.
   */
  async #readAfterLink(state: WaitingState): Promise<Event | undefined> {
    this.#links.clearExpiry();
    // The re-read of a connector that was authenticated before proves no consent: see `#readWithoutInput`.
    if (state.connector.authenticated) return undefined;
    const event = await this.#call(() => this.#readWithoutInput(state));
    if (event.type === 'cyclrUnavailable') this.#noteTrouble(event);
    return ['authorizationConfirmed', 'refused', 'failed'].includes(event.type) ? event : undefined;
  }

  /**
   * True if Temporal suggests Continue-As-New, the delivery of each event has started, and no update waits for an
   * answer that Continue-As-New would drop.
   */
  #isHistoryFull(): boolean {
    return workflowInfo().continueAsNewSuggested && allHandlersFinished() && this.#events.areSent;
  }

  #continueAsNew(): Promise<never> {
    const { memo, startTime } = workflowInfo();
    // The memo gives all runs of one flow the start time of the first run.
    const options = { memo: { startedAt: startTime.toISOString(), ...memo } };
    const next = makeContinueAsNewFunc<typeof authenticateConnector>(options);
    const more = {
      links: this.#links.carried,
      subscribers: this.#subscribers.carried,
      ...this.#events.carried,
      ...(this.#isMonitored && { isMonitored: true as const }),
    };
    return next(this.#input, this.#flow.carried(more));
  }

  /** Turns a message into an event for the present state. `undefined` if the message changes nothing. */
  #read(message: Message): Event | undefined {
    const { state, submissions } = this.#flow;
    const event = eventOf(state, message, { submissions, attempts: this.#links.attempts });
    if (message.isReapplied && event?.type === 'inputRefused') {
      // The flow accepted the input before the reset, so a refusal would confuse the user.
      this.#flow.recordReapplied(message.kind);
      message.answer = this.#flow.view;
      return undefined;
    }
    if (event) this.#inbox.markInProgress(message);
    else message.answer = this.#flow.view;
    if (event?.type !== 'authorizationReturned') return event;
    // Only a callback reports that the browser came back: a confirmation does not.
    if (message.kind === 'oauthCallback') this.#links.markReturned(event.id);
    this.#inbox.joinConfirmation();
    return event;
  }

  /**
   * Re-reads the connector once, although no input has arrived. The connector may have been authenticated elsewhere, or
   * the user may have consented without coming back. If the connector was authenticated before, the re-read proves no
   * consent. Even a changed stored value proves no consent, because Cyclr refreshes tokens by itself. A new connection
   * is also checked by the policy.
   */
  async #readWithoutInput({ connector: { authenticated: wasAuthenticated } }: WaitingState): Promise<Event> {
    const verdict = await calls.verifyAuthorization(this.#key, { once: true, consent: { wasAuthenticated } });
    const isProven = verdict.type === 'authorizationConfirmed' && verdict.verification !== 'unproven';
    if (!isProven) return { type: 'authorizationNotConfirmed', connector: verdict.connector };
    return calls.checked(this.#key, verdict);
  }

  /**
   * Runs activities, and returns the event of their result or failure. After a cancellation, waits until the running
   * activity attempt has ended.
   */
  #call(activities: () => Promise<Event>): Promise<Event> {
    this.#work ??= new CancellationScope();
    return this.#work
      .run(activities)
      .catch((error: unknown) => this.#cancelEvent ?? eventOfFailure(error, this.#state));
  }

  /**
   * Pauses after the event `cyclrUnavailable`, before the next call. The outage ends when the flow leaves the state,
   * when a re-read succeeds, or after 24 hours.
   */
  async #pauseInOutage(event: Unavailable): Promise<void> {
    this.#outage ??= new Outage(Date.now());
    const pause = this.#outage.nextPauseMs(Date.now(), event);
    if (pause === undefined) {
      this.#outage = undefined;
      return this.#apply({ type: 'outageOutlasted' });
    }
    if (event.operatorsTrouble) reportOperatorsTrouble(event);
    const isOver = () => (isWaiting(this.#state) ? this.#hasRequest : this.#hasInterruption);
    await condition(isOver, pause, { summary: 'Pause before the next call to Cyclr' });
    if (this.#inbox.recheck && !isWaiting(this.#state)) this.#inbox.startRecheck();
  }

  #cancel(request: unknown): void {
    const { reason } = isObject(request) ? request : {};
    this.#cancelEvent ??= {
      type: 'cancelled',
      ...senderIn(request),
      ...(typeof reason === 'string' && { reason: reason.slice(0, 200) }),
    };
    this.#work?.cancel();
  }

  /**
   * Applies an event. If the flow enters another state, ends the outage, and cancels the activities that make links. If
   * the state is final, also cancels the timer of the deadline.
   */
  #apply(event: Event | undefined): void {
    if (!event) return;
    const { state, deadline } = this.#flow;
    const isEntered = this.#flow.apply(event);
    this.#events.report(state, this.#state, this.#flow);
    if (!isEntered) return;
    if (this.#flow.deadline !== deadline) this.#events.restartReminders();
    this.#events.stopReminder();
    this.#outage = undefined;
    if (isFinal(this.#state)) this.#deadline?.cancel();
    this.#links.cancelMinting();
  }
}

/** The `by` of a message that is not checked yet. A malformed `by` is left out. */
function senderIn(message: unknown): { by?: string } {
  const { by } = isObject(message) ? message : {};
  return by !== undefined && isBy(by) ? { by } : {};
}
