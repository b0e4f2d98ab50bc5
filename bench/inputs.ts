/** Measures the inputs of flows while the stack does other work. */
import { each } from '../scripts/each';
import { prepare, sendProperty, start } from './flows';
import type { Stack } from './stack';
import { latencyOf, type Latency } from './stats';

const IN_FLIGHT = 20;
const INPUTS = 1000;
/** Far below the 1,000 flows that a worker caches, so that the measured inputs need no replay. */
const WAITING_AT_ONCE = 250;
const WARM_UP = 30;

/** How long one input took, in milliseconds, from sending the property until the flow waits for the next input. */
export type Inputs = Latency & { p99: number };

/** Starts 1,000 flows in groups, and sends one input to each flow, one at a time. */
export const measureInputs = async (stack: Stack): Promise<Inputs> =>
  latencyOf(await sendInputs(stack, INPUTS)) as Inputs;

/** Sends inputs that are not measured, because the first inputs also load and compile code. */
export const warmUp = (stack: Stack): Promise<unknown> => sendInputs(stack, WARM_UP);

async function sendInputs(stack: Stack, count: number): Promise<number[]> {
  const times: number[] = [];
  while (times.length < count) {
    const parts = await prepare(stack, Math.min(WAITING_AT_ONCE, count - times.length));
    const waiting = await each(parts, IN_FLIGHT, (part) => start(stack, 'ours', part));
    times.push(...(await each(waiting, 1, (one) => sendProperty(stack, one))));
  }
  return times;
}
