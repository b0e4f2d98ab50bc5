/** What Temporal has written down. */
import type { WorkflowHandle } from '@temporalio/client';
import type { Stage } from './stage';

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
export type HistoryEvent = NonNullable<History['events']>[number];

export interface RunHistory {
  workflowId: string;
  runId: string;
  history: History;
}

/** The history of every run in the stage's namespace. */
export async function histories({ client }: Stage): Promise<RunHistory[]> {
  const runs: RunHistory[] = [];
  for await (const { workflowId, runId } of client.workflow.list()) {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    runs.push({ workflowId, runId, history });
  }
  return runs;
}

/** What kind of event it is, such as `timerStarted`. */
export function kindOf(event: HistoryEvent): string {
  const attributes = Object.keys(event).find((name) => name.endsWith('EventAttributes')) ?? '';
  return attributes.replace('EventAttributes', '');
}

export const ofKind = (events: HistoryEvent[], kind: string): HistoryEvent[] =>
  events.filter((event) => kindOf(event) === kind);

/** How long each timer of a history was started for, in seconds, in order. */
export const timersOf = (events: HistoryEvent[]): number[] =>
  ofKind(events, 'timerStarted').map(({ timerStartedEventAttributes: timer }) => {
    const { seconds, nanos } = timer?.startToFireTimeout ?? {};
    return Number(seconds ?? 0) + (nanos ?? 0) / 1e9;
  });

/** The server's own: something arrived while the flow ended, or too much at once. The task is just done again. */
const DONE_AGAIN = [1, 17]; // WORKFLOW_TASK_FAILED_CAUSE_ UNHANDLED_COMMAND, FORCE_CLOSE_COMMAND

/** What went wrong in workflow code, in any run of the stage: nothing ever must. */
export async function taskFailures(stage: Stage): Promise<string[]> {
  return (await histories(stage)).flatMap(({ workflowId, history }) =>
    failedTasks(history.events ?? []).map((message) => `${workflowId}: ${message}`),
  );
}

/** The messages of the workflow tasks that failed in workflow code. */
export const failedTasks = (events: HistoryEvent[]): string[] =>
  events.flatMap(({ workflowTaskFailedEventAttributes: failed }) =>
    failed && !DONE_AGAIN.includes(failed.cause ?? 0) ? [`${failed.failure?.message} (cause ${failed.cause})`] : [],
  );

/** How long a run took, in milliseconds of its server's time. */
export function tookMs(events: HistoryEvent[]): number {
  const [start, end] = [events[0], events.at(-1)].map((event) => Number(event?.eventTime?.seconds ?? 0));
  return (end! - start!) * 1000;
}
