/**
 * Calls to Temporal about a flow. Each call has a time limit, because without a limit, Temporal's client retries for
 * minutes.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  QueryNotRegisteredError,
  QueryRejectedError,
  WorkflowClient,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type Client,
  type WorkflowHandle,
} from '@temporalio/client';
import { ApplicationFailure, type QueryDefinition, type UpdateDefinition } from '@temporalio/common';
import { workflowIdOf, type ConnectorKey } from '../workflows/connector';
import { faultOfInput, type Input } from '../workflows/input';
import { READ_AHEAD, type retryHint } from '../workflows/problems';
import type { FlowResult, StateName } from '../workflows/view';
import { searchAttributes, view } from '../workflows/messages';
import { invalidInput } from './runs';
import {
  ConnectorAuthError,
  isBusy,
  isDeadline,
  isFailedPrecondition,
  isNeverHandled,
  isNotFound,
  noWorker,
  translated,
  UnansweredUpdate,
} from './connector-auth-error';

/**
 * The time limit of an update, of a query, and of a wait for the end of a run. After this time, the caller gets the
 * current view, or an error.
 */
export const ANSWER_WITHIN_MS = 10_000;
/** The library adds this time to the limit of each call to Temporal, because the answer needs time to arrive. */
const TRANSIT_MS = 5_000;
const QUERY_RETRY_MS = 2_500;
/**
 * A query without an answer is sent at least this many times: 4 × 2.5 s = 10 s. The clock alone is not enough, because
 * time passes without a try while the machine is suspended.
 */
const MIN_QUERIES = 4;
const RETRY_MS = 100;
const BUSY_RETRY_MS = 300;
const REACH_MS = 2_000;
const [CONTINUED_AS_NEW, PAUSED] = [6, 8]; // temporal.api.enums.v1.WorkflowExecutionStatus
/**
 * Stages of an update, of temporal.api.enums.v1.UpdateWorkflowExecutionLifecycleStage. `UNKNOWN`: Temporal does not
 * have the update.
 */
const [UNKNOWN, ADMITTED] = [0, 1];

export type FlowHandle = WorkflowHandle<(input: Input) => Promise<FlowResult>>;

/** The objects by which the parts of the library reach Temporal. */
export interface LibraryParts {
  client: Client;
  calls: FlowCalls;
  taskQueue: string;
}

/** Fails with `invalidInput` if an id is not valid. */
export function requireIds({ accountId, connectorId }: ConnectorKey): void {
  const fault = faultOfInput({ accountId, connectorId });
  if (fault !== undefined) throw invalidInput(fault);
}

/** The workflow id of the connector's flow. Fails: `invalidInput`. */
export function flowIdOf(key: ConnectorKey): string {
  requireIds(key);
  return workflowIdOf(key);
}

export class FlowCalls {
  readonly #client: Client;
  /** A client that queries only open runs. If the run is closed, the server rejects the query without a worker. */
  readonly #openRuns: WorkflowClient;

  constructor(client: Client) {
    const { connection, workflow } = client;
    this.#client = client;
    this.#openRuns = new WorkflowClient({ ...workflow.options, connection, queryRejectCondition: 'NOT_OPEN' });
  }

  /**
   * A handle of the run `runId` of the connector's flow, or of the latest run if `runId` is absent. Fails:
   * `invalidInput`.
   */
  handle(key: ConnectorKey, runId?: string): FlowHandle {
    return this.#client.workflow.getHandle(flowIdOf(key), runId);
  }

  /**
   * Runs `call`, and sets a time limit for each call to Temporal that `call` makes. If `call` fails with an error of
   * Temporal's client, fails with a {@link ConnectorAuthError} instead.
   */
  bounded<T>(call: () => Promise<T>): Promise<T> {
    return translated(() => this.#inTime(call));
  }

  #inTime<T>(call: () => Promise<T>, withinMs = ANSWER_WITHIN_MS): Promise<T> {
    return this.#client.withDeadline(Date.now() + withinMs + TRANSIT_MS, call);
  }

