/** The view and the timeline of a closed run, read from its result. A query would need a worker with the code of the run. */
import { WorkflowFailedError, type Client, type WorkflowExecutionDescription } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { ConnectorKey } from '../workflows/connector';
import type { FlowResult, View } from '../workflows/view';
import type { FlowHandle } from './flow-calls';
import { inputOf } from './flow-history';

/** The final view of a closed run: its result, or for a failed run the first detail of its failure. */
export async function closedRunView(
  client: Client,
  key: ConnectorKey,
  run: WorkflowExecutionDescription,
  handle: FlowHandle,
): Promise<View> {
  const result = await closedRunResult(run, handle);
  if (!result) return viewWithoutResult(client, key, run);
  const { timeline: _timeline, ...view } = result;
  return view;
}

/** The result of a completed run, or the first detail of the failure of a failed run. Undefined for other closed runs. */
export async function closedRunResult(
  { status }: WorkflowExecutionDescription,
  handle: FlowHandle,
): Promise<FlowResult | undefined> {
  if (status.name === 'COMPLETED') return handle.result();
  return status.name === 'FAILED' ? resultOfFailure(handle) : undefined;
}

async function resultOfFailure(handle: FlowHandle): Promise<FlowResult | undefined> {
  const failure: unknown = await handle.result().catch((err: unknown) => err);
  const cause = failure instanceof WorkflowFailedError ? failure.cause : undefined;
  return cause instanceof ApplicationFailure ? (cause.details?.[0] as FlowResult | undefined) : undefined;
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
