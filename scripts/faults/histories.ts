/** Reads histories from Temporal. */
import type { Client } from '@temporalio/client';
import type { History } from '../../temporal/replay';
import { READ_AHEAD } from '../../workflows/problems';
import { each } from '../each';

export type HistoryEvent = NonNullable<History['events']>[number];

export interface RunHistory {
  workflowId: string;
  runId: string;
  /** The workflow type. */
  type: string;
  history: History;
}

const AT_ONCE = 10;

/** Returns the history of every run in the client's namespace. */
export async function histories({ client }: { client: Client }): Promise<RunHistory[]> {
  const runs: Omit<RunHistory, 'history'>[] = [];
  for await (const { workflowId, runId, type } of client.workflow.list()) runs.push({ workflowId, runId, type });
  return each(runs, AT_ONCE, async (run) => ({
    ...run,
    history: await client.workflow.getHandle(run.workflowId, run.runId).fetchHistory(),
  }));
}

/** Returns the kind of an event, such as `timerStarted`. */
export function kindOf(event: HistoryEvent): string {
  const attributes = Object.keys(event).find((name) => name.endsWith('EventAttributes')) ?? '';
  return attributes.replace('EventAttributes', '');
}

/**
 * The causes of failed workflow tasks that are no faults of workflow code, in this order: a message arrived when the
 * task ended the flow; too many messages arrived at the same time; an operator reset the run; an operator removed a
 * search attribute. Temporal repeats a workflow task that failed for one of these causes.
 */
const REPEATED_BY_SERVER = [1, 17, 20, 23]; // WORKFLOW_TASK_FAILED_CAUSE_ UNHANDLED_COMMAND, FORCE_CLOSE_COMMAND, RESET_WORKFLOW, BAD_SEARCH_ATTRIBUTES

/**
 * Returns the failure messages of the workflow tasks that failed in workflow code. Leaves out the message {@link
 * READ_AHEAD}.
 */
export const failedTasks = (events: HistoryEvent[]): string[] =>
  events.flatMap(({ workflowTaskFailedEventAttributes: failed }) =>
    failed && !REPEATED_BY_SERVER.includes(failed.cause ?? 0) && failed.failure?.message !== READ_AHEAD
      ? [`${failed.failure?.message} (cause ${failed.cause})`]
      : [],
  );
