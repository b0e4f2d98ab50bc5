/**
 * Reads the view and the timeline of a closed run from the result of the run, because a query would need a worker with
 * the workflow code of the run.
 */
import {
  WorkflowFailedError,
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowHandle,
  type WorkflowResultType,
} from '@temporalio/client';
import { ApplicationFailure, type Workflow } from '@temporalio/common';
import type { ConnectorKey } from '../workflows/connector';
import type { Input } from '../workflows/input';
import type { View } from '../workflows/view';
import { failureWithoutResult } from '../workflows/visibility';
import type { FlowHandle } from './flow-calls';
import { inputOf } from '../temporal/start-input';

/**
 * The final view of a closed run: the result of the run without its timeline. If the run has no result, the view is
 * made from the status of the run.
 */
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

/**
 * Returns the result of a completed run. For a failed run, returns the first detail of the run's failure. Returns
 * `undefined` for a run that ended in another way.
 */
export async function closedRunResult<T extends Workflow>(
  { status }: Pick<WorkflowExecutionDescription, 'status'>,
  handle: WorkflowHandle<T>,
): Promise<WorkflowResultType<T> | undefined> {
  if (status.name === 'COMPLETED') return handle.result();
  return status.name === 'FAILED' ? handle.result().catch(firstDetail<WorkflowResultType<T>>) : undefined;
}

function firstDetail<Result>(err: unknown): Result | undefined {
  if (!(err instanceof WorkflowFailedError)) throw err; // this error comes from the call to Temporal, not from the run
  return err.cause instanceof ApplicationFailure ? (err.cause.details?.[0] as Result | undefined) : undefined;
}

/**
 * The view of a run without a result: the run was cancelled, terminated or timed out, or its failure has no details.
 */
async function viewWithoutResult(client: Client, key: ConnectorKey, run: WorkflowExecutionDescription): Promise<View> {
  const { workflowId, runId, startTime, closeTime } = run;
  const { intent = 'authenticate' } = (await inputOf<Input>(client, { workflowId, runId })) ?? {};
  const whole = { ...key, runId, intent, since: (closeTime ?? startTime).toISOString(), revision: 0 };
  if (run.status.name === 'CANCELLED') return { ...whole, state: 'cancelled' };
  return { ...whole, state: 'failed', failure: failureWithoutResult(run) };
}
