/** The Temporal part of an onboarding: the loop, the waits, the activities. `machine.ts` decides the next state. */
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  TimeoutFailure,
  condition,
  makeContinueAsNewFunc,
  setDefaultSignalHandler,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import * as calls from './calls';
import { isConnectorId, isObject } from '../connector';
import { EventSender, type CarriedEvents } from '../event-sender';
import { IgnoredSignals } from '../ignored-signals';
import { isBy } from '../input';
import type { EventType } from '../events';
import { initialState, isFinal, transition, type EventBody, type State } from './machine';
import * as messages from '../messages';
import {
  faultOfOnboardingStart,
  isAddConnectors,
  type OnboardingInput,
  type OnboardingKey,
  type OnboardingProgress,
} from '../onboarding';
import { Outage, reportOperatorsTrouble } from '../outage';
import type { FlowRun, FlowStatus } from '../ports';
import { PublishedAttributes } from '../published-attributes';
import { progressOf, publishStatus } from './status';
import { Timer } from '../timer';
import { finalStates, type FinalStateName } from '../view';

const CHECK_EVERY_MS = 3_600_000;

/** The second argument of the next run after Continue-As-New, as plain JSON. */
export interface Carried {
  state: State;
  revision: number;
  /** When the next check of the flows is due, in milliseconds. */
  checkAt: number;
  ignored: number;
  /** Absent if no event has a target. */
  events?: CarriedEvents;
}

/**
 * Takes the connectors of a scope through authentication: starts or finds the flow of each connector, and waits until
 * all flows have ended. Returns the final progress. In the state `failed`, the workflow fails with an
 * ApplicationFailure: the type is the failure's code, and the first detail is the final progress. `carried`: the state
 * of the previous run at Continue-As-New.
 */
export function onboardAccount(input: OnboardingInput, carried?: Carried): Promise<OnboardingProgress> {
  // Ignore `carried` in a run that a caller has started, so that no caller can choose the state in which an onboarding
  // starts.
  return new OnboardingRun(input, workflowInfo().continuedFromExecutionRunId ? carried : undefined).execute();
}

class OnboardingRun {
  readonly #input: OnboardingInput;
  readonly #events: EventSender;
  #state: State;
  #revision: number;
  #checkAt: number;
  /** The number of signals that were malformed, or that the onboarding could not accept. */
  #ignored: number;
  readonly #ignoredSignals = new IgnoredSignals();
  readonly #published = new PublishedAttributes();
  #check?: Timer;
  /** The cancellation scope of all activities that `#call` runs. */
  #work?: CancellationScope;
  #outage?: Outage;
  /** The event of a cancellation, by the signal `cancel` or by Temporal. */
  #cancelEvent?: Extract<EventBody, { type: 'cancelled' }>;
  #cancelledBy?: string;
  /** The error of a cancellation by Temporal. Undefined after the signal `cancel`. */
  #cancelError?: unknown;

  constructor(input: OnboardingInput, carried?: Carried) {
    this.#input = input;
    this.#events = new EventSender(input, carried && (carried.events ?? {}));
    this.#state = carried?.state ?? firstStateOf(input);
    this.#revision = carried?.revision ?? 1;
    this.#checkAt = carried?.checkAt ?? Date.now() + CHECK_EVERY_MS;
    this.#ignored = carried?.ignored ?? 0;
    this.#registerHandlers();
    CancellationScope.current().cancelRequested.catch((error: unknown) => {
      this.#cancelError = error;
      this.#cancel({});
    });
  }

