/** Measures more waiting flows than a worker caches: their memory, and the time of an input to one of these flows. */
import { each } from '../scripts/each';
import { sendProperty, prepare, start, type Waiting } from './flows';
import { rssOf } from './processes';
import type { Stack } from './stack';
import { latencyOf, quantile, type Latency } from './stats';

const IN_FLIGHT = 50;
const IN_ACCOUNT = 500;
const INPUTS = 1000;
/** The time limit for starting all flows. */
const LONGEST_MS = 20 * 60_000;

export interface ManyWaiting {
  flows: number;
  startedPerSecond: number;
  serverBytes: { before: number; after: number };
  workerBytes: { before: number; after: number };
  /** The number of the values in `inputsMs`, and their quantiles. */
  inputs: Latency & { p95: number };
  /**
   * How long each input took, in milliseconds, from sending the property until the flow waits for the next input. The
   * inputs are sent one at a time, to flows that are spread evenly over all flows.
   */
  inputsMs: number[];
}

/** Starts `flows` flows, then sends an input to some of them. */
export async function waitMany(stack: Stack, flows: number, say: (line: string) => void): Promise<ManyWaiting> {
  const worker = await stack.startWorker('ours');
  const look = async () => ({ server: rssOf(stack.serverPid), worker: (await worker.memory()).rss });
  const before = await look();
  const since = performance.now();
  const waiting = await startMany(stack, flows, say);
  const seconds = (performance.now() - since) / 1000;
  const after = await look();
  const inputsMs = await each(spread(waiting, INPUTS), 1, (one) => sendProperty(stack, one));
  return {
    flows,
    startedPerSecond: flows / seconds,
    serverBytes: { before: before.server, after: after.server },
    workerBytes: { before: before.worker, after: after.worker },
    inputs: { ...latencyOf(inputsMs), p95: quantile(inputsMs, 0.95) },
    inputsMs,
  };
}

/** Starts `flows` flows, 50 at a time, in accounts of 500 flows. Fails if the starts take more than 20 minutes. */
export async function startMany(stack: Stack, flows: number, say: (line: string) => void): Promise<Waiting[]> {
  const since = performance.now();
  const waiting: Waiting[] = [];
  while (waiting.length < flows) {
    const parts = await prepare(stack, Math.min(IN_ACCOUNT, flows - waiting.length));
    waiting.push(...(await each(parts, IN_FLIGHT, (part) => start(stack, 'ours', part))));
    say(`${waiting.length} of ${flows} flows wait`);
    if (performance.now() - since > LONGEST_MS) throw new Error(`${flows} flows did not start within 20 minutes`);
  }
  return waiting;
}

/** Selects `count` of the items, spread evenly over the list. Selects all items if there are fewer. */
export function spread<T>(items: readonly T[], count: number): T[] {
  const selected = Math.min(count, items.length);
  return Array.from({ length: selected }, (_, i) => items[Math.floor((i * items.length) / selected)]!);
}
