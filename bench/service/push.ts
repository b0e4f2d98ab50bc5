/** Measures the delay from a transition in Temporal's history until a reader has the view. Runs one flow at a time. */
import { each } from '../../scripts/each';
import { startsOf } from '../contenders';
import { transitionsOf } from '../follower';
import { prepare, type Part } from '../flows';
import { playPairs } from '../pairs';
import type { BenchService, Stack } from '../stack';
import { latencyOf, type Latency } from '../stats';
import { watchesOf, watchNames, type Watch, type WatchName } from './watches';

/** The delays that one round has measured for one way to follow the views, in milliseconds. */
export interface PushRound extends Latency {
  /** One delay for each transition. */
  delays: number[];
}

/** Runs pairs of rounds, one round for each of the two ways to follow the views. */
export function measurePush(
  stack: Stack,
  service: BenchService,
  { rounds, flows }: { rounds: number; flows: number },
  say: (line: string) => void,
): Promise<Record<WatchName, PushRound[]>> {
  const open = watchesOf(stack, service);
  return playPairs(watchNames, rounds, stack.untilIdle, async (name, pair) => {
    const parts = await prepare(stack, flows);
    const delays = (await each(parts, 1, (part) => play(stack, part, open[name]))).flat();
    const round = { ...latencyOf(delays), delays };
    say(`push, round ${pair} of ${rounds}, ${name}: p50 ${round.p50.toFixed(1)} ms, max ${round.max.toFixed(1)} ms`);
    return round;
  });
}

/** Runs one flow. Returns the delays of the transitions to `awaitingCredentials` and to `authenticated`. */
async function play(stack: Stack, part: Part, open: (part: Part) => Promise<Watch>): Promise<number[]> {
  const execution = await startsOf(stack.client).ours(part.key);
  const handle = stack.client.workflow.getHandle(execution.workflowId, execution.runId);
  const watch = await open(part);
  await watch.sees('awaitingProperties');
  await handle.signal('propertyInput', part.properties);
  const asked = await watch.sees('awaitingCredentials');
  await handle.signal('credentialInput', part.credentials);
  const ended = await watch.sees('authenticated');
  watch.leave();
  const [, , askedAt, endedAt] = await transitionsOf(stack.client, execution);
  return [asked - askedAt!, ended - endedAt!];
}
