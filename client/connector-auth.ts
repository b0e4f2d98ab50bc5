/**
 * The library: starts, signals, updates and reads flows. Every program except the worker reaches Temporal only through
 * the library.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  QueryRejectedError,
  WorkflowClient,
  WorkflowFailedError,
  WorkflowNotFoundError,
  type Client,
  type WorkflowExecutionDescription,
} from '@temporalio/client';
import type { QueryDefinition } from '@temporalio/common';
import { generateKey, privateKeysOf } from '../sealing/keys';
import { open } from '../sealing/seal';
import { workflowIdOf, type ConnectorKey } from '../workflows/connector';
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
import * as messages from '../workflows/messages';
import type { Timeline, TimelineEntry, View } from '../workflows/view';
import type { ConnectorList, FlowList, Link, ListedConnector, Started } from './answers';
import { closedRunResult, closedRunView } from './closed-run';
import { ConnectorAuthError, translated } from './connector-auth-error';
import { connectorList, type ListRequest } from './connector-list';
import { ANSWER_WITHIN_MS, FlowCalls, isClosedBeforeAnswer, type FlowHandle } from './flow-calls';
import { flowList, signalBatch, type BatchSignal, type FlowFilter, type FlowsRequest } from './flow-list';
import { historyGrowth, isOpen, signalOnce, type RunStatus } from './flow-history';
import { listed } from './runs';
import { startFlow } from './start-flow';

/** The time in which a flow answers a request for a link. */
const LINK_WITHIN_MS = 30_000;

export interface ConnectorAuthOptions {
  /** The task queue of the workers: `connector-auth` by default. */
  taskQueue?: string;
}

/** The options of a flow, and of its start. */
export interface StartOptions extends Omit<Input, keyof ConnectorKey> {
  /**
   * A start with the key of the connector's latest run returns this run, also after its end. Several starts with one
   * key at the same moment start one run; each of these calls can return `started: true`. The key is in the memo of the
   * run, in clear.
   */
  idempotencyKey?: string;
  /** The id of the invitation that the flow is started for. The memo of the run has the id in clear. */
  invitation?: string;
}

/** A snapshot of a run. `historyLength` grows with each event of the run. */
export interface Progress extends RunStatus {
  historyLength: number;
}

/** The latest run of a connector. */
export interface LatestRun extends ListedConnector {
  open: boolean;
  /** When the first run of the flow began: the runs after Continue-As-New have the same time. ISO 8601. */
  startedAt: string;
  /** The invitation that the run was started for. */
  invitation?: string;
}

/** A request for a link to the third party's consent. */
export interface LinkRequest {
  /**
   * The browser's address after the consent: absolute https (http on loopback), no user info, at most 2,000 characters.
   * The library sends this address as the URL parser writes it.
   */
  returnTo: string;
  /** A fresh id, 1 to 128 characters of `[A-Za-z0-9_-]`. Random by default. */
  attemptId?: string;
  /** The person or program that requests the link, at most 100 characters, for the timeline. */
  by?: string;
}

/**
 * Starts, signals, updates and reads the flows of one namespace. Callers may share an instance, because it holds no
 * state except the client. The caller closes the client's connection. All times are ISO 8601 strings.
 *
 * Each method fails with a {@link ConnectorAuthError}. In addition to the codes that a method names, each method can
 * fail with `temporalUnavailable`, and with `noWorker` if the method needs a worker.
 */
export class ConnectorAuth {
  readonly #client: Client;
  readonly #calls: FlowCalls;
  /**
   * A client for queries of open runs. For a closed run, the server itself rejects the query, so the query needs no
   * worker.
   */
  readonly #openRuns: WorkflowClient;
  readonly #taskQueue: string;

  constructor(client: Client, { taskQueue = messages.taskQueue }: ConnectorAuthOptions = {}) {
    const { connection, workflow } = client;
    this.#client = client;
    this.#calls = new FlowCalls(client);
    this.#openRuns = new WorkflowClient({ ...workflow.options, connection, queryRejectCondition: 'NOT_OPEN' });
    this.#taskQueue = taskQueue;
  }

  /**
   * Starts the flow of a connector, or returns the open flow (`started: false`) and lets it re-read the connector.
   * Needs no worker. Repeating is safe.
   * Fails: `invalidInput`; `alreadyRunning` for `reauthenticate` while an `authenticate` run is open.
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

  /** The view of the latest run. Needs a worker while the run is open. Fails: `notStarted`. */
  async view(key: ConnectorKey): Promise<View> {
    return this.#calls.bounded(async () => (await this.#queryOpen(key, messages.view)) ?? this.#viewOfClosed(key));
  }

  /** The latest run: whether it is open, and the length of its history. Needs no worker. Fails: `notStarted`. */
  async progress(key: ConnectorKey): Promise<Progress> {
    const { runId, status, historyLength } = await this.#calls.bounded(() => this.#calls.handle(key).describe());
    return { runId, open: isOpen({ status }), historyLength };
  }

