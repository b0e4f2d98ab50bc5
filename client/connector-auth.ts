/**
 * The library: starts, signals, updates and reads flows. The service and the command line start, signal and query
 * workflows only through the library.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowNotFoundError, type Client, type WorkflowExecutionDescription } from '@temporalio/client';
import type { QueryDefinition } from '@temporalio/common';
import { generateKey, privateKeysOf } from '../sealing/keys';
import { open } from '../sealing/seal';
import type { ConnectorKey } from '../workflows/connector';
import {
  faultOfInput,
  type Cancel,
  type Confirmation,
  type CredentialInput,
  type Input,
  type OAuthCallback,
  type PropertyInput,
  type Recheck,
} from '../workflows/input';
import type { FlowMemo } from '../workflows/flow-start';
import * as messages from '../workflows/messages';
import type {
  AddConnectors,
  CancelOnboarding,
  OnboardingInput,
  OnboardingKey,
  OnboardingProgress,
} from '../workflows/onboarding';
import type { ConnectionView } from '../workflows/connection';
import type { TransactionError } from '../workflows/ports';
import type { Timeline, TimelineEntry, View } from '../workflows/view';
import { isOpen } from '../workflows/visibility';
import type {
  AuditEntry,
  EventList,
  ListedEvent,
  ShownEvent,
  ConnectionList,
  ConnectorList,
  FlowList,
  Link,
  ListedConnector,
  Started,
} from './answers';
import { auditEntries, type AuditRequest } from './audit';
import { eventList, redeliver, shownEvent, type EventsRequest } from './events';
import { closedRunResult, closedRunView } from './closed-run';
import {
  ConnectorAuthError,
  isNeverHandled,
  translated,
  UnansweredUpdate,
  undefinedIfNotFound,
} from './connector-auth-error';
import { connectorList, type ListRequest } from './connector-list';
import { ANSWER_WITHIN_MS, FlowCalls, flowIdOf, isClosedBeforeAnswer, type FlowHandle } from './flow-calls';
import { flowList, signalBatch, type BatchSignal, type FlowFilter, type FlowsRequest } from './flow-list';
import { historyGrowth, signalOnce, type RunStatus } from './flow-history';
import { Connections, type ConnectionsRequest, type MonitorRequest } from './connections';
import { Onboardings, type StartedOnboarding } from './onboarding';
import { listed } from './runs';
import { startFlow } from './start-flow';

/** The time within which a flow answers a request for a link. */
const LINK_WITHIN_MS = 30_000;

export interface ConnectorAuthOptions {
  /** The task queue of the workers. The default is `connector-auth`. */
  taskQueue?: string;
}

/** The options of the flow that a call starts, and the options of the call itself. */
export interface StartOptions extends Omit<Input, keyof ConnectorKey> {
  /**
   * If the connector's latest run was started with this idempotency key, the start returns this run, even after its
   * end. Several simultaneous starts with one idempotency key start one run, and each of them can return `started:
   * true`. The memo of the run has the idempotency key in clear.
   */
  idempotencyKey?: string;
  /** The id of the invitation for which the flow is started. The memo of the run has the id in clear. */
  invitation?: string;
}

/** The status of a run at one moment. `historyLength` grows with each event in the run's history. */
export interface Progress extends RunStatus {
  historyLength: number;
}

/** The latest run of a connector's flow. */
export interface LatestRun extends ListedConnector {
  open: boolean;
  /** When the flow was started. Continue-As-New does not change this time. ISO 8601. */
  startedAt: string;
  /** The id of the invitation for which the run was started. */
  invitation?: string;
  /** The id of the onboarding that started the run. */
  onboarding?: string;
}

/** A request for a link to the third party's consent. */
export interface LinkRequest {
  /**
   * The URL to which the browser goes after the consent: absolute, https (http on loopback), without user info, at most
   * 2,000 characters. The library sends the normalized form of the URL, which is `new URL(returnTo).href`.
   */
  returnTo: string;
  /** A new id, 1 to 128 characters of `[A-Za-z0-9_-]`. The default is a random id. */
  attemptId?: string;
  /** The person or program that requests the link, at most 100 characters, for the timeline. */
  by?: string;
}