  /**
   * Queries a flow. Sends the query again, for 10 s in all, in two cases:
   *
   * - The query got no answer within 2.5 s. If a query arrives during the workflow task of an update, the server can hold
   *   the query until its deadline (dev server 1.9).
   * - No worker has completed the first workflow task of the flow. Temporal waits only 1 s for this task (Server 1.32).
   *
   * Fails: `noWorker` if Temporal answers, but the flow does not answer, or if the flow failed each query with
   * {@link READ_AHEAD}; `paused`.
   */
  async query<T>(handle: WorkflowHandle, query: QueryDefinition<T>): Promise<T> {
    const until = Date.now() + ANSWER_WITHIN_MS;
    for (let queries = 1; ; queries++) {
      try {
        return await this.#client.withDeadline(Date.now() + QUERY_RETRY_MS, () =>
          repeated(() => handle.query(query), until),
        );
      } catch (err) {
        const isPaused = err instanceof QueryRejectedError && err.status === PAUSED;
        if (isPaused)
          await requireUnpaused(handle); // if the run is no longer paused, the next query can succeed
        else if (isFailedPrecondition(err) && !isNeverHandled(err)) await delay(BUSY_RETRY_MS);
        else if (!isDeadline(err) && !hasReadAhead(err)) throw err;
      }
      if (Date.now() < until || queries < MIN_QUERIES) continue;
      await this.#requireTemporal();
      throw noWorker();
    }
  }

  /**
   * Queries the run `runId`, or the latest run of the workflow if `runId` is absent. `undefined` if the queried run is
   * closed. If the latest run continues as new before it answers, the next run answers.
   */
  async queryOpen<T>(workflowId: string, query: QueryDefinition<T>, runId?: string): Promise<T | undefined> {
    const until = Date.now() + ANSWER_WITHIN_MS;
    for (;;) {
      try {
        return await this.query(this.#openRuns.getHandle(workflowId, runId), query);
      } catch (err) {
        if (!(err instanceof QueryRejectedError)) throw err;
        if (runId !== undefined || err.status !== CONTINUED_AS_NEW) return undefined;
        if (Date.now() > until) throw noWorker();
        await delay(RETRY_MS);
      }
    }
  }

  /**
   * Sends an update and waits for its answer. Fails:
   *
   * - `paused`;
   * - `temporalUnavailable` if Temporal does not confirm the update: ten other updates of the flow were in progress, or
   *   a restart lost the update;
   * - {@link UnansweredUpdate} if the flow accepted the update, but did not answer in time.
   */
  async update<Answer, Body>(
    key: ConnectorKey,
    definition: UpdateDefinition<Answer, [Body]>,
    updateId: string,
    body: Body,
    withinMs?: number,
  ): Promise<Answer> {
    const send = () => this.handle(key).executeUpdate(definition, { args: [body], updateId });
    const until = Date.now() + (withinMs ?? ANSWER_WITHIN_MS);
    try {
      return await this.#inTime(() => repeated(send, until), withinMs);
    } catch (err) {
      if (isFailedPrecondition(err)) await requireUnpaused(this.handle(key));
      const isUnanswered = err instanceof WorkflowUpdateRPCTimeoutOrCancelledError || isBusy(err);
      if (isUnanswered) await this.#explainSilence(key, updateId);
      if (isUpdateFailure(err, 'UnprocessedUpdate')) throw notConfirmed(); // no handler has seen the update
      throw err;
    }
  }

  /**
   * Fails with the reason why an update got no answer. Queries the flow, because an answer to the query proves that a
   * worker is running. In this case, the answer to the update is late for another reason: the flow still handles
   * another update, or waits for Cyclr.
   */
  async #explainSilence(key: ConnectorKey, updateId: string): Promise<void> {
    const handle = this.handle(key);
    const stage = await this.#stageOf(handle, updateId);
    if (stage === ADMITTED) throw noWorker();
    const current = await this.query(handle, view);
    if (stage !== UNKNOWN) throw new UnansweredUpdate(current);
    throw notConfirmed();
  }

  async #stageOf({ workflowId }: WorkflowHandle, updateId: string): Promise<number> {
    const { namespace } = this.#client.options;
    const updateRef = { workflowExecution: { workflowId }, updateId };
    // Temporal answers this request at once, because the request waits only for the stage ADMITTED.
    const request = { namespace, updateRef, waitPolicy: { lifecycleStage: ADMITTED } };
    const poll = () => this.#client.workflowService.pollWorkflowExecutionUpdate(request);
    try {
      return (await this.#client.withDeadline(Date.now() + REACH_MS, poll)).stage;
    } catch (err) {
      if (isNotFound(err)) return UNKNOWN;
      throw err;
    }
  }

  /**
   * Fails if Temporal does not answer. Does not query the flow, because unanswered queries can delay the workflow task
   * of the flow.
   */
  async #requireTemporal(): Promise<void> {
    await this.#client.withDeadline(Date.now() + REACH_MS, () => this.#client.workflowService.getSystemInfo({}));
  }
}