  /**
   * The timeline of the latest run, up to 200 entries. Needs a worker while the run is open, and for a run that Temporal
   * ended (cancelled, terminated, timed out). Fails: `notStarted`.
   */
  async timeline(key: ConnectorKey): Promise<Timeline> {
    return this.#timelineOf(key);
  }

  /**
   * Each entry of the timeline of the latest run: first all past entries, then each new entry, until the run ends or
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
   * a run that ends is the final view. Two views in a row can be equal. Follows continue-as-new, but not a later start.
   * Makes no call while the flow does not change. Needs a worker. Fails: `notStarted`.
   */
  async *views(key: ConnectorKey, signal?: AbortSignal): AsyncGenerator<View> {
    for await (const { runId, open } of this.#changes(key, signal))
      yield await this.#calls.bounded(() =>
        open ? this.#calls.query(this.#calls.handle(key, runId), messages.view) : this.#viewOfClosed(key, runId),
      );
  }

  /** Waits without a limit for the end of the latest run. Returns the final view. Fails: `notStarted`. */
  async result(key: ConnectorKey): Promise<View> {
    await translated(() => this.#calls.handle(key).result().catch(ignoreClosed));
    return this.view(key);
  }

  /**
   * Sends values of properties. Returns the view after Cyclr accepted or refused the values; the view of refused values
   * has a `problem`. If this takes longer than 10 s, returns the current view. Repeating is safe: a `submissionId` seen
   * before changes nothing. Needs a worker.
   * Fails: `notStarted`; `closed`; the problem's code if the flow itself rejects the input.
   */
  submitProperties(key: ConnectorKey, input: PropertyInput): Promise<View> {
    return this.#viewAfter(key, () => this.#calls.update(key, messages.submitProperties, input.submissionId, input));
  }

  /** Sends sealed credentials. Answers and fails as {@link submitProperties} does. */
  submitCredentials(key: ConnectorKey, input: CredentialInput): Promise<View> {
    return this.#viewAfter(key, () => this.#calls.update(key, messages.submitCredentials, input.submissionId, input));
  }

  /**
   * A fresh link to the third party's consent. The link is sealed to a key that is made for this call. Each call makes
   * a new attempt, which supersedes the older attempts. Needs a worker.
   * Fails: `notStarted`; `closed`; `notNow` if the flow does not wait for consent; `malformed`; `cyclrUnavailable`.
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
   * Verifies whether the user has consented, at most once in 5 s. Returns the view after the verification, or the current
   * view after 10 s. An unknown attempt changes nothing. Needs a worker. Fails: `notStarted`; `closed`; `notNow`.
   */
  confirmAuthorization(key: ConnectorKey, confirmation: Confirmation): Promise<View> {
    return this.#viewAfter(key, () =>
      this.#calls.update(key, messages.confirmAuthorization, randomUUID(), confirmation),
    );
  }

