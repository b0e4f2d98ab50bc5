/** Floods one flow with messages, and measures the inputs to other flows during the flood. */
import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { each } from '../scripts/each';
import type { HistoryEvent } from '../scripts/faults/histories';
import { contenderNames, startEmpty, type ContenderName, type Execution } from './contenders';
import { sendProperty, prepare, start, type Part, type Waiting } from './flows';
import { cpuMsOf, rssOf } from './processes';
import { latencyOf, type Latency } from './stats';
import type { BenchWorker, Stack } from './stack';

const OTHERS = 50;
const SAMPLE_MS = 100;
/** The time limit of the answer to a query. Only a query that hangs reaches this limit. */
const ANSWER_WITHIN_MS = 10 * 60_000;

interface Flood {
  /**
   * True if the messages are signals. The bench sends signals while the worker is suspended (SIGSTOP), but updates need
   * a running worker.
   */
  isSignal: boolean;
  /** The number of messages of this flood, divided by the number in the option `--flood`. */
  share: number;
  /**
   * The number of messages that the bench sends at the same time. Temporal accepts 10 updates of a run at the same
   * time.
   */
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
    send: (flow) => flow.executeUpdate('recheck'),
  },
};

export interface FloodFigures {
  /** The number of messages that the flooded flow accepted. */
  accepted: number;
  /**
   * The number of updates that the flow refused. The key is the code of the refusal. Temporal accepts 2,000 updates for
   * each run, so shortly before this limit the flow refuses updates until its next run has started.
   */
  refused: { [code: string]: number };
  /** How long other flows took to accept their inputs, in milliseconds. 50 inputs are sent at the same time. */
  inputsMs: { before: Latency; during: Latency };
  /** Milliseconds from the sending of the 50 inputs until the flooded flow answers a query. */
  answerMs: number;
  /** The worker's CPU time in milliseconds, from the sending of the 50 inputs until all inputs have their answers. */
  workerCpuMs: number;
  /** The largest resident memory of the worker. */
  workerBytes: number;
  /** The number of workflow tasks of the flooded flow that failed, or that a worker did not complete in time. */
  lostTasks: number;
}

/** The figures of each flood, for the flow (`ours`) and for a workflow with empty handlers (`minimal`). */
export type Floods = { [flood: string]: Record<ContenderName, FloodFigures> };

/**
 * Sends each flood to a new flow, and after that to a new workflow with empty handlers. The flow and the workflow have
 * a worker each. `messages`: the number of messages in a flood whose share is 1. Fails if a worker ends, or if a
 * message fails for another reason than a refusal.
 */
export async function floodAll(stack: Stack, messages: number, say: (line: string) => void): Promise<Floods> {
  const all: Floods = {};
  for (const [name, flood] of Object.entries(floods)) {
    const figures: Partial<Floods[string]> = {};
    for (const contender of contenderNames) {
      figures[contender] = await floodOf(stack, contender, flood, Math.ceil(messages * flood.share));
      say(`${name}, ${contender}: ${JSON.stringify(figures[contender])}`);
    }
    all[name] = figures as Floods[string];
  }
  return all;
}

async function floodOf(stack: Stack, contender: ContenderName, flood: Flood, messages: number): Promise<FloodFigures> {
  const worker = await stack.startWorker(contender);
  const [target, ...parts] = await prepare(stack, 2 * OTHERS + 1);
  const flooded = await startFlooded(stack, contender, target!);
  const others = await each(parts, 10, (part) => start(stack, contender, part));
  const before = await inputsTo(stack, others.splice(OTHERS));
  const during = await measureFlood(stack, worker, flood, flooded, others, messages);
  await worker.stop();
  return { ...during, inputsMs: { before, during: during.inputsMs } };
}

async function startFlooded(stack: Stack, contender: ContenderName, part: Part): Promise<Execution> {
  if (contender === 'minimal') return startEmpty(stack.client, part.key);
  return (await start(stack, contender, part)).execution;
}

const inputsTo = async (stack: Stack, flows: Waiting[]): Promise<Latency> =>
  latencyOf(await Promise.all(flows.map((flow) => sendProperty(stack, flow))));

async function measureFlood(
  stack: Stack,
  { pid }: BenchWorker,
  { isSignal, atOnce, send }: Flood,
  execution: Execution,
  others: Waiting[],
  messages: number,
): Promise<Omit<FloodFigures, 'inputsMs'> & { inputsMs: Latency }> {
  const handle = stack.client.workflow.getHandle(execution.workflowId, execution.runId);
  const newest = stack.client.workflow.getHandle(execution.workflowId);
  let accepted = 0;
  const refused: FloodFigures['refused'] = {};
  const sendOne = async (number: number) => {
    try {
      await send(newest, number);
      accepted++;
    } catch (err) {
      const code = refusalOf(err);
      refused[code] = (refused[code] ?? 0) + 1;
    }
  };
  const sent = () => each(Array.from({ length: messages }), atOnce, (_, number) => sendOne(number));
  if (isSignal) {
    process.kill(pid, 'SIGSTOP');
    await sent().finally(() => process.kill(pid, 'SIGCONT'));
  }
  const since = performance.now();
  const cpuBefore = cpuMsOf(pid);
  const updates = isSignal ? Promise.resolve([]) : sent();
  const [[inputsMs, answerMs], workerBytes] = await peakDuring(
    pid,
    Promise.all([inputsTo(stack, others), answerOf(newest).then(() => performance.now() - since), updates] as const),
  );
  const workerCpuMs = cpuMsOf(pid) - cpuBefore;
  const { events } = await handle.fetchHistory();
  const lostTasks = (events ?? []).filter(isLost).length;
  return { accepted, refused, inputsMs, answerMs, workerCpuMs, workerBytes, lostTasks };
}

/** Returns the code with which a flow refused an update. Throws any other error. */
function refusalOf(err: unknown): string {
  if (err instanceof WorkflowUpdateFailedError && err.cause instanceof ApplicationFailure && err.cause.type)
    return err.cause.type;
  throw err;
}

/** Repeats a query until the flow answers. A query fails if the workflow task that handles the flood has timed out. */
async function answerOf(flow: WorkflowHandle): Promise<void> {
  for (const until = performance.now() + ANSWER_WITHIN_MS; ; await delay(SAMPLE_MS)) {
    try {
      await flow.query('view');
      return;
    } catch (err) {
      if (performance.now() > until) throw err;
    }
  }
}

const START_TO_CLOSE = 1; // temporal.api.enums.v1.TimeoutType

const isLost = (event: HistoryEvent): boolean =>
  Boolean(event.workflowTaskFailedEventAttributes) ||
  event.workflowTaskTimedOutEventAttributes?.timeoutType === START_TO_CLOSE;

/**
 * Returns the result of `act`, and the largest resident memory of the process until `act` ends. Fails if the process
 * has ended.
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
