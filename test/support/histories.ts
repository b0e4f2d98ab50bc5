/** Functions that read the histories of runs. */
import type { Client } from '@temporalio/client';
import { failedTasks, histories, kindOf, type HistoryEvent } from '../../scripts/faults/histories';

export { failedTasks, histories, kindOf, type HistoryEvent, type RunHistory } from '../../scripts/faults/histories';

export const ofKind = (events: HistoryEvent[], kind: string): HistoryEvent[] =>
  events.filter((event) => kindOf(event) === kind);

/** The durations in seconds of all timers, in the order in which the timers started. */
export const timersOf = (events: HistoryEvent[]): number[] =>
  ofKind(events, 'timerStarted').map(({ timerStartedEventAttributes: timer }) => {
    const { seconds, nanos } = timer?.startToFireTimeout ?? {};
    return Number(seconds ?? 0) + (nanos ?? 0) / 1e9;
  });

/** The errors that workflow code has thrown, in all runs of the client's namespace. */
export async function taskFailures(on: { client: Client }): Promise<string[]> {
  return (await histories(on)).flatMap(({ workflowId, history }) =>
    failedTasks(history.events ?? []).map((message) => `${workflowId}: ${message}`),
  );
}

/** The duration of a run by the server's time, in milliseconds. */
export function tookMs(events: HistoryEvent[]): number {
  const [start, end] = [events[0], events.at(-1)].map((event) => Number(event?.eventTime?.seconds ?? 0));
  return (end! - start!) * 1000;
}
