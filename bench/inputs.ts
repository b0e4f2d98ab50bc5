/** Measures the inputs of flows while the stack does other work. */
import { each } from '../scripts/each';
import { prepare, sendProperty, start } from './flows';
import type { Stack } from './stack';
import { quantile } from './stats';

const IN_FLIGHT = 20;
export const INPUTS = 300;

/** How long one input took, in milliseconds, from sending the property until the flow waits for the next input. */
export interface Inputs {
  p50: number;
  p99: number;
}

/** Starts `count` flows, then sends one input to each of them, one at a time. */
export async function measureInputs(stack: Stack, count = INPUTS): Promise<Inputs> {
  const parts = await prepare(stack, count);
  const waiting = await each(parts, IN_FLIGHT, (part) => start(stack, 'ours', part));
  const ms = await each(waiting, 1, (one) => sendProperty(stack, one));
  return { p50: quantile(ms, 0.5), p99: quantile(ms, 0.99) };
}