/**
 * The error for an update that Temporal does not know. The caller can send the update again with the same id. It is
 * possible that the flow still accepts the first update: Temporal (1.32) can forget an update during a workflow task,
 * although the worker already has it.
 */
const notConfirmed = (): ConnectorAuthError =>
  new ConnectorAuthError('temporalUnavailable', 'Temporal has not confirmed the update. Send it again.');

/**
 * Sends an update or a query again if it failed without an effect, and if a later try can succeed. The four cases:
 * - The update ended as `UnprocessedUpdate`, because no handler got the update. The cause of this error is a query on
 *   an uncached run (SDK 1.24, see `workflows/read-ahead.ts`).
 * - The flow failed the query with {@link READ_AHEAD}.
 * - The flow rejected the update, because the run is about to continue as new. The next run can accept the update.
 * - Temporal refused the update or the query, but can take it a moment later (see {@link isBusy}).
 */
async function repeated<T>(send: () => Promise<T>, until: number): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await send();
    } catch (err) {
      const pauseMs = pauseAfter(err);
      if (pauseMs === undefined || (Date.now() > until && tries > 1)) throw err;
      await delay(pauseMs);
    }
  }
}

/** The pause between the failed try and the next try. `undefined` if no later try can succeed. */
function pauseAfter(err: unknown): number | undefined {
  if (isBusy(err)) return BUSY_RETRY_MS * (0.5 + Math.random()); // the random part spreads the tries of many callers over time
  return isUpdateFailure(err, 'UnprocessedUpdate') || hasReadAhead(err) || hasRetryHint(err) ? RETRY_MS : undefined;
}

const hasReadAhead = (err: unknown): boolean =>
  err instanceof QueryNotRegisteredError && err.message.includes(READ_AHEAD);

const hasRetryHint = (err: unknown): boolean =>
  err instanceof WorkflowUpdateFailedError &&
  err.cause instanceof ApplicationFailure &&
  (err.cause.details?.[1] as Partial<typeof retryHint> | undefined)?.retry === true;

const isUpdateFailure = (err: unknown, type: string): boolean =>
  err instanceof WorkflowUpdateFailedError && err.cause instanceof ApplicationFailure && err.cause.type === type;

/**
 * Fails with `paused` if an operator has paused the run in Temporal. Temporal sends no query and no update of a paused
 * run to a worker.
 */
async function requireUnpaused(handle: WorkflowHandle): Promise<void> {
  const { status, typedSearchAttributes } = await handle.describe();
  if (status.code !== PAUSED) return;
  const state = typedSearchAttributes.get(searchAttributes.state) as StateName | undefined;
  const message = 'An operator has paused this flow in Temporal.';
  throw new ConnectorAuthError('paused', message, undefined, undefined, state ?? 'fetchingConnector');
}

/** True if the flow accepted an update, but closed before it answered the update. */
export const isClosedBeforeAnswer = (err: unknown): boolean => isUpdateFailure(err, 'AcceptedUpdateCompletedWorkflow');
