/** Floods one flow with messages, and measures the inputs to other flows during the flood. */
import type { WorkflowHandle } from '@temporalio/client';
import { each } from '../scripts/each';
import type { HistoryEvent } from '../scripts/faults/histories';
import { sendProperty, prepare, start, type Waiting } from './flows';
import { rssOf } from './processes';
import { quantile } from './stats';
import type { BenchWorker, Stack } from './stack';

const OTHERS = 50;
const SAMPLE_MS = 100;

interface Flood {
  /** True for signals, which are sent to a stopped worker. Updates need a running worker. */
  isSignal: boolean;
  /** The number of messages, as a share of the number in the option `--flood`. */
  share: number;
  /** The number of messages in flight. Temporal accepts 10 updates of a run at the same time. */
  atOnce: number;
  send: (flow: WorkflowHandle, number: number) => Promise<unknown>;
}

const floods: { [name: string]: Flood } = {
  oauthCallback: {
    ...{ isSignal: true, share: 1, atOnce: 50 },
    send: (flow, number) => flow.signal('oauthCallback', { attemptId: `attempt-${number}` }),
  },
  unknownSignal: {
    ...{ isSignal: true, share: 1, atOnce: 50 },
    send: (flow, number) => flow.signal('unknown', { number }),
  },
  updates: {
    ...{ isSignal: false, share: 0.2, atOnce: 10 },
    // Temporal accepts 2,000 updates for each run. Then the flow rejects updates until its next run has started.
    send: (flow) => flow.executeUpdate('recheck').catch(() => undefined),
  },
};

interface Latency {
  p50: number;
  p99: number;
  max: number;
}

export interface FloodFigures {
  messages: number;
  /** How long other flows took to accept their inputs, in milliseconds. 50 inputs are sent at the same time. */
  inputsMs: { before: Latency; during: Latency };
  /** Milliseconds from the sending of the 50 inputs until the flooded flow answers a query. */
  answerMs: number;
  /** The largest resident memory of the worker. */
  workerBytes: number;
  /** Workflow tasks of the flooded flow that failed, or that a worker did not complete in time. */
  lostTasks: number;
}

/** Runs each flood with `messages` messages to a new flow, one after the other. Fails if the worker ends. */
export async function floodAll(
  stack: Stack,
  messages: number,
  say: (line: string) => void,
): Promise<{ [flood: string]: FloodFigures }> {
  const worker = await stack.startWorker('ours');
  const figures: { [flood: string]: FloodFigures } = {};
  for (const [name, flood] of Object.entries(floods)) {
    const parts = await prepare(stack, 2 * OTHERS + 1);
    const [flooded, ...others] = await each(parts, 10, (part) => start(stack, 'ours', part));
    const before = await inputsTo(stack, others.splice(OTHERS));
    const during = await measureFlood(stack, worker, flood, flooded!, others, Math.ceil(messages * flood.share));
    figures[name] = { ...during, inputsMs: { before, during: during.inputsMs } };
    say(`${name}: ${JSON.stringify(figures[name])}`);
  }
  return figures;
}

const inputsTo = async (stack: Stack, flows: Waiting[]): Promise<Latency> => {
  const inputs = await Promise.all(flows.map((flow) => sendProperty(stack, flow)));
  return { p50: quantile(inputs, 0.5), p99: quantile(inputs, 0.99), max: Math.max(...inputs) };
};

async function measureFlood(
  stack: Stack,
  { pid }: BenchWorker,
  { isSignal, atOnce, send }: Flood,
  { execution }: Waiting,
  others: Waiting[],
  messages: number,
): Promise<Omit<FloodFigures, 'inputsMs'> & { inputsMs: Latency }> {
  const handle = stack.client.workflow.getHandle(execution.workflowId, execution.runId);
  const newest = stack.client.workflow.getHandle(execution.workflowId);
  const sent = () => each(Array<undefined>(messages).fill(undefined), atOnce, (_, number) => send(newest, number));
  if (isSignal) {
    process.kill(pid, 'SIGSTOP');
    await sent().finally(() => process.kill(pid, 'SIGCONT'));
  }
  const since = performance.now();
  const updates = isSignal ? Promise.resolve([]) : sent();
  const [[inputsMs, answerMs], workerBytes] = await peakDuring(
    pid,
    Promise.all([
      inputsTo(stack, others),
      newest.query('view').then(() => performance.now() - since),
      updates,
    ] as const),
  );
  const { events } = await handle.fetchHistory();
  return { messages, inputsMs, answerMs, workerBytes, lostTasks: (events ?? []).filter(isLost).length };
}

const START_TO_CLOSE = 1; // temporal.api.enums.v1.TimeoutType

const isLost = (event: HistoryEvent): boolean =>
  Boolean(event.workflowTaskFailedEventAttributes) ||
  event.workflowTaskTimedOutEventAttributes?.timeoutType === START_TO_CLOSE;

/**
 * The result of `act`, and the largest resident memory of the process until `act` ends. Fails if the process has ended.
 */
async function peakDuring<T>(pid: number, act: Promise<T>): Promise<[T, number]> {
  let bytes = rssOf(pid);
  const timer = setInterval(() => (bytes = Math.max(bytes, rssOf(pid))), SAMPLE_MS);
  try {
    return [await act, Math.max(bytes, rssOf(pid))];
  } finally {
    clearInterval(timer);
  }
}
