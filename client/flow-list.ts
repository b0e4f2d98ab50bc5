/** Lists flows of all accounts from Temporal's visibility, and sends signals to many flows by batch operations. */
import { randomUUID } from 'node:crypto';
import { isGrpcServiceError, type Client } from '@temporalio/client';
import { encodeToPayloads } from '@temporalio/common/lib/internal-non-workflow';
import { durationMs, type Duration } from '../workflows/input';
import * as messages from '../workflows/messages';
import type { StateName } from '../workflows/view';
import { troubles, type FlowList, type Trouble } from './answers';
import { ConnectorAuthError } from './connector-auth-error';
import { inState, invalidInput, itemsOf, OF_FLOWS, ofAccount, OPEN, pageOfRuns, quotedValue } from './runs';

/** The filter of a list of flows. If `state` is absent or not final, the list has only open flows. */
export interface FlowFilter {
  accountId?: string;
  state?: StateName;
  problem?: Trouble;
  /** The connector's name, exactly as in the list: at most 255 characters. */
  name?: string;
  /** Lists only flows that have been in their state for at least this time. */
  olderThan?: Duration;
}

export interface FlowsRequest extends FlowFilter {
  /** The `next` of the previous page. Absent for the first page. */
  page?: string;
  /** The highest number of items of a page, at most 1,000. The default is 50. */
  pageSize?: number;
}

/** The signal that a batch sends to each flow. */
export type BatchSignal = 'recheck' | 'cancel';

/**
 * The allowed members of a batch's filter. A filter with any other member is refused: if a batch ignored a misspelt
 * member, it would send its signal to flows that the caller did not select.
 */
const batchMembers: readonly string[] = ['accountId', 'state', 'problem', 'name'] satisfies (keyof FlowFilter)[];

const GRPC_RESOURCE_EXHAUSTED = 8;

/** One page of flows. Fails: `invalidInput`. */
export async function flowList(client: Client, { page, pageSize = 50, ...filter }: FlowsRequest): Promise<FlowList> {
  const { runs, next } = await pageOfRuns(client, { query: queryOf(filter), page, pageSize });
  return { items: itemsOf(runs, filter.accountId), ...(next !== undefined && { next }) };
}

/**
 * Starts a batch operation of Temporal that sends the signal to each open flow that matches the filter. Returns the
 * batch's id. Fails: `invalidInput`, also for a filter without members or with an unknown member; `batchRunning` if
 * another batch is running, because by default Temporal runs only one batch for each namespace.
 */
export async function signalBatch(
  client: Client,
  signal: BatchSignal,
  filter: Omit<FlowFilter, 'olderThan'>,
  body: { by?: string },
): Promise<{ batchId: string }> {
  const given = Object.entries(filter).flatMap(([member, value]) => (value === undefined ? [] : [member]));
  if (given.length === 0 || given.some((member) => !batchMembers.includes(member)))
    throw invalidInput(`a batch needs at least one of ${batchMembers.join(', ')}, and takes nothing else`);
  const visibilityQuery = `${OPEN} AND ${queryOf(filter)}`;
  const { namespace, identity, loadedDataConverter } = client.options;
  const batchId = randomUUID();
  const reason = `batch ${batchId}`; // the timeline of a cancelled flow shows this reason
  const sent = signal === 'cancel' ? { ...body, reason } : body;
  const input = { payloads: await encodeToPayloads(loadedDataConverter, sent) };
  if (await isBatchRunning(client)) throw batchRunning();
  await client.workflowService
    .startBatchOperation({
      namespace,
      jobId: batchId,
      visibilityQuery,
      reason: `cyclr-connect: ${signal}`,
      signalOperation: { signal: messages[signal].name, input, identity },
    })
    .catch((err: unknown) => {
      throw isGrpcServiceError(err) && err.code === GRPC_RESOURCE_EXHAUSTED ? batchRunning() : err;
    });
  return { batchId };
}

/**
 * True if a batch operation is running. Call this function before the start of a batch operation. While another batch
 * operation is running, Temporal refuses the start, and Temporal's client repeats the start until the deadline of the
 * call.
 */
async function isBatchRunning(client: Client): Promise<boolean> {
  const { namespace } = client.options;
  const { operationInfo } = await client.workflowService.listBatchOperations({ namespace, pageSize: 20 });
  return operationInfo.some(({ state }) => state === RUNNING);
}

const RUNNING = 1; // temporal.api.enums.v1.BatchOperationState
const batchRunning = () =>
  new ConnectorAuthError(
    'batchRunning',
    'Another batch operation runs in this namespace. Try again when it has ended.',
  );

/**
 * Turns a filter into a visibility query. No value of the filter can change the structure of the query, because each
 * value is a word of a fixed list, an encoded id, a time, or a quoted text. Fails: `invalidInput`.
 */
function queryOf({ accountId, state, problem, name, olderThan }: FlowFilter): string {
  if (problem !== undefined && !troubles.includes(problem))
    throw invalidInput(`problem is not one of ${troubles.join(', ')}`);
  if (name !== undefined && !isName(name)) throw invalidInput(`name is not a text of 1 to ${MAX_NAME} characters`);
  const ageMs = olderThan === undefined ? 0 : durationMs(olderThan);
  if (Number.isNaN(ageMs)) throw invalidInput('olderThan is not a duration above 0 and at most 90 days');
  return [
    OF_FLOWS,
    state === undefined ? OPEN : inState(state),
    accountId !== undefined && ofAccount(accountId),
    problem && `ConnectorAuthProblem = '${problem}'`,
    name !== undefined && `ConnectorName = ${quotedValue(name)}`,
    olderThan !== undefined && sinceQuery(new Date(Date.now() - ageMs).toISOString()),
  ]
    .filter(Boolean)
    .join(' AND ');
}

/** The search attribute `ConnectorName` has at most this number of characters of a connector's name. */
const MAX_NAME = 255;

const isName = (name: unknown): boolean => typeof name === 'string' && name !== '' && name.length <= MAX_NAME;

/**
 * The condition of a visibility query that finds only the flows that entered their state before `time`. A flow that no
 * worker has handled yet has no `ConnectorAuthSince`, so the condition compares its start time with `time`.
 */
const sinceQuery = (time: string): string =>
  `(ConnectorAuthSince < '${time}' OR (ConnectorAuthSince IS NULL AND StartTime < '${time}'))`;
