/** The library: the only door to Temporal for everybody outside the worker. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  QueryRejectedError,
  WorkflowClient,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowHandle,
} from '@temporalio/client';
import { ApplicationFailure, type QueryDefinition, type UpdateDefinition } from '@temporalio/common';
import type { ConnectorKey } from '../workflows/connector';
import { escapeMarkdown } from '../workflows/authenticate-connector/status';
import { faultOfInput } from '../workflows/input';
import * as messages from '../workflows/messages';
import type {
  Cancel,
  Confirmation,
  CredentialInput,
  Input,
  Intent,
  OAuthCallback,
  PropertyInput,
  Timeline,
  TimelineEntry,
  View,
} from '../workflows/messages';
import { ConnectorAuthError, isDeadline, noWorker, translated } from './connector-auth-error';
import { connectorList, type ConnectorList, type ListRequest } from './connector-list';
import { historyGrowth, inputOf } from './history';
import { generateKey, privateKeysOf } from '../sealing/keys';
import { open } from '../sealing/seal';

const ANSWER_WITHIN_MS = 10_000;
/** What a flow gives Cyclr to make a link. */
const LINK_WITHIN_MS = 30_000;
/** What an answer may take on its way. */
const SPARE_MS = 5_000;
/** After how long a query is asked again. */
const ASK_AGAIN_MS = 2_500;
/** What a look takes whether Temporal answers at all. */
const LOOK_MS = 2_000;
/** After how long an update is sent again that nobody has looked at. */
const SEND_AGAIN_MS = 100;
const RESTARTS = 5;

export interface Started {
  workflowId: string;
  runId: string;
  /** False where it ran already. */
  started: boolean;
  intent: Intent;
}

/** What a flow starts with beside its connector. */
export interface StartOptions extends Omit<Input, keyof ConnectorKey> {
  /** A start with the key of the connector's latest run is that run, also when it has ended. Stands in its memo. */
  idempotencyKey?: string;
}

/** The present or the last run; its history grows whenever something happens. */
export interface Progress {
  runId: string;
  open: boolean;
  historyLength: number;
}

/** A link to the third party's consent. Whoever has it can act as its user: show it to nobody else. */
export interface Link {
  attemptId: string;
  url: string;
  expiresAt: string;
}

export interface ConnectorAuthOptions {
  /** The task queue of the workers; `connector-auth` by default. */
  taskQueue?: string;
}

/**
 * Starts, feeds, reads and ends authentications. Every method fails with a {@link ConnectorAuthError}: besides the
 * codes that it names, `temporalUnavailable`, and `noWorker` where a running flow has to be asked.
 */
export class ConnectorAuth {
  /** Where the server itself refuses a query about a flow that has ended. */
  readonly #openFlows: WorkflowClient;
  readonly #taskQueue: string;

  /** Shares the client's connection, which the caller closes. */
  constructor(
    private readonly client: Client,
    { taskQueue = messages.taskQueue }: ConnectorAuthOptions = {},
  ) {
    this.#taskQueue = taskQueue;
    const { connection, workflow } = client;
    this.#openFlows = new WorkflowClient({ ...workflow.options, connection, queryRejectCondition: 'NOT_OPEN' });
  }