  /** No handler throws, because a plain error in a signal handler fails every workflow task from then on. */
  #registerHandlers(): void {
    setHandler(messages.progress, () => this.#progress);
    setHandler(messages.connectorFinished, (body: unknown) => this.#finish(body));
    setHandler(messages.addConnectors, (body: unknown) => this.#add(body));
    setHandler(messages.cancelOnboarding, (body: unknown) => this.#cancel(body));
    setDefaultSignalHandler((name) => this.#ignore(name.slice(0, 100)));
  }

  /** Runs the loop in a cancellation scope that Temporal's cancellation does not reach. */
  execute(): Promise<OnboardingProgress> {
    return CancellationScope.nonCancellable(() => this.#loop());
  }

  async #loop(): Promise<OnboardingProgress> {
    while (!isFinal(this.#state)) {
      this.#publish();
      const event = await this.#nextEvent(this.#state);
      if (event) this.#apply(event);
      if (event?.type === 'cyclrUnavailable') await this.#pause(event);
    }
    this.#publish();
    this.#reportEnd();
    await condition(() => this.#events.areSent);
    return this.#result();
  }

  get #progress(): OnboardingProgress {
    return progressOf({ input: this.#input, state: this.#state, revision: this.#revision });
  }

  #publish(): void {
    const status = { state: this.#state, progress: this.#progress, ignored: this.#ignored };
    publishStatus(status, this.#published);
  }

  #result(): OnboardingProgress {
    const progress = this.#progress;
    if (this.#state.name === 'failed') {
      const { message, code } = this.#state.failure;
      throw ApplicationFailure.nonRetryable(message, code, progress);
    }
    if (this.#state.name === 'cancelled' && this.#cancelError) throw this.#cancelError as Error;
    return progress;
  }

  /** Applies an event. Only this method changes the state and the progress. Returns whether the state has changed. */
  #apply(event: EventBody): boolean {
    const before = this.#state;
    this.#state = transition(before, { ...event, at: new Date().toISOString() });
    if (this.#state === before) return false;
    if (this.#state.name !== before.name) this.#outage = undefined;
    this.#revision++;
    this.#reportEnded(before);
    return true;
  }

  /**
   * Compares the state with the earlier state `before`. Sends an event for each connector that has reached a final
   * state since then.
   */
  #reportEnded(before: State): void {
    if (!this.#events.hasTarget('onboarding.progress')) return;
    const ended = endedConnectors(before, this.#state);
    if (ended.size === 0) return;
    const { connectors, ...progress } = this.#progress;
    for (const connector of connectors.filter(({ connectorId }) => ended.has(connectorId)))
      this.#events.send('onboarding.progress', { ...progress, connector });
  }

  #reportEnd(): void {
    const type = `onboarding.${this.#state.name}` as EventType;
    if (this.#events.hasTarget(type)) this.#events.send(type, this.#progress);
  }

  /** The next event of an unfinished onboarding; `undefined` if a signal has changed the state. */
  #nextEvent(state: State): Promise<EventBody | undefined> | EventBody | undefined {
    if (state.name !== 'cancellingFlows' && this.#cancelEvent) return this.#cancelEvent;
    switch (state.name) {
      case 'readingScope': {
        const asked = state.items.map(({ connectorId }) => connectorId);
        const { scope, notify } = this.#input;
        const request = { scope, known: asked, ...(notify && { notify }) };
        return this.#call(async () => {
          const { events, ...answer } = await calls.readScope(this.#key, request);
          this.#events.set(events);
          return { type: 'scopeRead', asked, ...answer };
        });
      }
      case 'startingFlows':
        return this.#call(async () => {
          const flows = await this.#startFlows(state);
          if (this.#hasEnded(flows)) this.#checkSoon();
          return { type: 'flowsStarted', flows };
        });
      case 'awaitingFlows':
        return this.#awaitFlows(state);
      case 'activatingCycle':
        return this.#call(async () => {
          const { lacks } = await calls.activateCycle(this.#key, state.cycle!.id);
          return lacks ? { type: 'cycleBlocked', lacks } : { type: 'cycleActivated' };
        });
      case 'cancellingFlows':
        return this.#cancelFlows(state);
      case 'completed':
      case 'incomplete':
      case 'cancelled':
      case 'failed':
        return undefined;
    }
  }

  get #key(): OnboardingKey {
    const { accountId, onboardingId } = this.#input;
    return { accountId, onboardingId };
  }

  #startFlows({ items }: State) {
    const { intent, patience, remindAfter, notify, by } = this.#input;
    const { workflowId: subscriber, firstExecutionRunId: firstRunId } = workflowInfo();
    return calls.startFlows(this.#key, {
      connectorIds: items.filter(({ state }) => state === 'waiting').map(({ connectorId }) => connectorId),
      subscriber,
      firstRunId,
      options: { intent, patience, remindAfter, notify, by },
    });
  }

  /**
   * True if one of the flows ended before the answer of `startFlows` came, and did not end as authenticated. The run
   * that ended can be another run than the run in the answer, so the onboarding must check the flows.
   */
  #hasEnded(flows: readonly FlowStatus[]): boolean {
    const started = new Set(flows.map(({ connectorId }) => connectorId));
    return this.#state.items.some(
      ({ connectorId, state }) =>
        started.has(connectorId) && state !== 'authenticated' && finalStates.includes(state as FinalStateName),
    );
  }

  /** Waits for a signal, or for the next check of the flows. Calls Continue-As-New if Temporal suggests it. */
  async #awaitFlows(state: State): Promise<EventBody | undefined> {
    const check = (this.#check ??= new Timer(this.#checkAt, 'Next check of the flows'));
    const hasChanged = () => this.#state !== state || this.#cancelEvent !== undefined;
    await condition(() => hasChanged() || check.fired || this.#isHistoryFull);
    if (hasChanged()) return undefined;
    return check.fired ? this.#checkFlows(state) : this.#continueAsNew();
  }

  /**
   * Checks each started flow that has not ended as authenticated: an open flow can have ended without a signal, and an
   * ended flow can have been started again.
   */
  async #checkFlows({ items }: State): Promise<EventBody> {
    const flows = items.flatMap(({ connectorId, runId, state }) =>
      state === 'waiting' || state === 'authenticated' ? [] : [{ connectorId, runId, state }],
    );
    const request = { flows, subscriber: workflowInfo().workflowId };
    const event = await this.#call(async () => ({
      type: 'flowsChecked',
      flows: await calls.checkFlows(this.#key, request),
    }));
    this.#checkAt = Date.now() + CHECK_EVERY_MS;
    this.#check = undefined;
    return event;
  }

