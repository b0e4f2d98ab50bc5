/** Whether workflow code still does what it did when a history was made. */
import type { WorkflowHandle } from '@temporalio/client';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils';
import { Worker, type ReplayWorkerOptions } from '@temporalio/worker';

export type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;

/** A run, and what happened in it. */
export interface RunHistory {
  workflowId: string;
  history: History;
}

export type Replayed<Run extends RunHistory> = Run & {
  /** What the code does otherwise; absent where it does the same. */
  difference?: string;
};

/**
 * Replays each history with the workflows of this bundle, one after the other: no more than one is held at a time.
 * Answers in the order in which they come. `sinks` is for workflows that tell something meanwhile.
 */
export async function* replay<Run extends RunHistory>(
  workflowBundle: ReplayWorkerOptions['workflowBundle'],
  runs: AsyncIterable<Run> | Iterable<Run>,
  { sinks }: Pick<ReplayWorkerOptions, 'sinks'> = {},
): AsyncGenerator<Replayed<Run>> {
  const given: Run[] = [];
  async function* noted() {
    for await (const run of runs) {
      given.push(run);
      yield run;
    }
  }
  for await (const { error } of Worker.runReplayHistories({ workflowBundle, sinks }, noted()))
    yield { ...given.shift()!, ...(error && { difference: differenceIn(error.message) }) };
}

/** The core prints its whole failure; what differs is its message. */
const differenceIn = (text: string): string => /message: "(.*?)", source: /s.exec(text)?.[1] ?? text;

/**
 * What a file holds that `npm run histories`, `temporal workflow show --output json` or `historyToJSON` made; nothing
 * where it is something else.
 */
export function runIn(text: string): RunHistory | undefined {
  try {
    const history = historyFromJSON(JSON.parse(text));
    // Also what an older server wrote: there the id is known to nobody, and the flow would not take any other.
    const workflowId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.workflowId;
    return workflowId ? { workflowId, history } : undefined;
  } catch {
    return undefined;
  }
}