  /**
   * Reports that the browser came back from the third party. The flow verifies the attempt once. Needs no worker.
   * Repeating is safe: Temporal drops a second signal of an attempt, so that the history does not grow. An unknown attempt
   * or a closed flow changes nothing. Fails: `notStarted`.
   */
  async oauthReturned(key: ConnectorKey, callback: OAuthCallback): Promise<void> {
    await this.#calls.bounded(async () => {
      const run = await this.#calls.handle(key).describe();
      if (isOpen(run)) await signalOnce(this.#client, run, messages.oauthCallback, callback);
    });
  }

  /**
   * Lets a flow that waits for the user re-read the connector, and a flow in an outage repeat its call now; at most
   * once in 10 s. Returns the view after the call to Cyclr, or the current view after 10 s. Repeating is safe: with the
   * same `updateId`, a run answers with its first answer. Needs a worker. Fails: `notStarted`; `closed`.
   */
  recheck(key: ConnectorKey, request: Recheck = {}, updateId: string = randomUUID()): Promise<View> {
    return this.#viewAfter(key, () => this.#calls.update(key, messages.recheckUpdate, updateId, request));
  }

  /**
   * One page of the connectors of an account, each with its latest run. Needs no worker. A page with a `next` can have
   * fewer items than `pageSize`, or none: the list is complete when `next` is absent. A flow that starts or ends
   * between two pages can be missing, or be on both pages. Runs that retention has removed are missing. Fails:
   * `invalidInput`.
   */
  list(request: ListRequest): Promise<ConnectorList> {
    return this.#calls.bounded(() => connectorList(this.#client, request));
  }

  /**
   * One page of flows over all accounts: open flows, or ended flows if the request has a final `state`. Needs no
   * worker. Fails: `invalidInput`.
   */
  flows(request: FlowsRequest = {}): Promise<FlowList> {
    return this.#calls.bounded(() => flowList(this.#client, request));
  }

  /**
   * Sends the signal `recheck` or `cancel` to each open flow that matches the filter, by a batch operation of Temporal.
   * Returns the id of the batch operation. Needs no worker. Fails: `invalidInput` without a filter; `batchRunning`.
   */
  batch(signal: BatchSignal, filter: Omit<FlowFilter, 'olderThan'>, by?: string): Promise<{ batchId: string }> {
    return this.#calls.bounded(() => signalBatch(this.#client, signal, filter, { by }));
  }

  /** The latest run of a connector by its search attributes. Needs no worker. Fails: `notStarted`. */
  async latestRun(key: ConnectorKey): Promise<LatestRun> {
    const run = await this.#calls.bounded(() => this.#calls.handle(key).describe());
    const { startedAt, invitation } = (run.memo ?? {}) as { startedAt?: string; invitation?: string };
    return {
      ...listed(key, run),
      open: isOpen(run),
      startedAt: startedAt ?? run.startTime.toISOString(),
      ...(invitation !== undefined && { invitation }),
    };
  }

  /**
   * Cancels the latest run. Returns the final view, or the current view after 10 s. Repeating is safe: a closed run
   * does not change. Needs a worker while the run is open. Fails: `notStarted`.
   */
  async cancel(key: ConnectorKey, request: Cancel = {}): Promise<View> {
    return this.#calls.bounded(async () => {
      const handle = this.#calls.handle(key);
      await handle.signal(messages.cancel, request).catch(ignoreClosed);
      await withTimeout(() => handle.result().catch(ignoreClosed));
      return this.view(key);
    });
  }

  /** Sends the signal `recheck`. Does nothing if the flow has ended. */
  async #signalRecheck(key: ConnectorKey, request: Recheck): Promise<void> {
    await this.#calls.handle(key).signal(messages.recheck, request).catch(ignoreClosed);
  }

  #timelineOf(key: ConnectorKey, runId?: string): Promise<Timeline> {
    return this.#calls.bounded(
      async () => (await this.#queryOpen(key, messages.timeline, runId)) ?? this.#timelineOfClosed(key, runId),
    );
  }

  /** Queries a run; undefined if the run is closed. */
  async #queryOpen<T>(key: ConnectorKey, query: QueryDefinition<T>, runId?: string): Promise<T | undefined> {
    try {
      return await this.#calls.query(this.#openRuns.getHandle(workflowIdOf(key), runId), query);
    } catch (err) {
      if (err instanceof QueryRejectedError) return undefined;
      throw err;
    }
  }

  /** The timeline of a closed run: of the run `ofRun`, or of the latest run if `ofRun` is absent. */
  #timelineOfClosed(key: ConnectorKey, ofRun?: string): Promise<Timeline> {
    const read = async (run: WorkflowExecutionDescription, handle: FlowHandle) =>
      (await closedRunResult(run, handle))?.timeline;
    return this.#readClosed(key, ofRun, messages.timeline, read);
  }

  /** The view of a closed run: of the run `ofRun`, or of the latest run if `ofRun` is absent. */
  #viewOfClosed(key: ConnectorKey, ofRun?: string): Promise<View> {
    const read = (run: WorkflowExecutionDescription, handle: FlowHandle) =>
      closedRunView(this.#client, key, run, handle);
    return this.#readClosed(key, ofRun, messages.view, read);
  }

  /**
   * Reads a closed run without a query. Queries a run that has no such answer, and a run that is open again: an operator
   * has resumed it, or a new run has started.
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

  /** Yields at once, and after each change of the latest run, until the run ends or `signal` aborts. */
  async *#changes(key: ConnectorKey, signal?: AbortSignal): AsyncGenerator<RunStatus> {
    const { runId, open, historyLength } = await this.progress(key);
    if (signal?.aborted) return;
    yield { runId, open };
    if (!open) return;
    const growth = historyGrowth(this.#client, { workflowId: workflowIdOf(key), runId, historyLength }, signal);
    for (;;) {
      const { value } = await translated(() => growth.next());
      if (signal?.aborted || !value) return;
      yield value;
    }
  }

  /** The answer of an update; the final view if the flow accepted the update and closed before it answered. */
  #viewAfter(key: ConnectorKey, update: () => Promise<View>): Promise<View> {
    return translated(() =>
      update().catch((err: unknown) => (isClosedBeforeAnswer(err) ? this.view(key) : this.#closed(key)(err))),
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

/** The address as the URL parser writes it. Cyclr's parser could read the caller's text as another address. */
const asParsed = (url: string): string => (URL.canParse(url) ? new URL(url).href : url);

/**
 * Ignores the two errors of a closed run: it accepts no signal, and the result of a failed or cancelled run is an
 * error.
 */
function ignoreClosed(err: unknown): void {
  if (!(err instanceof WorkflowFailedError || err instanceof WorkflowNotFoundError)) throw err;
}

async function withTimeout(call: () => Promise<unknown>): Promise<void> {
  const abort = new AbortController();
  const timer = delay(ANSWER_WITHIN_MS, undefined, { signal: abort.signal }).catch(() => undefined);
  await Promise.race([call(), timer]).finally(() => abort.abort());
}