/**
 * Starts, signals, updates and reads the flows of one namespace. Several callers may share an instance, because an
 * instance holds no state except the client. The caller must close the connection of the client. All times are ISO 8601
 * strings.
 *
 * Each method fails with a {@link ConnectorAuthError}. In addition to the codes that a method names, each method can
 * fail with `temporalUnavailable`, with `invalidInput` if it takes the id of an account, a connector or an onboarding, and
 * with `noWorker` or `paused` if it needs a worker.
 */
export class ConnectorAuth {
  readonly #client: Client;
  readonly #calls: FlowCalls;
  readonly #taskQueue: string;
  readonly #onboardings: Onboardings;
  readonly #connections: Connections;

  constructor(client: Client, { taskQueue = messages.taskQueue }: ConnectorAuthOptions = {}) {
    this.#client = client;
    this.#calls = new FlowCalls(client);
    this.#taskQueue = taskQueue;
    const library = { client, calls: this.#calls, taskQueue };
    this.#onboardings = new Onboardings(library);
    this.#connections = new Connections(library);
  }

  /**
   * Starts the flow of a connector. If the flow is already open, returns the open flow (`started: false`) and lets this
   * flow re-read the connector. If the state of the open flow is final, waits up to 5 s for its end, and then starts
   * the next run. A flow that does not end within these 5 s counts as open. Needs no worker. Safe to repeat. Fails:
   * `invalidInput`; `alreadyRunning` for `reauthenticate` if an `authenticate` run is open.
   */
  async start(
    { accountId, connectorId }: ConnectorKey,
    { idempotencyKey, invitation, ...options }: StartOptions = {},
  ): Promise<Started> {
    const input: Input = { ...options, accountId, connectorId };
    const fault = faultOfInput(input);
    if (fault) throw new ConnectorAuthError('invalidInput', fault);
    return this.#calls.bounded(async () => {
      const started = await startFlow(this.#client, { input, taskQueue: this.#taskQueue, idempotencyKey, invitation });
      if (!started.started) await this.#signalRecheck(input, { by: options.by });
      return started;
    });
  }

  /** The view of the latest run. Needs a worker if the run is open. Fails: `notStarted`. */
  async view(key: ConnectorKey): Promise<View> {
    return this.#calls.bounded(async () => (await this.#queryOpen(key, messages.view)) ?? this.#viewOfClosed(key));
  }

  /** The latest run: whether it is open, and the length of its history. Needs no worker. Fails: `notStarted`. */
  async progress(key: ConnectorKey): Promise<Progress> {
    const { runId, status, historyLength } = await this.#calls.bounded(() => this.#calls.handle(key).describe());
    return { runId, open: isOpen({ status }), historyLength };
  }

  /**
   * The timeline of the latest run, up to 200 entries. Needs a worker if the run is open, or if Temporal ended the run
   * (cancelled, terminated, timed out). Fails: `notStarted`.
   */
  async timeline(key: ConnectorKey): Promise<Timeline> {
    return this.#timelineOf(key);
  }

  /**
   * The entries of the timeline of the latest run: first all past entries, then each new entry, until the run ends or
   * `signal` aborts. Needs a worker. Fails: `notStarted`.
   */
  async *timelineEntries(key: ConnectorKey, signal?: AbortSignal): AsyncGenerator<TimelineEntry> {
    let yielded = 0;
    for await (const { runId } of this.#changes(key, signal)) {
      const { entries, dropped = 0 } = await this.#timelineOf(key, runId);
      yield* entries.slice(Math.max(0, yielded - dropped));
      yielded = dropped + entries.length;
    }
  }

  /**
   * The current view, then a view after each change of the run, until the run ends or `signal` aborts. The last view of
   * a run that ends is the final view. Two views in a row can be equal. If the run continues as new, the views of the
   * next run follow. If a later call starts a run, the views of that run do not follow. While the flow does not change,
   * the only call to Temporal is a long poll. Needs a worker. Fails: `notStarted`.
   */
  async *views(key: ConnectorKey, signal?: AbortSignal): AsyncGenerator<View> {
    for await (const { runId, open } of this.#changes(key, signal))
      yield await this.#calls.bounded(() =>
        open ? this.#calls.query(this.#calls.handle(key, runId), messages.view) : this.#viewOfClosed(key, runId),
      );
  }

  /**
   * Waits without a limit for the end of the latest run. Returns the final view of this run. If the run continues as
   * new, or if an operator resets the run, waits for the end of the next run. Fails: `notStarted`.
   */
  async result(key: ConnectorKey): Promise<View> {
    const runId = await this.#end(key);
    return this.#calls.bounded(() => this.#viewOfClosed(key, runId));
  }

