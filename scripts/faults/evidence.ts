/** Reads the evidence of each run from Temporal: its history, its end, and the timeline of a flow. */
import { WorkflowFailedError, type Client, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { translated } from '../../client/connector-auth-error';
import { DELIVERY_TYPE } from '../../workflows/events';
import { FLOW_TYPE } from '../../workflows/flow-start';
import { timeline, view } from '../../workflows/messages';
import type { TimelineEntry, View } from '../../workflows/view';
import { kindOf, type RunHistory } from './histories';
import { persistently } from '../user/persistent';

export interface RunEvidence extends RunHistory {
  /**
   * The last view of a flow, or the result of an onboarding or a monitor that has ended. For a run that was cancelled
   * in Temporal, the view has only the state. Absent if the view can't be read.
   */
  view?: Partial<View> & Pick<View, 'state'>;
  /** The error, if the view or the timeline can't be read. */
  error?: string;
  /** The events that close a run, such as `workflowExecutionCompleted`. */
  closings: string[];
  timeline: TimelineEntry[];
}

const ANSWER_MS = 10_000;
/** The time limit for reading the evidence of one run. Only a read that hangs reaches this limit. */
const LIMIT_MS = 120_000;
const closing = /^workflowExecution(Completed|Failed|TimedOut|Canceled|Terminated|ContinuedAsNew)$/;

/** Reads the evidence of a run. Needs a Temporal server and a worker that answer. */
export async function evidenceOf(client: Client, run: RunHistory): Promise<RunEvidence> {
  const handle = client.workflow.getHandle(run.workflowId, run.runId);
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), LIMIT_MS);
  const read = <T>(call: () => Promise<T>) =>
    persistently(() => translated(() => client.withDeadline(Date.now() + ANSWER_MS, call)), { signal: limit.signal });
  const closings = (run.history.events ?? []).map(kindOf).filter((kind) => closing.test(kind));
  const evidence = { ...run, closings, timeline: [] };
  try {
    if (run.type === FLOW_TYPE) {
      const end = await read(() => (closings.length === 0 ? handle.query(view) : endOf(handle)));
      return { ...evidence, view: end, timeline: (await read(() => handle.query(timeline))).entries };
    }
    return closings.length === 0 || run.type === DELIVERY_TYPE
      ? evidence
      : { ...evidence, view: await read(() => endOf(handle)) };
  } catch (err) {
    return { ...evidence, error: String(err) };
  } finally {
    clearTimeout(timer);
  }
}

async function endOf(handle: WorkflowHandle): Promise<NonNullable<RunEvidence['view']>> {
  try {
    return (await handle.result()) as View;
  } catch (err) {
    if (!(err instanceof WorkflowFailedError)) throw err;
    if (err.cause instanceof CancelledFailure) return { state: 'cancelled' };
    return (err.cause instanceof ApplicationFailure && (err.cause.details?.[0] as View)) || { state: 'failed' };
  }
}
