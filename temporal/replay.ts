/**
 * Replays recorded histories, to test that the workflow code gives the same commands as at the time of the recording.
 */
import type { WorkflowHandle } from '@temporalio/client';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils';
import { DefaultLogger, Runtime, Worker, type ReplayWorkerOptions } from '@temporalio/worker';

/**
 * Switches off the SDK's log, because a replay returns the differences as its result. Call this function before any
 * other use of the SDK.
 */
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
  /** The first difference between the history and the commands of the code. Absent if there is no difference. */
  difference?: string;
};

/**
 * Options that run the workflows in a separate thread, as a worker does. By default (SDK 1.24) a replay runs the
 * workflows in the caller's thread, and leaves a promise hook in this thread. This hook reads `promise.constructor`. On
 * Node 24, `deriveBits` of WebCrypto has promises whose `constructor` is undefined, so the next sealing would end the
 * process. `isolateExecutionTimeout`: see worker/create-worker.ts.
 */
const inThread = { debugMode: false, isolateExecutionTimeout: '60s' } as ReplayWorkerOptions;

/**
 * Replays each history with the workflows of the bundle. Keeps only one history in memory at a time. Yields the results
 * in the order of the histories. `sinks` receives the sink calls of the workflows. A history with encoded payloads
 * needs the `dataConverter` of the worker that wrote the history.
 */
export async function* replay<Run extends RunHistory>(
  workflowBundle: ReplayWorkerOptions['workflowBundle'],
  runs: AsyncIterable<Run> | Iterable<Run>,
  options: Pick<ReplayWorkerOptions, 'sinks' | 'dataConverter'> = {},
): AsyncGenerator<Replayed<Run>> {
  const given: Run[] = [];
  async function* noted() {
    for await (const run of runs) {
      given.push(run);
      setRunId(run.history);
      yield run;
    }
  }
  for await (const { error } of Worker.runReplayHistories({ ...inThread, ...options, workflowBundle }, noted()))
    yield { ...given.shift()!, ...(error && { difference: differenceIn(error.message) }) };
}

/**
 * Sets the run id in the history of a run that a reset has started. This history begins with the events of the run
 * before the reset, so the SDK (1.24) replays it with the run id of the run before the reset. A flow needs the right
 * run id to find out that it was reset.
 */
function setRunId({ events }: History): void {
  const failures = events?.map((event) => event.workflowTaskFailedEventAttributes);
  const runId = failures?.findLast((failure) => failure?.newRunId)?.newRunId;
  const started = events?.[0]?.workflowExecutionStartedEventAttributes;
  if (runId && started) started.originalExecutionRunId = runId;
}

/** Takes the message out of the failure text of the SDK's core. */
const differenceIn = (text: string): string => /message: "(.*?)", source: /s.exec(text)?.[1] ?? text;

/**
 * Reads a run from the text of a file that `npm run histories`, `temporal workflow show --output json` or
 * `historyToJSON` wrote. Returns undefined for any other text.
 */
export function runIn(text: string): RunHistory | undefined {
  try {
    const history = historyFromJSON(JSON.parse(text));
    // The history of a run on the time-skipping test server 1.40 has no workflow id. Such a history can't be replayed,
    // because the workflow compares the workflow id with its input.
    const workflowId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.workflowId;
    return workflowId ? { workflowId, history } : undefined;
  } catch {
    return undefined;
  }
}
