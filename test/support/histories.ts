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

/** What went wrong in workflow code, in any run of the stage: nothing ever must. */
export async function taskFailures(stage: Stage): Promise<string[]> {
  return (await histories(stage)).flatMap(({ workflowId, history }) =>
    ofKind(history.events ?? [], 'workflowTaskFailed').map(
      (event) => `${workflowId}: ${event.workflowTaskFailedEventAttributes?.failure?.message}`,
    ),
  );
}
