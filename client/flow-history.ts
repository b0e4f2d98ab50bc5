/** Waits for the growth of a run's history, and sends a signal once. */
import { isGrpcServiceError, type Client, type WorkflowExecutionInfo } from '@temporalio/client';
import type { SignalDefinition } from '@temporalio/common';
import { encodeToPayloads, decodeFromPayloadsAtIndex } from '@temporalio/common/lib/internal-non-workflow';
import type { OAuthCallback, Input } from '../workflows/input';

interface Execution {
  workflowId: string;
  runId: string;
}

/** True if a run is open. A paused run is open, because an operator can resume it. */
export const isOpen = ({ status }: Pick<WorkflowExecutionInfo, 'status'>): boolean =>
  status.name === 'RUNNING' || status.name === 'PAUSED';

/** A snapshot of a run. */
export interface RunStatus {
  runId: string;
  open: boolean;
}

const NOT_FOUND = 5; // gRPC
/** The time limit of one long poll. The limit is longer than the server keeps a long poll open. */
const POLL_TIMEOUT_MS = 70_000;

/** The start input of a run, from its first event. */
export async function inputOf(client: Client, execution: Execution): Promise<Input> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution,
    maximumPageSize: 1,
  });
  const payloads = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads;
  return decodeFromPayloadsAtIndex<Input>(client.options.loadedDataConverter, 0, payloads);
}

/**
 * Sends a signal that a run gets only once for each attempt. Temporal drops a second signal with the same request id,
 * and adds no event to the history. The SDK's own `signal` makes a new request id each time. This function calls the
 * interceptors of the client, as the SDK's `signal` does. Does nothing if the flow has ended.
 */
export async function signalOnce(
  client: Client,
  { workflowId }: Pick<Execution, 'workflowId'>,
  { name }: SignalDefinition<[OAuthCallback]>,
  body: OAuthCallback,
): Promise<void> {
  const payloads = await encodeToPayloads(client.options.loadedDataConverter, body);
  try {
    await client.workflowService.signalWorkflowExecution({
      namespace: client.options.namespace,
      workflowExecution: { workflowId },
      signalName: name,
      input: { payloads },
      identity: client.options.identity,
      requestId: `${name}/${body.attemptId}`,
    });
  } catch (err) {
    if (!isGrpcServiceError(err) || err.code !== NOT_FOUND) throw err;
  }
}

/**
 * Yields after each completed workflow task that follows the first `historyLength` events, and at the end of the run.
 * Follows continue-as-new. Ends after the last run, or when `signal` aborts. Waits by Temporal's long poll, not by
 * repeated calls.
 */
export async function* historyGrowth(
  client: Client,
  { workflowId, runId, historyLength }: Execution & { historyLength: number },
  signal?: AbortSignal,
): AsyncGenerator<RunStatus> {
  let nextPageToken: Uint8Array | undefined;
  for (;;) {
    const answer = await poll(client, { execution: { workflowId, runId }, nextPageToken }, signal);
    if (!answer) return;
    nextPageToken = answer.nextPageToken;
    const open = nextPageToken.length > 0;
    const events = answer.history?.events ?? [];
    const next = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
    // The first answer has all events of the history, also the events up to `historyLength`.
    const hasNewTask = events.some(
      ({ eventId, workflowTaskCompletedEventAttributes: task }) => task && Number(eventId) > historyLength,
    );
    if (!open && next) [runId, nextPageToken, historyLength] = [next, undefined, 0];
    else if (!open || hasNewTask) yield { runId, open };
    if (!open && !next) return;
  }
}

/** One long poll. `undefined` if `signal` aborts. */
async function poll(
  client: Client,
  request: { execution: Execution; nextPageToken?: Uint8Array },
  signal?: AbortSignal,
) {
  if (signal?.aborted) return undefined;
  // Each poll gets its own signal, because `withAbortSignal` never removes its listener (SDK 1.24).
  const own = new AbortController();
  const abort = () => own.abort();
  signal?.addEventListener('abort', abort);
  try {
    return await client.withAbortSignal(own.signal, () =>
      client.withDeadline(Date.now() + POLL_TIMEOUT_MS, () =>
        client.workflowService.getWorkflowExecutionHistory({
          ...request,
          namespace: client.options.namespace,
          waitNewEvent: true,
        }),
      ),
    );
  } catch (err) {
    if (signal?.aborted) return undefined;
    throw err;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
