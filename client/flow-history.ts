/** Waits for the growth of a run's history, and sends a signal once. */
import { isGrpcServiceError, type Client } from '@temporalio/client';
import type { SignalDefinition } from '@temporalio/common';
import { composeInterceptors } from '@temporalio/common/lib/interceptors';
import { encodeToPayloads } from '@temporalio/common/lib/internal-non-workflow';
import type { OAuthCallback } from '../workflows/input';

interface Execution {
  workflowId: string;
  runId: string;
}

/** A snapshot of a run. */
export interface RunStatus {
  runId: string;
  open: boolean;
}

const NOT_FOUND = 5; // gRPC
/** The time limit of one long poll. The limit is longer than the server keeps a long poll open. */
const POLL_TIMEOUT_MS = 70_000;

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
  const { namespace, identity, loadedDataConverter, interceptors } = client.options;
  const { workflow = [] } = interceptors;
  const send = composeInterceptors(Array.isArray(workflow) ? workflow : [], 'signal', async ({ args, headers }) => {
    await client.workflowService.signalWorkflowExecution({
      namespace,
      workflowExecution: { workflowId },
      signalName: name,
      input: { payloads: await encodeToPayloads(loadedDataConverter, ...args) },
      ...(Object.keys(headers).length > 0 && { header: { fields: headers } }),
      identity,
      requestId: `${name}/${body.attemptId}`,
    });
  });
  try {
    await send({ signalName: name, args: [body], workflowExecution: { workflowId }, headers: {} });
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
