/** What is read from a history itself: what it started with, and that it has grown. */
import type { Client } from '@temporalio/client';
import { decodeFromPayloadsAtIndex } from '@temporalio/common/lib/internal-non-workflow';
import type { Input } from '../workflows/messages';

interface Execution {
  workflowId: string;
  runId: string;
}

/** How long one long poll may take: longer than the server holds it. */
const POLL_TIMEOUT_MS = 70_000;

/** What an authentication was started with. */
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
 * Yields whenever the workflow has done something since it was `historyLength` long: `open` until its end. Goes on with
 * the run that goes on in its place. Temporal's own long poll: no query is asked while nothing happens. Ends when
 * `signal` aborts.
 */
export async function* historyGrowth(
  client: Client,
  { workflowId, runId, historyLength }: Execution & { historyLength: number },
  signal?: AbortSignal,
): AsyncGenerator<{ runId: string; open: boolean }> {
  let nextPageToken: Uint8Array | undefined;
  for (;;) {
    const answer = await poll(client, { execution: { workflowId, runId }, nextPageToken }, signal);
    if (!answer) return;
    nextPageToken = answer.nextPageToken;
    const open = nextPageToken.length > 0;
    const events = answer.history?.events ?? [];
    const next = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
    // The first answer is the whole history.
    const hasActed = events.some(
      ({ eventId, workflowTaskCompletedEventAttributes: acted }) => acted && Number(eventId) > historyLength,
    );
    if (!open && next) [runId, nextPageToken, historyLength] = [next, undefined, 0];
    else if (!open || hasActed) yield { runId, open };
    if (!open && !next) return;
  }
}

/** One long poll; nothing when `signal` aborts. */
async function poll(
  client: Client,
  request: { execution: Execution; nextPageToken?: Uint8Array },
  signal?: AbortSignal,
) {
  if (signal?.aborted) return undefined;
  // A signal of its own: the client never takes its listener away again.
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