  /**
   * Sends values of properties. Returns the view after Cyclr accepted or refused the values, or the current view if
   * Cyclr has done neither within 10 s. If Cyclr refuses the values, the view has a `problem`. Safe to repeat: after
   * the flow has accepted an input, another input with the same `submissionId` changes nothing. Needs a worker. Fails:
   * `notStarted`; `closed`; the problem's code if the flow itself rejects the input.
   */
  submitProperties(key: ConnectorKey, input: PropertyInput): Promise<View> {
    return this.#viewAfter(key, () => this.#calls.update(key, messages.submitProperties, input.submissionId, input));
  }

  /** Sends sealed credentials. Answers and fails as {@link submitProperties} does. */
  submitCredentials(key: ConnectorKey, input: CredentialInput): Promise<View> {
    return this.#viewAfter(key, () => this.#calls.update(key, messages.submitCredentials, input.submissionId, input));
  }

  /**
   * Requests a new link to the third party's consent. The link is sealed to a key that is made for this call. Each call
   * makes a new attempt, which supersedes the older attempts. Needs a worker. Fails: `notStarted`; `closed`; `notNow`
   * if the flow does not wait for consent; `malformed`; `cyclrUnavailable`.
   */
  async requestAuthorization(key: ConnectorKey, { attemptId = randomUUID(), ...request }: LinkRequest): Promise<Link> {
    const { d, ...publicPart } = await generateKey();
    const { kty, crv, x, y } = publicPart;
    const returnTo = asParsed(request.returnTo);
    const body = { ...request, returnTo, attemptId, replyKey: { kty, crv, x, y } };
    const { expiresAt, link } = await translated(() =>
      this.#calls.update(key, messages.requestAuthorization, attemptId, body, LINK_WITHIN_MS).catch(this.#closed(key)),
    );
    const privateKeys = await privateKeysOf(JSON.stringify({ keys: [{ ...publicPart, d }] }));
    const url = await open(link, { ...key, purpose: 'link', submissionId: attemptId }, privateKeys);
    return { attemptId, url, expiresAt };
  }

