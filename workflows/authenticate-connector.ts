/** The Temporal half: the loop, the handlers, the waiting. What follows what stands in `machine.ts`. */
import {
  ApplicationFailure,
  CancellationScope,
  allHandlersFinished,
  condition,
  continueAsNew,
  isCancellation,
  log,
  metricMeter,
  setDefaultSignalHandler,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { isAuthorizationRequest } from './authorization';
import * as calls from './calls';
import { newest, type Carried } from './carried';
import { missingFields, type Connector, type ConnectorKey } from './connector';
import { eventOf, isAboutConsent, rejectionOf, type Known, type Message } from './inbox';
import { isBy, isObject, patienceMs, wrongWithStart } from './input';
import { isFinal, isWaiting, transition, type Event, type State, type WaitingState } from './machine';
import { Links } from './links';
import * as messages from './messages';
import type { AuthorizationLink, AuthorizationRequest, Confirmation, Input, Patience, Problem, View } from './messages';
import { Outage } from './outage';
import { eventOfFailure } from './outcome';
import { problemOf } from './problems';
import { Signboard } from './signboard';
import { TimelineLog } from './timeline';
import { Timer } from './timer';
import { askWhetherAuthenticated, askWhetherConsented } from './verification';
import { viewOf } from './view';

const ANSWER_WITHIN = '10s';
const CONFIRM_EVERY_MS = 5000;

const waitFor: Record<WaitingState['name'], { patience: keyof Patience; summary: string }> = {
  awaitingProperties: { patience: 'properties', summary: 'Waits for properties, then expires' },
  awaitingCredentials: { patience: 'credentials', summary: 'Waits for credentials, then expires' },
  awaitingAuthorization: { patience: 'authorization', summary: 'Waits for authorization, then expires' },
};

const refusedInputs = metricMeter.createCounter('connector_auth_refused_inputs', '1', 'Inputs that a flow refused');
const operatorsTrouble = metricMeter.createCounter(
  'connector_auth_operators_trouble',
  '1',
  'Times that Cyclr refused us',
);

/**
 * Takes one account connector through authentication. Ends with the final view; fails with an ApplicationFailure whose
 * type is the failure's code and whose first detail is the final view. `carried` comes from a run that it goes on for.
 */
export async function authenticateConnector(input: Input, carried?: Carried): Promise<View> {
  // Only a run of our own can say where it stands: whoever starts one begins at the beginning.
  return new Authentication(input, workflowInfo().continuedFromExecutionRunId ? carried : undefined).run();
}

class Authentication {
  readonly #key: ConnectorKey;
  readonly #inbox: Message[] = [];
  readonly #submissions: Set<string>;
  readonly #links: Links;
  readonly #known: Known;
  readonly #timeline: TimelineLog;
  readonly #signboard = new Signboard();
  #state: State;
  #revision: number;
  /** When the present or the last wait ends. */
  #deadline: number;
  #wait?: Timer;
  /** What calls Cyclr at the moment. */
  #work?: CancellationScope;
  #outage?: Outage;
  /** When somebody last asked for a verification. */
  #confirmedAt = -Infinity;
  /** What is being worked on; of several who asked for the same, all. */
  #taken: Message[] = [];
  /** What ends it before its time, and Temporal's own request where that is what does. */
  #cancelled?: Event;
  #cancellation?: unknown;

  constructor(
    private readonly input: Input,
    carried?: Carried,
  ) {
    this.#key = { accountId: input?.accountId, connectorId: input?.connectorId };
    this.#state = carried?.state ?? { name: 'fetchingConnector', intent: input?.intent ?? 'authenticate' };
    this.#revision = carried?.revision ?? 1;
    this.#deadline = carried?.deadline ?? 0;
    this.#submissions = new Set(carried?.submissions);
    this.#links = new Links(this.#key, input?.intent === 'reauthenticate', carried?.links);
    this.#known = { submissions: this.#submissions, attempts: this.#links.attempts };
    this.#timeline = new TimelineLog(carried?.timeline);
    if (carried) this.#show();
    setHandler(messages.view, () => this.#view());
    setHandler(messages.timeline, () => this.#timeline.answer);
    for (const kind of ['propertyInput', 'credentialInput', 'oauthCallback'] as const)
      setHandler(messages[kind], (body: unknown) => void this.#inbox.push({ kind, body }));
    setHandler(messages.cancel, (request: unknown) => this.#cancel(request));
    setDefaultSignalHandler((name) => this.#unknown(name));
    setHandler(messages.submitProperties, (body) => this.#submit({ kind: 'propertyInput', body }), {
      validator: (body) => reject(rejectionOf(this.#state, { kind: 'propertyInput', body }, this.#known)),
    });
    setHandler(messages.submitCredentials, (body) => this.#submit({ kind: 'credentialInput', body }), {
      validator: (body) => reject(rejectionOf(this.#state, { kind: 'credentialInput', body }, this.#known)),
    });
    setHandler(messages.confirmAuthorization, (body) => this.#confirm(body), {
      validator: (body) => reject(this.#wrongWithConfirmation(body)),
    });
    setHandler(messages.requestAuthorization, (body) => this.#authorize(body), {
      validator: (body) => reject(this.#wrongWithRequest(body)),
    });
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
        if (isWaiting(this.#state) || isFinal(this.#state)) this.#settle();
      }
      this.#drain();
      await condition(allHandlersFinished);
      this.#drain();
      return this.#end();
    });
  }

  #end(): View {
    const state = this.#state;
    if (state.name === 'failed')
      throw ApplicationFailure.nonRetryable(state.failure.message, state.failure.code, this.#view());
    if (state.name === 'cancelled' && this.#cancellation) throw this.#cancellation as Error;
    return this.#view();
  }

  /** What came too late is refused, so that nobody waits for an answer. */
  #drain(): void {
    for (const message of this.#inbox.splice(0)) this.#happen(this.#read(message));
  }

  /** What happens next; nothing for an input that changes nothing. */
  async #next(state: State): Promise<Event | undefined> {
    switch (state.name) {
      case 'fetchingConnector':
        return this.#working(async () => ({
          type: 'connectorFetched',
          connector: await calls.fetchConnector(this.#key),
        }));
      case 'applyingProperties': {
        const { submissionId, values } = state;
        const required = missingFields(state.connector).map(({ name }) => name);
        return this.#working(async () => ({
          type: 'propertiesApplied',
          connector: await calls.applyProperties(this.#key, { submissionId, values, required }),
        }));
      }
      case 'applyingCredentials': {
        const { method, submissionId, credentials } = state;
        return this.#working(async () => {
          const connector = await calls.applyCredentials(this.#key, { method, submissionId, credentials });
          return connector.authenticated
            ? { type: 'credentialsApplied', connector }
            : askWhetherAuthenticated(this.#key);
        });
      }
      case 'verifyingAuthorization': {
        const { fingerprint } = this.#links.attempts.get(state.attemptId) ?? {};
        const before = this.input.intent === 'reauthenticate';
        return this.#working(() => askWhetherConsented(this.#key, { once: state.superseded, before, fingerprint }));
      }
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
    const wait = (this.#wait ??= new Timer(this.#deadline - Date.now(), waitFor[state.name].summary));
    const forConsent = state.name === 'awaitingAuthorization';
    const ranOut = () => wait.over || (forConsent && this.#links.ranOut);
    await condition(() => this.#inbox.length > 0 || ranOut() || this.#cancelled !== undefined || this.#isFull());
    if (this.#cancelled) return undefined;
    const message = this.#inbox.shift();
    if (message) return this.#read(message);
    if (this.#isFull()) return this.#goOn(state);
    const found = forConsent ? await this.#look(state.connector) : undefined;
    if (found || this.#cancelled) return found;
    return wait.over ? { type: 'timedOut' } : undefined;
  }

  /** Whether the history has grown too long, and nobody would notice that another run takes over. */
  #isFull(): boolean {
    return workflowInfo().continueAsNewSuggested && allHandlersFinished();
  }

  /** Goes on as another run, in the same state: Temporal's Continue-As-New. */
  #goOn(state: WaitingState): Promise<never> {
    return continueAsNew<typeof authenticateConnector>(this.input, {
      state,
      revision: this.#revision,
      deadline: this.#deadline,
      submissions: newest(this.#submissions),
      links: this.#links.carried,
      timeline: this.#timeline.answer,
    });
  }

  /** The event that an input is now. */
  #read(message: Message): Event | undefined {
    const event = eventOf(this.#state, message, this.#known);
    if (event) this.#taken.push(message);
    else message.answer = this.#view();
    if (event?.type === 'authorizationReturned') this.#goBack(message, event.id);
    return event;
  }

  #goBack({ kind }: Message, attemptId: string): void {
    if (kind === 'oauthCallback') this.#links.returned(attemptId); // who only asked has not come back yet
    const asked = this.#inbox.findIndex((message) => message.kind === 'confirmation');
    if (asked >= 0) this.#taken.push(...this.#inbox.splice(asked, 1)); // is told what comes of this one
  }

  /** It is known now what became of what was taken. Another input may follow at once: the view is kept for its sender. */
  #settle(): void {
    for (const message of this.#taken.splice(0)) message.answer = this.#view();
  }

  /**
   * A user may have consented and never come back: a look when the link has run out, and one before the wait expires.
   * What was authenticated before the user came proves nothing.
   */
  async #look({ authenticated }: Connector): Promise<Event | undefined> {
    this.#links.looked();
    if (authenticated) return undefined;
    const event = await this.#working(() => askWhetherConsented(this.#key, { once: true, before: false }));
    return event.type === 'authorizationConfirmed' || event.type === 'failed' ? event : undefined;
  }

  /** Calls Cyclr. A cancellation lets a running attempt end by itself. */
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

  /** Pauses while Cyclr is away, longer each time; after a day it is over. */
  async #sitOut(event: Event | undefined): Promise<void> {
    if (event?.type !== 'cyclrUnavailable') return void (this.#outage = undefined);
    this.#outage ??= new Outage(Date.now());
    const pause = this.#outage.nextPauseMs(Date.now(), event);
    if (pause === undefined) {
      this.#outage = undefined;
      return this.#happen({ type: 'outageOutlasted' });
    }
    if (event.operatorsTrouble) alarm();
    await condition(() => this.#cancelled !== undefined, pause, { summary: 'Leaves Cyclr alone, then tries again' });
  }

  /** Its name is recorded, never what came with it. */
  #unknown(signal: string): void {
    const { name } = this.#state;
    this.#timeline.add({ from: name, event: 'unknownSignal', to: name, note: signal.slice(0, 100) });
    log.warn('An unknown signal came');
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

  /** An update beside a signal: the same inbox, and an answer. */
  async #submit(message: Message): Promise<View> {
    this.#inbox.push(message);
    return this.#answer(message);
  }

  /** The view once it is known what became of the message, or as it stands after 10 s. */
  async #answer(message: Message): Promise<View> {
    const options = { summary: 'Answers a caller at the latest' };
    const isKnown = () => message.answer !== undefined || isFinal(this.#state);
    await CancellationScope.nonCancellable(() => condition(isKnown, ANSWER_WITHIN, options));
    return message.answer ?? this.#view();
  }

  /** Starts a verification, at most one in 5 s, or joins the one that runs. */
  async #confirm({ attemptId, by }: Confirmation): Promise<View> {
    const running = this.#taken.find(isAboutConsent) ?? this.#inbox.find(({ kind }) => kind === 'confirmation');
    if (running) return this.#answer(running);
    if (!this.#links.attempts.has(attemptId) || Date.now() - this.#confirmedAt < CONFIRM_EVERY_MS) return this.#view();
    this.#confirmedAt = Date.now();
    return this.#submit({ kind: 'confirmation', body: { attemptId, by } });
  }

  #wrongWithConfirmation(body: unknown): Problem | undefined {
    const isOpen = this.#state.name === 'awaitingAuthorization' || this.#state.name === 'verifyingAuthorization';
    return (
      rejectionOf(this.#state, { kind: 'confirmation', body }, this.#known) ??
      (isOpen ? undefined : problemOf('notNow'))
    );
  }

  async #authorize(request: AuthorizationRequest): Promise<AuthorizationLink> {
    try {
      const { answer, attempt } = await this.#links.mint(request);
      if (attempt) this.#happen({ type: 'linkMinted', id: attempt.id, attempt, by: request.by });
      return answer;
    } catch (error) {
      const event = eventOfFailure(error, this.#state);
      // Whatever it is that does not go away by itself, no user can change it.
      if (event.type !== 'cyclrUnavailable' || event.operatorsTrouble) alarm();
      throw failureOf(problemOf(isCancellation(error) ? 'notNow' : 'cyclrUnavailable'));
    }
  }

  #wrongWithRequest(request: unknown): Problem | undefined {
    if (!isAuthorizationRequest(request) || this.#links.knows(request.attemptId)) return problemOf('malformed');
    return this.#state.name === 'awaitingAuthorization' ? undefined : problemOf('notNow');
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
    if (event.type === 'propertiesSubmitted' || event.type === 'credentialsSubmitted') this.#submissions.add(event.id);
    if (state.name !== before.name) this.#enter(state, event);
    this.#show();
  }

  #show(): void {
    this.#signboard.show(this.#view(), isWaiting(this.#state) || isFinal(this.#state));
  }

  #enter(state: State, event: Event): void {
    this.#wait?.cancel();
    this.#wait = undefined;
    this.#links.leave();
    // An input that was refused here did not reach Cyclr: the wait that it came from goes on.
    if (isWaiting(state) && event.type !== 'inputRefused')
      this.#deadline = Date.now() + patienceMs(this.input.patience, waitFor[state.name].patience);
  }

  #record(event: Event, { name: from, ...before }: State, { name: to }: State): void {
    const { id = 'submissionId' in before ? before.submissionId : undefined, by } = event;
    const note = 'problem' in event ? event.problem.code : 'reason' in event ? event.reason : undefined;
    this.#timeline.add({ from, event: event.type, to, id, by, note });
    if (event.type !== 'inputRefused') return;
    refusedInputs.add(1, { code: event.problem.code });
    log.warn('An input was refused', { code: event.problem.code });
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

function alarm(): void {
  operatorsTrouble.add(1);
  log.error('Cyclr refuses us, not the user: the last failed activity says why');
}

const failureOf = (problem: Problem): ApplicationFailure =>
  ApplicationFailure.nonRetryable(problem.message, problem.code, problem);

/** Rejects an update: nothing of it enters the history. */
function reject(problem: Problem | undefined): void {
  if (problem) throw failureOf(problem);
}
