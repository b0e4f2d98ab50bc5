/** Waits until the history of a run grows, and sends a signal only once for each OAuth attempt. */
import { setTimeout as delay } from 'node:timers/promises';
import { isGrpcServiceError, type Client } from '@temporalio/client';
import type { SignalDefinition } from '@temporalio/common';
import { composeInterceptors } from '@temporalio/common/lib/interceptors';
import { encodeToPayloads } from '@temporalio/common/lib/internal-non-workflow';
import type { History } from '@temporalio/common/lib/proto-utils';
import type { OAuthCallback } from '../workflows/input';
import { isOpen } from '../workflows/visibility';

interface Execution {
  workflowId: string;
  runId: string;
}

/** The status of a run at one moment. */
export interface RunStatus {
  runId: string;
  open: boolean;
}

const NOT_FOUND = 5; // gRPC
// Temporal's HistoryEventFilterType
const [ALL_EVENTS, CLOSE_EVENT] = [1, 2];
/** The time limit of one long poll. The server ends a long poll before this limit. */
const POLL_TIMEOUT_MS = 70_000;
const DESCRIBE_MS = 15_000;
/** The time between two reads of the status of a paused run. */
const PAUSED_MS = 2_000;

/**
 * Sends a signal so that a run gets the signal only once for each OAuth attempt: the request id contains the attempt
 * id. Temporal drops a second signal with the same request id, and adds no event to the history. The SDK's own `signal`
 * makes a new request id for each call. Like the SDK's `signal`, this function calls the interceptors of the client.
 * Does nothing if the flow has ended.
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
 * Yields the status of a run in three cases: workflow tasks have completed after the event with the number
 * `historyLength`; the run has ended; an operator has paused the run. After continue-as-new, or a reset of the open
 * run, continues with the next run. Ends after the last run, or when `signal` aborts. Waits by Temporal's long poll,
 * except while the run is paused. `onlyEnd`: leaves out the first case, and reads only the last event of each run.
 */
export async function* historyGrowth(
  client: Client,
  { workflowId, runId, historyLength, onlyEnd = false }: Execution & { historyLength: number; onlyEnd?: boolean },
  signal?: AbortSignal,
): AsyncGenerator<RunStatus> {
  let nextPageToken: Uint8Array | undefined;
  for (;;) {
    const execution = { workflowId, runId };
    const historyEventFilterType = onlyEnd ? CLOSE_EVENT : ALL_EVENTS;
    const answer = await poll(client, { execution, nextPageToken, historyEventFilterType }, signal);
    if (!answer) return;
    nextPageToken = answer.nextPageToken;
    const events = answer.history?.events ?? [];
    // The first answer has all events of the history, also the events up to `historyLength`.
    const hasNewTask = events.some(
      ({ eventId, workflowTaskCompletedEventAttributes: task }) => task && Number(eventId) > historyLength,
    );
    if (nextPageToken.length > 0) {
      if (hasNewTask) yield { runId, open: true };
      continue;
    }
    const { open, next } = await statusAfter(client, execution, events);
    if (next) [runId, historyLength] = [next, 0];
    else {
      yield { runId, open };
      if (!open) return;
      await pauseEnd(client, execution, signal);
    }
    nextPageToken = undefined;
  }
}

/**
 * Returns the status of a closed or paused run. Temporal answers a poll of such a run at once, and does not wait for an
 * event. `next`: the id of the run that follows this run after continue-as-new or a reset.
 */
async function statusAfter(client: Client, execution: Execution, events: NonNullable<History['events']>) {
  const last = events.at(-1);
  if (last?.workflowExecutionCompletedEventAttributes || last?.workflowExecutionFailedEventAttributes)
    return { open: false, next: undefined };
  const next = last?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
  if (next) return { open: false, next };
  const run = await describe(client, execution);
  return { open: isOpen(run), next: run.raw.workflowExtendedInfo?.resetRunId };
}

/**
 * Waits until a run is no longer paused, or until `signal` aborts. A poll would not wait, because Temporal answers each
 * poll of a paused run at once, with the whole history.
 */
async function pauseEnd(client: Client, execution: Execution, signal?: AbortSignal): Promise<void> {
  do await delay(PAUSED_MS, undefined, { signal }).catch(() => undefined);
  while (!signal?.aborted && (await describe(client, execution)).status.name === 'PAUSED');
}

const describe = (client: Client, { workflowId, runId }: Execution) =>
  client.withDeadline(Date.now() + DESCRIBE_MS, () => client.workflow.getHandle(workflowId, runId).describe());

/** One long poll. `undefined` if `signal` aborts. */
async function poll(
  client: Client,
  request: { execution: Execution; nextPageToken?: Uint8Array; historyEventFilterType: number },
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
