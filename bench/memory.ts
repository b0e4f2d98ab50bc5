/**
 * Measures the memory that a worker needs for each waiting flow in its cache. Fails if the history of a waiting flow
 * grows.
 */
import { contenderNames, type ContenderName } from './contenders';
import { each } from '../scripts/each';
import { prepare, start, type Waiting } from './flows';
import type { BenchWorker, Stack } from './stack';
import type { Memory } from './probe';

const IN_FLIGHT = 20;
/** The number of steps after the first step. Each step adds flows and measures the memory. */
const STEPS = 4;

/** The memory of a worker after each step, and the growth for each flow that the step added. */
export interface MemorySteps {
  flows: number[];
  memory: Memory[];
  heapPerFlow: number[];
  rssPerFlow: number[];
  /** How long the flows of the first step waited without a new history event. */
  quietSeconds: number;
}

/** Measures one workflow after the other, each with a new worker whose cache holds all flows. */
export async function measureMemory(
  stack: Stack,
  flows: number,
  say: (line: string) => void,
): Promise<Record<ContenderName, MemorySteps>> {
  const measured = {} as Record<ContenderName, MemorySteps>;
  for (const contender of contenderNames) {
    const worker = await stack.startWorker(contender);
    measured[contender] = await fill(stack, contender, worker, flows);
    await worker.stop();
    say(`memory with ${measured[contender].flows.at(-1)} waiting flows, ${contender}: measured`);
  }
  return measured;
}

async function fill(stack: Stack, contender: ContenderName, worker: BenchWorker, flows: number): Promise<MemorySteps> {
  const inStep = Math.ceil(flows / (STEPS + 1));
  const steps: MemorySteps = { flows: [], memory: [], heapPerFlow: [], rssPerFlow: [], quietSeconds: 0 };
  let first: { since: number; events: number[]; waiting: Waiting[] } | undefined;
  for (let step = 0; step <= STEPS; step++) {
    const parts = await prepare(stack, inStep);
    const waiting = await each(parts, IN_FLIGHT, (part) => start(stack, contender, part));
    first ??= { since: performance.now(), events: await eventsOf(stack, waiting), waiting };
    steps.flows.push((step + 1) * inStep);
    steps.memory.push(await worker.memory());
    const [before, after] = steps.memory.slice(-2) as [Memory, Memory?];
    if (!after) continue; // the first step gives no value, because it also loads code and allocates buffers
    steps.heapPerFlow.push((after.heap - before.heap) / inStep);
    steps.rssPerFlow.push((after.rss - before.rss) / inStep);
  }
  const { since, events, waiting } = first!;
  const now = await eventsOf(stack, waiting);
  if (now.some((count, i) => count !== events[i])) throw new Error(`${contender}: histories grew while flows waited`);
  return { ...steps, quietSeconds: (performance.now() - since) / 1000 };
}

const eventsOf = ({ client }: Stack, waiting: Waiting[]): Promise<number[]> =>
  each(waiting, IN_FLIGHT, async ({ execution: { workflowId, runId } }) => {
    const { historyLength } = await client.workflow.getHandle(workflowId, runId).describe();
    return historyLength;
  });
