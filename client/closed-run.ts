/** The view of a closed run, read from its result. A query would need a worker with the code of the run. */
import { WorkflowFailedError, type Client, type WorkflowExecutionDescription } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { ConnectorKey } from '../workflows/connector';
import type { View } from '../workflows/view';
import type { FlowHandle } from './flow-calls';
import { inputOf } from './flow-history';

/** The final view of a closed run: its result, or for a failed run the first detail of its failure. */
export async function closedRunView(
  client: Client,
  key: ConnectorKey,
  run: WorkflowExecutionDescription,
  handle: FlowHandle,
): Promise<View> {
  if (run.status.name === 'COMPLETED') return handle.result();
  const view = run.status.name === 'FAILED' ? await viewOfFailure(handle) : undefined;
  return view ?? viewWithoutResult(client, key, run);
}

async function viewOfFailure(handle: FlowHandle): Promise<View | undefined> {
  const failure: unknown = await handle.result().catch((err: unknown) => err);
  const cause = failure instanceof WorkflowFailedError ? failure.cause : undefined;
  return cause instanceof ApplicationFailure ? (cause.details?.[0] as View | undefined) : undefined;
}

/** The view of a run that was cancelled, terminated or timed out, and so has no result. */
async function viewWithoutResult(client: Client, key: ConnectorKey, run: WorkflowExecutionDescription): Promise<View> {
  const { workflowId, runId, status, startTime, closeTime } = run;
  const { intent = 'authenticate' } = await inputOf(client, { workflowId, runId });
  const whole = { ...key, runId, intent, since: (closeTime ?? startTime).toISOString(), revision: 0 };
  if (status.name === 'CANCELLED') return { ...whole, state: 'cancelled' };
  const code = status.name === 'TIMED_OUT' ? 'timedOut' : 'terminated';
  return { ...whole, state: 'failed', failure: { code, message: `Temporal ended the run: ${status.name}` } };
}