  #checkSoon(): void {
    this.#checkAt = Date.now();
    this.#check?.cancel();
    this.#check = undefined;
  }

  get #isHistoryFull(): boolean {
    return workflowInfo().continueAsNewSuggested && this.#events.areSent;
  }

  #continueAsNew(): Promise<never> {
    const next = makeContinueAsNewFunc<typeof onboardAccount>();
    const events = this.#events.carried;
    const carried = { revision: this.#revision, checkAt: this.#checkAt, ignored: this.#ignored };
    return next(this.#input, { ...carried, ...(events && { events }), state: this.#state });
  }

  async #cancelFlows({ items }: State): Promise<EventBody> {
    const connectorIds = items
      .filter(({ state }) => state === 'waiting' || state === 'running')
      .map(({ connectorId }) => connectorId);
    const runs = await calls.cancelFlows(this.#key, { connectorIds, by: this.#cancelledBy });
    if (runs.length > 0) await this.#awaitEnds(runs);
    return { type: 'flowsCancelled' };
  }

  /**
   * Waits 90 s at most for the ends of the cancelled flows, and longer while no worker is free. If the onboarding ended
   * before its flows, the next onboarding of these connectors would find the cancelled flows.
   */
  async #awaitEnds(runs: FlowRun[]): Promise<void> {
    for (;;) {
      const failure = await calls.awaitEnds(this.#key, runs).then(() => undefined, failureOf);
      // A timeout means that no worker was free, so the flows could not end either.
      if (!(failure?.cause instanceof TimeoutFailure)) return;
    }
  }

  /** Runs an activity. After a cancellation, waits until the running activity attempt has ended. */
  #call(activity: () => Promise<EventBody>): Promise<EventBody> {
    this.#work ??= new CancellationScope();
    return this.#work
      .run(activity)
      .catch((error: unknown) => this.#cancelEvent ?? calls.eventOfFailure(error, this.#state));
  }

  /** Pauses in an outage, before the next call. Ends the outage after 24 hours. */
  async #pause(event: Extract<EventBody, { type: 'cyclrUnavailable' }>): Promise<void> {
    this.#publish();
    this.#outage ??= new Outage(Date.now());
    const pause = this.#outage.nextPauseMs(Date.now(), event);
    if (pause === undefined) {
      this.#outage = undefined;
      this.#apply({ type: 'outageOutlasted' });
      return;
    }
    if (event.operatorsTrouble) reportOperatorsTrouble(event);
    const isOver = () => this.#cancelEvent !== undefined;
    await condition(isOver, pause, { summary: 'Pause before the next call to Cyclr' });
  }

  #finish(body: unknown): void {
    const { connectorId, state, runId } = isObject(body) ? body : {};
    const isKnownState = finalStates.includes(state as FinalStateName);
    if (!isConnectorId(connectorId) || !isKnownState || typeof runId !== 'string' || runId.length > MAX_RUN_ID)
      return this.#ignore(messages.connectorFinished.name);
    this.#apply({ type: 'connectorFinished', connectorId, state: state as FinalStateName, runId });
  }

  #add(body: unknown): void {
    const isValid = isAddConnectors(body);
    const known = new Set(this.#state.items.map(({ connectorId }) => connectorId));
    if (isValid && body.connectorIds.every((id) => known.has(id))) return;
    if (!isValid || !this.#apply({ type: 'connectorsAdded', connectorIds: body.connectorIds }))
      this.#ignore(messages.addConnectors.name);
  }

  #cancel(body: unknown): void {
    const { cancelFlows, by } = isObject(body) ? body : {};
    const isFlows = cancelFlows === true || this.#cancelEvent?.cancelFlows === true;
    this.#cancelEvent = { type: 'cancelled', cancelFlows: isFlows };
    this.#cancelledBy ??= typeof by === 'string' && isBy(by) ? by : undefined;
    this.#work?.cancel();
  }

  /** Counts an ignored signal. Logs only the first ignored signal of the onboarding. */
  #ignore(event: string): void {
    this.#ignoredSignals.add({ event }, { code: 'malformed', isLogged: this.#ignored++ === 0 });
  }
}

