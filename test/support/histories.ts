/** What tests ask of a history. */
import { failedTasks, histories, kindOf, type HistoryEvent } from '../../scripts/faults/histories';
import type { Stage } from './stage';

export { failedTasks, histories, kindOf, type HistoryEvent, type RunHistory } from '../../scripts/faults/histories';

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
    failedTasks(history.events ?? []).map((message) => `${workflowId}: ${message}`),
  );
}

/** How long a run took, in milliseconds of its server's time. */
export function tookMs(events: HistoryEvent[]): number {
  const [start, end] = [events[0], events.at(-1)].map((event) => Number(event?.eventTime?.seconds ?? 0));
  return (end! - start!) * 1000;
}
