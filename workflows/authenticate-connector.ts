/** The Temporal half: the loop, the handlers, the waiting. What follows what stands in `machine.ts`. */
import {
  ApplicationFailure,
  CancellationScope,
  allHandlersFinished,
  condition,
  log,
  metricMeter,
  proxyActivities,
  setCurrentDetails,
  setDefaultSignalHandler,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { missingFields, type ConnectorKey } from './connector';
import { eventOf, type Message } from './inbox';
import { isBy, isObject, patienceMs, wrongWithStart } from './input';
import { isFinal, isWaiting, transition, type Event, type State, type WaitingState } from './machine';
import * as messages from './messages';
import type { Input, Patience, StateName, Timeline, TimelineEntry, View } from './messages';
import { eventOfFailure } from './outcome';
import type { ConnectorActivities } from './ports';
import { detailsOf, viewOf } from './view';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const OUTAGE_MS = 24 * 60 * MINUTE_MS;
const FIRST_PAUSE_MS = 30 * SECOND_MS;
const LONGEST_PAUSE_MS = 15 * MINUTE_MS;
const OPERATORS_PAUSE_MS = 5 * MINUTE_MS;
const READ_BACK_AFTER_MS = [0, 1, 2, 4, 8, 15, 30].map((seconds) => seconds * SECOND_MS);
const MAX_ENTRIES = 200;
const MAX_KEYWORD = 255;

const activity = (startToCloseTimeout: '15s' | '60s', summary: string) =>
  proxyActivities<ConnectorActivities>({
    startToCloseTimeout,
    summary,
    scheduleToCloseTimeout: '1 minute',
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
  });
const { fetchConnector } = activity('15s', 'Read the account connector');
const { fetchConnector: readBack } = activity('15s', 'Ask Cyclr whether it is authenticated now');
const { applyProperties } = activity('60s', 'Set the properties');
const { applyCredentials } = activity('15s', 'Store the credentials');

const patienceOf: Record<WaitingState['name'], keyof Patience> = {
  awaitingProperties: 'properties',
  awaitingCredentials: 'credentials',
  awaitingAuthorization: 'authorization',
};

const refusedInputs = metricMeter.createCounter('connector_auth_refused_inputs', '1', 'Inputs that a flow refused');

const operatorsTrouble = metricMeter.createCounter(
  'connector_auth_operators_trouble',
  '1',
  'Times that Cyclr refused us',
);

/**
 * Takes one account connector through authentication. Ends with the final view; fails with an ApplicationFailure whose
 * type is the failure's code and whose first detail is the final view.
 */
export async function authenticateConnector(input: Input): Promise<View> {
  return new Authentication(input).run();
}

class Authentication {
  readonly #key: ConnectorKey;
  readonly #inbox: Message[] = [];
  readonly #seen = new Set<string>();
  readonly #timeline: Timeline = { entries: [] };
  #state: State;
  #revision = 1;
  /** When the present or the last wait ends. */
  #deadline = 0;
  #timer?: { scope: CancellationScope; over: boolean };
  #work?: CancellationScope;
  #outage?: { since: number; pauses: number };
  /** What ends it before its time, and Temporal's own request where that is what does. */
  #cancelled?: Event;
  #cancellation?: unknown;
  #listed?: StateName;

  constructor(private readonly input: Input) {
    this.#key = { accountId: input?.accountId, connectorId: input?.connectorId };
    this.#state = { name: 'fetchingConnector', intent: input?.intent ?? 'authenticate' };
    setHandler(messages.view, () => this.#view());
    setHandler(messages.timeline, () => this.#timeline);
    for (const kind of ['propertyInput', 'credentialInput', 'oauthCallback'] as const)
      setHandler(messages[kind], (body: unknown) => void this.#inbox.push({ kind, body }));
    setHandler(messages.cancel, (request: unknown) => this.#cancel(request));
    setDefaultSignalHandler((name) => this.#note('unknownSignal', this.#state.name, { note: name.slice(0, 100) }));
    // Temporal's cancellation is an event like any other: it ends in a state and its last upsert, not in mid-air.
    CancellationScope.current().cancelRequested.catch((request: unknown) => {
      this.#cancellation = request;
      this.#cancel({});
    });
  }

  run(): Promise<View> {
    return CancellationScope.nonCancellable(async () => {
      const wrong = wrongWithStart(this.input, workflowInfo().workflowId);
      if (wrong) this.#happen({ type: 'failed', failure: { code: 'invalidInput', message: wrong } });
      while (!isFinal(this.#state)) {
        const event = this.#cancelled ?? (await this.#next(this.#state));
        this.#happen(event);
        await this.#sitOut(event);
      }
      await condition(allHandlersFinished);
      return this.#end();
    });
  }

  #end(): View {
    const state = this.#state;
    for (const message of this.#inbox.splice(0)) this.#happen(eventOf(state, message, this.#seen));
    if (state.name === 'failed')
      throw ApplicationFailure.nonRetryable(state.failure.message, state.failure.code, this.#view());
    if (state.name === 'cancelled' && this.#cancellation) throw this.#cancellation as Error;
    return this.#view();
  }

  /** What happens next; nothing for an input that changes nothing. */
  async #next(state: State): Promise<Event | undefined> {
    switch (state.name) {
      case 'fetchingConnector':
        return this.#working(async () => ({ type: 'connectorFetched', connector: await fetchConnector(this.#key) }));
      case 'applyingProperties': {
        const { submissionId, values } = state;
        const required = missingFields(state.connector).map(({ name }) => name);
        return this.#working(async () => ({
          type: 'propertiesApplied',
          connector: await applyProperties(this.#key, { submissionId, values, required }),
        }));
      }
      case 'applyingCredentials': {
        const { method, submissionId, credentials } = state;
        return this.#working(async () => {
          const connector = await applyCredentials(this.#key, { method, submissionId, credentials });
          return connector.authenticated ? { type: 'credentialsApplied', connector } : this.#readBack();
        });
      }
      case 'verifyingAuthorization':
        return this.#working(() => this.#readBack());
      case 'awaitingProperties':
      case 'awaitingCredentials':
      case 'awaitingAuthorization':
        return this.#input(state);
      case 'authenticated':
      case 'expired':
      case 'cancelled':
      case 'failed':
      case 'unsupported':
        return undefined;
    }
  }

  /** Waits for an input, the deadline or a cancellation: one timer for a wait, however many inputs are refused. */
  async #input(state: WaitingState): Promise<Event | undefined> {
    const timer = (this.#timer ??= this.#startTimer());
    await condition(() => this.#inbox.length > 0 || timer.over || this.#cancelled !== undefined);
    if (this.#cancelled) return undefined;
    const message = this.#inbox.shift();
    if (message) return eventOf(state, message, this.#seen);
    return state.name === 'awaitingAuthorization' ? this.#lastRead() : { type: 'timedOut' };
  }

  /** A user may have consented and never come back. What was authenticated before proves nothing. */
  async #lastRead(): Promise<Event> {
    if (this.input.intent === 'reauthenticate') return { type: 'timedOut' };
    const connector = await readBack(this.#key).catch(() => undefined);
    return connector?.authenticated ? { type: 'authorizationConfirmed', connector } : { type: 'timedOut' };
  }

  #startTimer(): { scope: CancellationScope; over: boolean } {
    const timer = { scope: new CancellationScope(), over: false };
    const remaining = Math.max(1, this.#deadline - Date.now());
    timer.scope
      .run(() => sleep(remaining, { summary: `Until ${this.#state.name} expires` }))
      .then(
        () => (timer.over = true),
        () => undefined, // The wait ended first.
      );
    return timer;
  }

  /** Calls Cyclr. A cancellation lets a running attempt end by itself: what Cyclr took meanwhile counts. */
  async #working(call: () => Promise<Event>): Promise<Event> {
    this.#work = new CancellationScope();
    try {
      return await this.#work.run(call);
    } catch (error) {
      return this.#cancelled ?? eventOfFailure(error, this.#state);
    } finally {
      this.#work = undefined;
    }
  }

  /** Asks Cyclr until it says so, for half a minute: it may come to know of an authorization some seconds late. */
  async #readBack(): Promise<Event> {
    const since = Date.now();
    for (const afterMs of READ_BACK_AFTER_MS) {
      const early = since + afterMs - Date.now();
      if (early > 0) await sleep(early, { summary: 'Until Cyclr is asked again' });
      const connector = await readBack(this.#key);
      if (connector.authenticated) return { type: 'authorizationConfirmed', connector };
    }
    return { type: 'authorizationNotConfirmed' };
  }

  /** Pauses while Cyclr is away, longer each time; after a day it is over. */
  async #sitOut(event: Event | undefined): Promise<void> {
    if (event?.type !== 'cyclrUnavailable') return void (this.#outage = undefined);
    this.#outage ??= { since: Date.now(), pauses: 0 };
    const remaining = this.#outage.since + OUTAGE_MS - Date.now();
    if (remaining <= 0) {
      this.#outage = undefined;
      return this.#happen({ type: 'outageOutlasted' });
    }
    const growing = Math.min(FIRST_PAUSE_MS * 2 ** this.#outage.pauses++, LONGEST_PAUSE_MS);
    const pause = event.operatorsTrouble ? OPERATORS_PAUSE_MS : Math.max(growing, event.retryAfterMs ?? 0);
    if (event.operatorsTrouble) this.#alarm();
    await condition(() => this.#cancelled !== undefined, Math.min(pause, remaining), {
      summary: 'Until Cyclr is tried again',
    });
  }

  #alarm(): void {
    operatorsTrouble.add(1);
    log.error('Cyclr refuses us, not the user: the last failed activity says why');
  }

  #cancel(request: unknown): void {
    const { reason, by } = isObject(request) ? request : {};
    this.#cancelled ??= {
      type: 'cancelled',
      ...(typeof by === 'string' && isBy(by) && { by }),
      ...(typeof reason === 'string' && { reason: reason.slice(0, 200) }),
    };
    this.#work?.cancel();
  }

  /** The one place where the state changes. */
  #happen(event: Event | undefined): void {
    if (!event) return;
    const before = this.#state;
    const state = transition(before, event);
    if (state !== before || event.type === 'inputRefused') this.#record(event, before, state);
    if (state === before) return;
    this.#state = state;
    this.#revision++;
    if (event.id && event.type !== 'inputRefused') this.#seen.add(event.id);
    if (state.name !== before.name) this.#timer = void this.#timer?.scope.cancel();
    // An input that was refused here did not reach Cyclr: the wait that it came from goes on.
    if (isWaiting(state) && state.name !== before.name && event.type !== 'inputRefused')
      this.#deadline = Date.now() + patienceMs(this.input.patience, patienceOf[state.name]);
    this.#show();
  }

  #record(event: Event, { name: from, ...before }: State, { name: to }: State): void {
    const { id = 'submissionId' in before ? before.submissionId : undefined, by } = event;
    const note = 'problem' in event ? event.problem.code : 'reason' in event ? event.reason : undefined;
    this.#note(event.type, to, { from, id, by, note });
    if (event.type !== 'inputRefused') return;
    refusedInputs.add(1, { code: event.problem.code });
    log.warn('An input was refused', { code: event.problem.code });
  }

  #note(event: string, to: StateName, more: Partial<TimelineEntry>): void {
    const { entries } = this.#timeline;
    entries.push(JSON.parse(JSON.stringify({ at: new Date(), from: to, event, to, ...more })) as TimelineEntry);
    if (entries.length <= MAX_ENTRIES) return;
    entries.shift();
    this.#timeline.dropped = (this.#timeline.dropped ?? 0) + 1;
  }

  /** What Temporal Web shows. An upsert costs, so only where somebody is waited for and at the end. */
  #show(): void {
    const state = this.#state;
    setCurrentDetails(detailsOf(this.#view()));
    if (state.name === this.#listed || !(isWaiting(state) || isFinal(state))) return;
    const { accountId, connectorId, name, state: stateKey } = messages.searchAttributes;
    const connector = 'connector' in state ? state.connector : undefined;
    this.#listed = state.name;
    upsertSearchAttributes([
      { key: stateKey, value: state.name },
      ...(state.name === 'failed' && state.failure.code === 'invalidInput'
        ? []
        : [
            { key: accountId, value: this.#key.accountId },
            { key: connectorId, value: String(this.#key.connectorId) },
          ]),
      ...(connector ? [{ key: name, value: connector.name.slice(0, MAX_KEYWORD) }] : []),
    ]);
  }

  #view(): View {
    return viewOf({
      input: this.input,
      runId: workflowInfo().runId,
      state: this.#state,
      revision: this.#revision,
      ...(isWaiting(this.#state) && { deadline: this.#deadline }),
    });
  }
}