const MAX_RUN_ID = 100;

/** Returns the failure of an activity. Throws any other error, which is a fault of the workflow's code. */
function failureOf(error: unknown): ActivityFailure {
  if (error instanceof ActivityFailure) return error;
  throw error;
}

/** The ids of the connectors that have a final state now, and had another state in `before`. */
function endedConnectors(before: State, { items }: State): Set<number> {
  const known = new Map(before.items.map(({ connectorId, state }) => [connectorId, state]));
  const ended = items.filter(({ connectorId, state }) => {
    const earlier = known.get(connectorId);
    return finalStates.includes(state as FinalStateName) && earlier !== undefined && earlier !== state;
  });
  return new Set(ended.map(({ connectorId }) => connectorId));
}

function firstStateOf(input: OnboardingInput): State {
  const fault = faultOfOnboardingStart(input, workflowInfo().workflowId);
  if (fault) {
    const failure = { code: 'invalidInput', message: fault } as const;
    return { name: 'failed', intent: 'authenticate', activates: false, items: [], failure };
  }
  const { intent = 'authenticate', activateCycle: activates = false, scope } = input;
  const cycle = 'cycleId' in scope ? { cycle: { id: scope.cycleId, state: 'paused' as const } } : {};
  return initialState({ intent, activates, ...cycle }, 'connectorIds' in scope ? scope.connectorIds : []);
}