  /**
   * Lets the flow verify whether the user has consented. The flow does so at most once in 5 s. Returns the view after
   * the verification, or the current view if the verification takes longer than 10 s. A confirmation of an unknown
   * attempt changes nothing. Needs a worker. Fails: `notStarted`; `closed`; `notNow`.
   */
  confirmAuthorization(key: ConnectorKey, confirmation: Confirmation): Promise<View> {
    return this.#viewAfter(key, () =>
      this.#calls.update(key, messages.confirmAuthorization, randomUUID(), confirmation),
    );
  }

  /**
   * Reports that the browser came back from the third party. The flow verifies the attempt once. Needs no worker. Safe
   * to repeat, because Temporal drops a second signal for the same attempt. Changes nothing if the attempt is unknown,
   * or if the flow is closed. Fails: `notStarted`.
   */
  async oauthReturned(key: ConnectorKey, callback: OAuthCallback): Promise<void> {
    await this.#calls.bounded(async () => {
      const run = await this.#calls.handle(key).describe();
      if (isOpen(run)) await signalOnce(this.#client, run, messages.oauthCallback, callback);
    });
  }

  /**
   * Lets a flow that waits for the user re-read the connector, and lets a flow in an outage repeat its call now. For
   * each flow, at most one call in 10 s has an effect. Returns the view after the call to Cyclr, or the current view if
   * the call takes longer than 10 s. Safe to repeat: a repeated call with the same `updateId` returns the first
   * answer again. Without `updateId`, each call has a new id. Needs a worker. Fails: `notStarted`; `closed`; `notNow`.
   */
  recheck(key: ConnectorKey, request: Recheck = {}, updateId: string = randomUUID()): Promise<View> {
    return this.#viewAfter(key, () => this.#calls.update(key, messages.recheckUpdate, updateId, request));
  }

  /**
   * One page of the connectors of an account, each with the latest run of its flow. Needs no worker. A page with a
   * `next` can have fewer items than `pageSize`, or no items. The list is complete when `next` is absent. If a flow
   * starts or ends between the calls for two pages, its connector can be missing, or be on two pages. Runs that
   * retention has removed are missing. Fails: `invalidInput`.
   */
  list(request: ListRequest): Promise<ConnectorList> {
    return this.#calls.bounded(() => connectorList(this.#client, request));
  }

  /**
   * One page of flows, of all accounts or of one account: open flows, or ended flows if the request has a final
   * `state`. Needs no worker. Fails: `invalidInput`.
   */
  flows(request: FlowsRequest = {}): Promise<FlowList> {
    return this.#calls.bounded(() => flowList(this.#client, request));
  }

  /**
   * The audit of an account: the entries of all runs of all flows that Temporal still has, the oldest run first. The
   * audit needs a worker to read the timeline of a run that is open, or that Temporal ended. Without a worker, the
   * audit contains only the start and the end of these runs. Fails: `invalidInput`.
   */
  audit(request: AuditRequest): AsyncGenerator<AuditEntry> {
    const readTimeline = (key: ConnectorKey, runId: string) => this.#timelineOf(key, runId);
    return auditEntries({ client: this.#client, calls: this.#calls, readTimeline }, request);
  }

  /**
   * One page of events, newest first, each with the state of its latest delivery. Needs no worker. A page with a `next`
   * can have fewer items than `pageSize`, or no items. Fails: `invalidInput`.
   */
  events(request: EventsRequest = {}): Promise<EventList> {
    return this.#calls.bounded(() => eventList(this.#client, request));
  }

  /** An event with its body. Needs no worker. Fails: `notStarted` for an unknown id. */
  event(id: string): Promise<ShownEvent> {
    return this.#calls.bounded(() => shownEvent(this.#client, id));
  }

  /**
   * Delivers an event again to its targets, with the same id and body. Safe to repeat, because the call changes nothing
   * if a delivery of the event is pending. Fails: `notStarted` for an unknown id.
   */
  redeliver(id: string): Promise<ListedEvent> {
    return this.#calls.bounded(() => redeliver(this.#client, id));
  }

  /**
   * Sends the signal `recheck` or `cancel` to each open flow that matches the filter, by a batch operation of Temporal.
   * Returns the id of the batch operation. Needs no worker. Fails: `invalidInput`, also for a filter
   * without members or with an unknown member; `batchRunning`.
   */
  batch(signal: BatchSignal, filter: Omit<FlowFilter, 'olderThan'>, by?: string): Promise<{ batchId: string }> {
    return this.#calls.bounded(() => signalBatch(this.#client, signal, filter, { by }));
  }

  /**
   * The latest run of a connector's flow, read from the search attributes and the memo of the run. Needs no worker.
   * Fails: `notStarted`.
   */
  async latestRun(key: ConnectorKey): Promise<LatestRun> {
    const run = await this.#calls.bounded(() => this.#calls.handle(key).describe());
    const { startedAt, invitation, onboarding } = (run.memo ?? {}) as FlowMemo & { startedAt?: string };
    return {
      ...listed(key, run),
      open: isOpen(run),
      startedAt: startedAt ?? run.startTime.toISOString(),
      ...(invitation !== undefined && { invitation }),
      ...(onboarding !== undefined && { onboarding }),
    };
  }

  /**
   * Cancels the latest run. Returns the final view, or the current view if the run has not ended within 10 s. Safe to
   * repeat, because a closed run does not change. Needs a worker if the run is open. Fails: `notStarted`.
   */
  async cancel(key: ConnectorKey, request: Cancel = {}): Promise<View> {
    return this.#calls.bounded(async () => {
      await this.#calls.handle(key).signal(messages.cancel, request).catch(undefinedIfNotFound);
      await withTimeout((signal) => this.#end(key, signal));
      return this.view(key);
    });
  }

  /**
   * Starts an onboarding. If an onboarding of this id is already open, returns the open onboarding (`started: false`)
   * and ignores `input`. Needs no worker. Safe to repeat. Fails: `invalidInput`.
   */
  startOnboarding(input: OnboardingInput): Promise<StartedOnboarding> {
    return this.#calls.bounded(() => this.#onboardings.start(input));
  }

  /** The progress of an onboarding. Needs a worker if the onboarding is open. Fails: `notStarted`. */
  onboarding(key: OnboardingKey): Promise<OnboardingProgress> {
    return this.#calls.bounded(() => this.#onboardings.progress(key));
  }

  /**
   * The present progress of an onboarding, then the progress after each change, until the onboarding ends or `signal`
   * aborts. Two items in a row can be equal. While the onboarding does not change, the only call to Temporal is a long
   * poll. Needs a worker. Fails: `notStarted`.
   */
  async *onboardingChanges(key: OnboardingKey, signal?: AbortSignal): AsyncGenerator<OnboardingProgress> {
    const changes = this.#onboardings.changes(key, signal);
    for (;;) {
      const { value, done } = await translated(() => changes.next());
      if (done) return;
      yield value;
    }
  }

  /**
   * Cancels an onboarding. With `cancelFlows: true`, also cancels the open flows that the onboarding started. Returns
   * the final progress, or the current progress if the onboarding has not ended within 10 s. Safe to repeat. Needs a
   * worker if the onboarding is open. Fails: `notStarted`.
   */
  cancelOnboarding(key: OnboardingKey, request: CancelOnboarding = {}): Promise<OnboardingProgress> {
    return this.#calls.bounded(async () => {
      await this.#onboardings.cancel(key, request);
      await withTimeout((signal) => this.#onboardings.ended(key, signal));
      return this.#onboardings.progress(key);
    });
  }

  /**
   * Adds connectors to an open onboarding. An onboarding has each connector only once, and at most 500 connectors.
   * Returns the progress. Safe to repeat. Needs a worker. Fails: `invalidInput`, `notStarted`, `closed`.
   */
  addConnectors(key: OnboardingKey, request: AddConnectors): Promise<OnboardingProgress> {
    return this.#calls.bounded(() => this.#onboardings.addConnectors(key, request));
  }

  /**
   * Tells whether integrations may run for a connector: the answer comes from the last read by the connector's monitor.
   * This call reads nothing from Cyclr. If the connector has no monitor, the answer comes from the latest run of its
   * flow that has read Cyclr. Needs a worker if a monitor is open. Fails: `notStarted` if the connector has neither a
   * monitor nor a flow.
   */
  connection(key: ConnectorKey): Promise<ConnectionView> {
    return this.#calls.bounded(() => this.#connections.read(key));
  }

  /**
   * One page of the connections of an account: first the connections that are monitored, or whose latest monitor ended
   * as `gone`, then the account's other connectors. The items of the other connectors are made from the latest runs of
   * their flows. Needs no worker. A page with a `next` can have fewer items than `pageSize`, or no items. Fails:
   * `invalidInput`.
   */
  connections(request: ConnectionsRequest): Promise<ConnectionList> {
    return this.#calls.bounded(() => this.#connections.list(request));
  }

  /**
   * Starts the monitoring of a connector, or lets its monitor read the connector now, at most once in 10 s. Returns the
   * connection after the read, or the current connection if the monitor has not read within 10 s. `stop`: ends the
   * monitoring, and returns the last answer of the monitor. Safe to repeat. Needs a worker. Fails: `invalidInput`;
   * `notStarted` for `stop` if the connector has neither a monitor nor a flow.
   */
  monitor(key: ConnectorKey, request: MonitorRequest = {}): Promise<ConnectionView> {
    return this.#calls.bounded(() => this.#connections.monitor(key, request));
  }

  /**
   * Starts a workflow for a message in which Cyclr reports that a call of a cycle failed to authenticate. Does nothing
   * while the workflow for an earlier message about the same cycle is open. Each of these workflows stays open for at
   * least 60 s. Needs no worker. Fails: `invalidInput`.
   */
  reportTransactionError(error: TransactionError): Promise<void> {
    return this.#calls.bounded(() => this.#connections.reportTransactionError(error));
  }

  /** Sends the signal `recheck`. Does nothing if the flow has ended. */
  async #signalRecheck(key: ConnectorKey, request: Recheck): Promise<void> {
    await this.#calls.handle(key).signal(messages.recheck, request).catch(undefinedIfNotFound);
  }

  #timelineOf(key: ConnectorKey, runId?: string): Promise<Timeline> {
    return this.#calls.bounded(
      async () => (await this.#queryOpen(key, messages.timeline, runId)) ?? this.#timelineOfClosed(key, runId),
    );
  }

  /** Queries an open run. Undefined if the run is closed. */
  #queryOpen<T>(key: ConnectorKey, query: QueryDefinition<T>, runId?: string): Promise<T | undefined> {
    return this.#calls.queryOpen(flowIdOf(key), query, runId);
  }

  /** The timeline of the closed run `ofRun`, or of the latest run if `ofRun` is absent. */
  #timelineOfClosed(key: ConnectorKey, ofRun?: string): Promise<Timeline> {
    const read = async (run: WorkflowExecutionDescription, handle: FlowHandle) =>
      (await closedRunResult(run, handle))?.timeline;
    return this.#readClosed(key, ofRun, messages.timeline, read).catch((err: unknown) => {
      if (isNeverHandled(err)) return { entries: [] };
      throw err;
    });
  }

  /** The view of the closed run `ofRun`, or of the latest run if `ofRun` is absent. */
  #viewOfClosed(key: ConnectorKey, ofRun?: string): Promise<View> {
    const read = (run: WorkflowExecutionDescription, handle: FlowHandle) =>
      closedRunView(this.#client, key, run, handle);
    return this.#readClosed(key, ofRun, messages.view, read);
  }

  /**
   * Reads a closed run by `read`, which sends no query to a worker. Queries the run if `read` returns `undefined`, or
   * if the latest run is open again: an operator has reset the run, or a new run has started.
   */
  async #readClosed<T>(
    key: ConnectorKey,
    ofRun: string | undefined,
    query: QueryDefinition<T>,
    read: (run: WorkflowExecutionDescription, handle: FlowHandle) => Promise<T | undefined>,
  ): Promise<T> {
    const run = await this.#calls.handle(key, ofRun).describe();
    const handle = this.#calls.handle(key, run.runId);
    return (isOpen(run) ? undefined : await read(run, handle)) ?? this.#calls.query(handle, query);
  }

  /**
   * Yields the status of the latest run at once, and after each change, until the run ends or `signal` aborts.
   * `onlyEnd`: after the first status, yields no change of an open run, except a pause.
   */
  async *#changes(key: ConnectorKey, signal?: AbortSignal, onlyEnd = false): AsyncGenerator<RunStatus> {
    const { runId, open, historyLength } = await this.progress(key);
    if (signal?.aborted) return;
    yield { runId, open };
    if (!open) return;
    const execution = { workflowId: flowIdOf(key), runId, historyLength, onlyEnd };
    const growth = historyGrowth(this.#client, execution, signal);
    for (;;) {
      const { value } = await translated(() => growth.next());
      if (signal?.aborted || !value) return;
      yield value;
    }
  }

  /** Waits until the latest run has ended, or until `signal` aborts. Returns the id of the run that was read last. */
  async #end(key: ConnectorKey, signal?: AbortSignal): Promise<string | undefined> {
    let runId: string | undefined;
    for await (const run of this.#changes(key, signal, true)) ({ runId } = run);
    return runId;
  }

  /**
   * Returns the answer of an update. Returns the current view if the flow accepted the update, but did not answer in
   * time. Returns the final view if the flow accepted the update, but closed before it answered the update. Fails with
   * `closed` if the flow had ended before the update.
   */
  #viewAfter(key: ConnectorKey, update: () => Promise<View>): Promise<View> {
    return translated(() =>
      update().catch((err: unknown) => {
        if (err instanceof UnansweredUpdate) return err.view;
        return isClosedBeforeAnswer(err) ? this.view(key) : this.#closed(key)(err);
      }),
    );
  }

  /** Turns the error of an update to a closed flow into an error with the code `closed` and the final view. */
  #closed(key: ConnectorKey): (err: unknown) => Promise<never> {
    return async (err) => {
      if (!(err instanceof WorkflowNotFoundError || isClosedBeforeAnswer(err))) throw err;
      throw new ConnectorAuthError('closed', 'The flow has ended. Start it again first.', await this.view(key));
    };
  }
}

/**
 * Normalizes a URL. Without normalization, this program and Cyclr could read the same text as two different URLs.
 * Returns the text unchanged if the text is no URL.
 */
const asParsed = (url: string): string => (URL.canParse(url) ? new URL(url).href : url);

/** Waits at most 10 s for the end of `call`. Then aborts the signal of `call`. */
async function withTimeout(call: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const abort = new AbortController();
  const timer = delay(ANSWER_WITHIN_MS, undefined, { signal: abort.signal }).catch(() => undefined);
  await Promise.race([call(abort.signal), timer]).finally(() => abort.abort());
}
