/** The Temporal half: the loop, the waiting, the calls. What follows what stands in `machine.ts`. */
import {
  ApplicationFailure,
  CancellationScope,
  allHandlersFinished,
  condition,
  continueAsNew,
  workflowInfo,
} from '@temporalio/workflow';
import { alarm } from './alarm';
import { Callers } from './handlers';
import * as calls from './calls';
import type { Carried } from './carried';
import { isObject, missingFields, type Connector, type ConnectorKey } from '../connector';
import { Course } from './flow-state';
import { Inbox } from './inbox';
import { faultOfStart, isBy } from '../input';
import { Links } from './links';
import { isFinal, isWaiting, type Event, type State, type WaitingState } from './machine';
import type { Input, View } from '../messages';
import { Outage } from './outage';
import { eventOfFailure } from './outages';
import { eventOf, type Message } from './inputs';
import { Timer } from './timer';
import { askWhetherAuthenticated, askWhetherConsented } from './verification';

const waits: Record<WaitingState['name'], string> = {
  awaitingProperties: 'Waits for properties, then expires',
  awaitingCredentials: 'Waits for credentials, then expires',
  awaitingAuthorization: 'Waits for authorization, then expires',
};

/**
 * Takes one account connector through authentication. Ends with the final view; fails with an ApplicationFailure whose
 * type is the failure's code and whose first detail is the final view. `carried` comes from a run that it goes on for.
 */
export function authenticateConnector(input: Input, carried?: Carried): Promise<View> {
  // Only a run of our own can say where it stands: whoever starts one begins at the beginning.
  return new Authentication(input, workflowInfo().continuedFromExecutionRunId ? carried : undefined).run();
}

class Authentication {
  readonly #key: ConnectorKey;
  readonly #inbox = new Inbox();
  readonly #course: Course;
  readonly #links: Links;
  #wait?: Timer;
  /** What calls Cyclr at the moment. */
  #work?: CancellationScope;
  #outage?: Outage;
  /** What ends it before its time, and Temporal's own request where that is what does. */
  #cancelled?: Event;
  #cancellation?: unknown;

  constructor(
    private readonly input: Input,
    carried?: Carried,
  ) {
    this.#key = { accountId: input?.accountId, connectorId: input?.connectorId };
    this.#course = new Course(input, carried);
    this.#links = new Links(this.#key, input?.intent === 'reauthenticate', carried?.links);
    const cancel = (request: unknown) => this.#cancel(request);
    new Callers({ course: this.#course, inbox: this.#inbox, links: this.#links, cancel });
    // Temporal's cancellation is an event like any other: it ends in a state and its last upsert, not in mid-air.
    CancellationScope.current().cancelRequested.catch((request: unknown) => {
      this.#cancellation = request;
      this.#cancel({});
    });
  }

  /** Temporal's cancellation does not reach what happens in here. */
  run(): Promise<View> {
    let end!: Promise<View>;
    // The scope itself waits for nothing: see the timer.
    void CancellationScope.nonCancellable(async () => void (end = this.#run()));
    return end;
  }

  async #run(): Promise<View> {
    const wrong = faultOfStart(this.input, workflowInfo().workflowId);
    if (wrong) this.#happen({ type: 'failed', failure: { code: 'invalidInput', message: wrong } });
    while (!isFinal(this.#state)) {
      const event = this.#cancelled ?? (await this.#next(this.#state));
      this.#happen(event);
      await this.#sitOut(event);
      if (isWaiting(this.#state) || isFinal(this.#state)) this.#inbox.settle(this.#course.view);
    }
    this.#drain();
    await condition(allHandlersFinished);
    this.#drain();
    return this.#end();
  }

  get #state(): State {
    return this.#course.state;
  }

  #end(): View {
    const { state, view } = this.#course;
    if (state.name === 'failed') throw ApplicationFailure.nonRetryable(state.failure.message, state.failure.code, view);
    if (state.name === 'cancelled' && this.#cancellation) throw this.#cancellation as Error;
    return view;
  }

  /** What came too late is refused, so that nobody waits for an answer. */
  #drain(): void {
    for (let message = this.#inbox.next(); message; message = this.#inbox.next()) this.#happen(this.#read(message));
  }

  /** What happens next; nothing for an input that changes nothing. */
  #next(state: State): Promise<Event | undefined> | undefined {
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
    const wait = (this.#wait ??= new Timer(this.#course.deadline - Date.now(), waits[state.name]));
    const forConsent = state.name === 'awaitingAuthorization';
    const ranOut = () => wait.over || (forConsent && this.#links.ranOut);
    await condition(() => !this.#inbox.isEmpty || ranOut() || this.#cancelled !== undefined || this.#isFull());
    if (this.#cancelled) return undefined;
    const message = this.#inbox.next();
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
    const carried = { ...this.#course.carried(state), links: this.#links.carried };
    return continueAsNew<typeof authenticateConnector>(this.input, carried);
  }

  /** The event that an input is now. */
  #read(message: Message): Event | undefined {
    const { state, submissions } = this.#course;
    const event = eventOf(state, message, { submissions, attempts: this.#links.attempts });
    if (event) this.#inbox.take(message);
    else message.answer = this.#course.view;
    if (event?.type !== 'authorizationReturned') return event;
    if (message.kind === 'oauthCallback') this.#links.returned(event.id); // who only asked has not come back yet
    this.#inbox.takeConfirmation();
    return event;
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

  #cancel(request: unknown): void {
    const { reason, by } = isObject(request) ? request : {};
    this.#cancelled ??= {
      type: 'cancelled',
      ...(typeof by === 'string' && isBy(by) && { by }),
      ...(typeof reason === 'string' && { reason: reason.slice(0, 200) }),
    };
    this.#work?.cancel();
  }

  #happen(event: Event | undefined): void {
    if (!event || !this.#course.happen(event)) return;
    this.#wait?.cancel();
    this.#wait = undefined;
    this.#links.leave();
  }
}