  /** Starts an authentication, or finds the one that runs. Repeating is safe. Fails: invalidInput, alreadyRunning. */
  async start(
    { accountId, connectorId }: ConnectorKey,
    { idempotencyKey, ...options }: StartOptions = {},
  ): Promise<Started> {
    const input: Input = { ...options, accountId, connectorId };
    const wrong = faultOfInput(input);
    if (wrong) throw new ConnectorAuthError('invalidInput', wrong);
    return this.#bounded(async () => {
      const before = idempotencyKey === undefined ? undefined : await this.#startedWith(input, idempotencyKey);
      if (before) return before;
      for (let attempt = 1; ; attempt++) {
        const answer = (await this.#startNew(input, idempotencyKey)) ?? (await this.#findRunning(input));
        if (answer) return answer;
        if (attempt === RESTARTS)
          throw new ConnectorAuthError('temporalUnavailable', 'It closes as fast as it starts.');
      }
    });
  }

  /** Where it stands, also after it ended. Fails: notStarted. */
  async view(key: ConnectorKey): Promise<View> {
    return this.#bounded(() => this.#viewOf(key));
  }

  /** How far it has come. Cheap: asks Temporal alone, and no worker. Fails: notStarted. */
  async progress(key: ConnectorKey): Promise<Progress> {
    const { runId, status, historyLength } = await this.#bounded(() => this.#handle(key).describe());
    return { runId, open: status.name === 'RUNNING', historyLength };
  }

  /** How it got there. Needs a worker, also after the end. Fails: notStarted. */
  async timeline(key: ConnectorKey): Promise<Timeline> {
    return this.#bounded(() => this.#query(this.#handle(key), messages.timeline));
  }

  /** Every entry of the timeline, the past ones first, until it has ended or `signal` aborts. Fails: notStarted. */
  async *timelineEntries(key: ConnectorKey, signal?: AbortSignal): AsyncGenerator<TimelineEntry> {
    let told = 0;
    for await (const { runId } of this.#growth(key, signal)) {
      const handle = this.#handle(key, runId);
      const { entries, dropped = 0 } = await this.#bounded(() => this.#query(handle, messages.timeline));
      yield* entries.slice(Math.max(0, told - dropped));
      told = dropped + entries.length;
    }
  }

  /**
   * The present view, and then one whenever it can have changed (it need not have), the final one last: until that, or
   * until `signal` aborts. A run that goes on in the place of another is followed, one that somebody starts after the
   * end is not. Nothing is asked while nothing happens. Fails: notStarted.
   */
  async *views(key: ConnectorKey, signal?: AbortSignal): AsyncGenerator<View> {
    for await (const { runId, open } of this.#growth(key, signal))
      yield await this.#bounded(() =>
        open ? this.#query(this.#handle(key, runId), messages.view) : this.#endedView(key, runId),
      );
  }

  /** The final view, once it has ended. Fails: notStarted. */
  async result(key: ConnectorKey): Promise<View> {
    await translated(() => this.#handle(key).result().catch(unlessEnded));
    return this.view(key);
  }

  /**
   * Gives values for the connector's properties. The view after Cyclr took or refused them (then it has a `problem`),
   * or as it stands after 10 s. A `submissionId` that was taken before changes nothing. Fails: notStarted, closed (with
   * the final view), and the problem's code where the flow itself refuses the input.
   */
  submitProperties(key: ConnectorKey, input: PropertyInput): Promise<View> {
    return this.#answered(key, () => this.#update(key, messages.submitProperties, input.submissionId, input));
  }

  /** Gives an API key, a user name and password, or tokens: as {@link submitProperties}. */
  submitCredentials(key: ConnectorKey, input: CredentialInput): Promise<View> {
    return this.#answered(key, () => this.#update(key, messages.submitCredentials, input.submissionId, input));
  }

  /**
   * A fresh link to the third party's consent, which only this call can read. Each call makes another; the newest wins.
   * An `attemptId` of one's own must be fresh.
   * Fails: notStarted, closed, notNow (it does not wait for consent), malformed (`returnTo`), cyclrUnavailable.
   */
  async requestAuthorization(
    key: ConnectorKey,
    { attemptId = randomUUID(), ...request }: { returnTo: string; attemptId?: string; by?: string },
  ): Promise<Link> {
    const { d, ...publicPart } = await generateKey();
    const { kty, crv, x, y } = publicPart;
    const body = { ...request, attemptId, replyKey: { kty, crv, x, y } };
    const { expiresAt, link } = await translated(() =>
      this.#update(key, messages.requestAuthorization, attemptId, body, LINK_WITHIN_MS).catch(this.#closed(key)),
    );
    const privateKeys = await privateKeysOf(JSON.stringify({ keys: [{ ...publicPart, d }] }));
    const url = await open(link, { ...key, purpose: 'link', submissionId: attemptId }, privateKeys);
    return { attemptId, url, expiresAt };
  }

  /**
   * Asks Cyclr whether the user has consented, at most once in 5 s: the view when that is known, or as it stands after
   * 10 s. An attempt that the flow does not know changes nothing. Fails: notStarted, closed, notNow.
   */
  confirmAuthorization(key: ConnectorKey, confirmation: Confirmation): Promise<View> {
    return this.#answered(key, () => this.#update(key, messages.confirmAuthorization, randomUUID(), confirmation));
  }

  /**
   * The browser came back from the third party: Cyclr is asked, once for each attempt, and nobody waits. Repeating is
   * safe; an attempt that the flow does not know, or a flow that has ended, changes nothing. Fails: notStarted.
   */
  async oauthReturned(key: ConnectorKey, callback: OAuthCallback): Promise<void> {
    await this.#bounded(async () => {
      const { status } = await this.#handle(key).describe();
      if (status.name === 'RUNNING')
        await this.#handle(key).signal(messages.oauthCallback, callback).catch(unlessEnded);
    });
  }

  /** The latest flow of each connector of an account, in the order of their ids, as far as Temporal keeps them. */
  list(request: ListRequest): Promise<ConnectorList> {
    return this.#bounded(() => connectorList(this.client, request));
  }

  /** Ends it. The final view, or the view as it stands after 10 s. Repeating is safe. Fails: notStarted. */
  async cancel(key: ConnectorKey, request: Cancel = {}): Promise<View> {
    return this.#bounded(async () => {
      const handle = this.#handle(key);
      await handle.signal(messages.cancel, request).catch(unlessEnded);
      await this.#within(() => handle.result().catch(unlessEnded));
      return this.view(key);
    });
  }

  /** The new run; nothing where the id is taken. */
  async #startNew(input: Input, idempotencyKey?: string): Promise<Started | undefined> {
    const { accountId, connectorId, intent = 'authenticate' } = input;
    const workflowId = messages.workflowIdOf(input);
    const { searchAttributes } = messages;
    try {
      const handle = await this.client.workflow.start<(input: Input) => Promise<View>>('authenticateConnector', {
        taskQueue: this.#taskQueue,
        workflowId,
        workflowIdConflictPolicy: 'FAIL',
        args: [input],
        memo: idempotencyKey === undefined ? undefined : { idempotencyKey },
        staticSummary: `Authenticate connector ${connectorId} of ${accountId}`,
        staticDetails: detailsOf(input),
        typedSearchAttributes: [
          { key: searchAttributes.accountId, value: accountId },
          { key: searchAttributes.connectorId, value: String(connectorId) },
        ],
      });
      return { workflowId, runId: handle.firstExecutionRunId, started: true, intent };
    } catch (err) {
      if (err instanceof WorkflowExecutionAlreadyStartedError) return undefined;
      throw err;
    }
  }

  /** The latest run, if it was started with this key. A run that goes on in the place of another has its memo, too. */
  async #startedWith(key: ConnectorKey, idempotencyKey: string): Promise<Started | undefined> {
    const latest = await this.#handle(key)
      .describe()
      .catch((err: unknown) => {
        if (!(err instanceof WorkflowNotFoundError)) throw err;
      });
    return latest?.memo?.idempotencyKey === idempotencyKey ? this.#foundOf(latest) : undefined;
  }

  /** A run that was there already. */
  async #foundOf({ workflowId, runId }: { workflowId: string; runId: string }): Promise<Started> {
    const { intent = 'authenticate' } = await inputOf(this.client, { workflowId, runId });
    return { workflowId, runId, started: false, intent };
  }

  /** Of the present run: by one call where it is open. */
  #viewOf(key: ConnectorKey): Promise<View> {
    return this.#query(this.#openFlows.getHandle(messages.workflowIdOf(key)), messages.view).catch((err: unknown) => {
      if (err instanceof QueryRejectedError) return this.#endedView(key);
      throw err;
    });
  }

  /** Of the last run, or of this one, from what it has left: no worker has to know its code any more. */
  async #endedView(key: ConnectorKey, ofRun?: string): Promise<View> {
    const execution = await this.#handle(key, ofRun).describe();
    const handle = this.#handle(key, execution.runId);
    if (execution.status.name === 'RUNNING') return this.#query(handle, messages.view); // started again meanwhile
    if (execution.status.name === 'COMPLETED') return handle.result();
    if (execution.status.name === 'FAILED') return this.#failedView(key, execution);
    return this.#viewWithoutResult(key, execution);
  }

  /** Yields at once, and whenever the flow has done something, until its end. */
  async *#growth(key: ConnectorKey, signal?: AbortSignal): AsyncGenerator<{ runId: string; open: boolean }> {
    const { runId, open, historyLength } = await this.progress(key);
    if (signal?.aborted) return;
    yield { runId, open };
    if (!open) return;
    const execution = { workflowId: messages.workflowIdOf(key), runId, historyLength };
    const growth = historyGrowth(this.client, execution, signal);
    for (;;) {
      const { value } = await translated(() => growth.next());
      if (signal?.aborted || !value) return;
      yield value;
    }
  }

  /** The run that has the id; nothing where it closed meanwhile. */
  async #findRunning(input: Input): Promise<Started | undefined> {
    const execution = await this.#handle(input).describe();
    if (execution.status.name !== 'RUNNING') return undefined;
    const found = await this.#foundOf(execution);
    if (input.intent === 'reauthenticate' && found.intent === 'authenticate')
      throw new ConnectorAuthError(
        'alreadyRunning',
        'An authentication of this connector is running: finish it first.',
      );
    return found;
  }

  /** Calls Temporal, for so long and no longer: else the client tries for minutes. */
  #bounded<T>(call: () => Promise<T>): Promise<T> {
    return translated(() => this.#inTime(call));
  }

  /** A bit longer than a flow lets anybody wait. */
  #inTime<T>(call: () => Promise<T>, withinMs = ANSWER_WITHIN_MS): Promise<T> {
    return this.client.withDeadline(Date.now() + withinMs + SPARE_MS, call);
  }

  /**
   * Asks a worker. A query that comes while a workflow task of an update is on its way can stay with the server until it
   * runs out: it is asked again. Where Temporal answers, and no worker does, that is what is wrong.
   */
  async #query<T>(handle: WorkflowHandle, query: QueryDefinition<T>): Promise<T> {
    const until = Date.now() + ANSWER_WITHIN_MS;
    for (;;) {
      const asked = this.client.withDeadline(Date.now() + ASK_AGAIN_MS, () => handle.query(query));
      const answer = await asked.then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      if ('value' in answer) return answer.value;
      if (!isDeadline(answer.error)) throw answer.error;
      if (Date.now() < until) continue;
      await this.#look();
      throw noWorker();
    }
  }

  /** Fails where it is not a worker that does not answer, but Temporal. */
  async #look(): Promise<void> {
    // Nothing of the flow itself: questions that nobody answers can hold it up.
    await this.client.withDeadline(Date.now() + LOOK_MS, () => this.client.workflowService.getSystemInfo({}));
  }

  /** Sends an update and waits for its answer. */
  #update<Answer, Body>(
    key: ConnectorKey,
    definition: UpdateDefinition<Answer, [Body]>,
    updateId: string,
    body: Body,
    withinMs?: number,
  ): Promise<Answer> {
    const send = () => this.#handle(key).executeUpdate(definition, { args: [body], updateId });
    // A worker's task can pass over an update that came in while a query was answered: then nothing was done with it.
    const sendAgain = async (err: unknown): Promise<Answer> => {
      if (!isOfType(err, 'UnprocessedUpdate')) throw err;
      await delay(SEND_AGAIN_MS);
      return send().catch(sendAgain);
    };
    return this.#inTime(() => send().catch(sendAgain), withinMs).catch(async (err: unknown) => {
      if (err instanceof WorkflowUpdateRPCTimeoutOrCancelledError) await this.#look();
      throw err;
    });
  }

  /** The answer of an update; the final view where it was taken by a flow that ended before it could answer. */
  #answered(key: ConnectorKey, call: () => Promise<View>): Promise<View> {
    return translated(() =>
      call().catch((err: unknown) => {
        if (endedBeforeAnswering(err)) return this.view(key);
        return this.#closed(key)(err);
      }),
    );
  }

  /** What an error of an update means, where the flow may have ended. */
  #closed(key: ConnectorKey): (err: unknown) => Promise<never> {
    return async (err) => {
      if (!(err instanceof WorkflowNotFoundError || endedBeforeAnswering(err))) throw err;
      throw new ConnectorAuthError('closed', 'It has ended: start it again first.', await this.view(key));
    };
  }

  async #failedView(key: ConnectorKey, execution: WorkflowExecutionDescription): Promise<View> {
    const failure: unknown = await this.#handle(key, execution.runId)
      .result()
      .catch((err: unknown) => err);
    const cause = failure instanceof WorkflowFailedError ? failure.cause : undefined;
    const [view] = cause instanceof ApplicationFailure ? (cause.details ?? []) : [];
    return (view as View | undefined) ?? this.#viewWithoutResult(key, execution);
  }

  /** A run that was cancelled, terminated or timed out has no result: what is known of it is made into a view. */
  async #viewWithoutResult(key: ConnectorKey, execution: WorkflowExecutionDescription): Promise<View> {
    const { workflowId, runId, status } = execution;
    const { intent = 'authenticate' } = await inputOf(this.client, { workflowId, runId });
    const code = status.name === 'TIMED_OUT' ? 'timedOut' : 'terminated';
    const failure = { code, message: `Temporal ended it: ${status.name}` } as const;
    const ended = status.name === 'CANCELLED' ? { state: 'cancelled' as const } : { state: 'failed' as const, failure };
    return { ...key, runId, intent, ...ended, revision: 0 };
  }

  async #within(call: () => Promise<unknown>): Promise<void> {
    const abort = new AbortController();
    const timer = delay(ANSWER_WITHIN_MS, undefined, { signal: abort.signal }).catch(() => undefined);
    await Promise.race([call(), timer]).finally(() => abort.abort());
  }

  #handle(key: ConnectorKey, runId?: string): WorkflowHandle<(input: Input) => Promise<View>> {
    return this.client.workflow.getHandle(messages.workflowIdOf(key), runId);
  }
}

const detailsOf = ({ accountId, connectorId, intent = 'authenticate', by }: Input): string =>
  [
    `Takes the account connector **${connectorId}** of the account **${escapeMarkdown(accountId)}** through authentication.`,
    `- Intent: ${intent}`,
    by && `- Started by: ${escapeMarkdown(by)}`,
    '- What it waits for now: see the current details. How it got there: the query `timeline`.',
  ]
    .filter(Boolean)
    .join('\n');

/** A failed or cancelled run has an outcome too. */
function unlessEnded(err: unknown): void {
  if (!(err instanceof WorkflowFailedError || err instanceof WorkflowNotFoundError)) throw err;
}

const isOfType = (err: unknown, type: string): boolean =>
  err instanceof WorkflowUpdateFailedError && err.cause instanceof ApplicationFailure && err.cause.type === type;
const endedBeforeAnswering = (err: unknown): boolean => isOfType(err, 'AcceptedUpdateCompletedWorkflow');
