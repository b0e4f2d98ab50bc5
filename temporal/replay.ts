/** Replays recorded histories: does the workflow code still give the same commands? */
import type { WorkflowHandle } from '@temporalio/client';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils';
import { DefaultLogger, Runtime, Worker, type ReplayWorkerOptions } from '@temporalio/worker';

/** Switches off the SDK's log, because a replay returns its differences. Call it before any other use of the SDK. */
export function installSilentRuntime(): void {
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { forward: {}, filter: 'ERROR' } },
    shutdownSignals: [], // the SDK's own signal hook ends the process at a second signal
  });
}

export type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;

/** A run and its history. */
export interface RunHistory {
  workflowId: string;
  history: History;
}

export type Replayed<Run extends RunHistory> = Run & {
  /** The first difference; absent if the code gives the same commands. */
  difference?: string;
};

/**
 * Options that run the workflows in a thread of their own, as a worker does. By default (SDK 1.24) a replay runs them in
 * the caller's thread, and sets a promise hook there that stays after the replay. On Node 24 that hook ends the process at
 * the next `deriveBits` of WebCrypto, which sealing calls: the hook reads `promise.constructor`, and Node has set it to
 * undefined. `isolateExecutionTimeout`: see worker/create-worker.ts.
 */
const inThread = { debugMode: false, isolateExecutionTimeout: '60s' } as ReplayWorkerOptions;

/**
 * Replays each history with the workflows of the bundle. Holds one history at a time and yields the results in
 * order. `sinks` receives the sink calls of the workflows.
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
  for await (const { error } of Worker.runReplayHistories({ ...inThread, workflowBundle, sinks }, noted()))
    yield { ...given.shift()!, ...(error && { difference: differenceIn(error.message) }) };
}

/** The message inside the failure text of the SDK's core. */
const differenceIn = (text: string): string => /message: "(.*?)", source: /s.exec(text)?.[1] ?? text;

/**
 * The run in a file that `npm run histories`, `temporal workflow show --output json` or `historyToJSON` wrote;
 * undefined for any other text.
 */
export function runIn(text: string): RunHistory | undefined {
  try {
    const history = historyFromJSON(JSON.parse(text));
    // The time-skipping server 1.40 leaves the workflow id out. The workflow compares the id with its input, so such a
    // history can't be replayed.
    const workflowId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.workflowId;
    return workflowId ? { workflowId, history } : undefined;
  } catch {
    return undefined;
  }
}
