/** Measures how long the flow of one account waits behind the flows of another account. */
import { ConnectorAuth } from '../client/connector-auth';
import { each } from '../scripts/each';
import { startTogether } from '../scripts/local/process';
import { Follower, transitionsOf } from './follower';
import { prepare } from './flows';
import type { Execution } from './contenders';
import { startStack, type Stack } from './stack';

const IN_FLIGHT = 50;

/** How long the flow of account B waits. */
interface Wait {
  /** The time from the start of the worker until the flow waits for its user. */
  seconds: number;
  /**
   * The number of account A's flows that already wait for their users when the flow of account B begins to wait for its
   * user.
   */
  before: number;
}

export interface Fairness {
  /**
   * The number of flows that account A starts before account B starts its only flow. The worker starts only after
   * account A has started all these flows.
   */
  flows: number;
  without: Wait;
  with: Wait;
}

type Name = 'without' | 'with';

/**
 * Starts two stacks: the Temporal server of one stack has `matching.enableFairness` on, the other server has it off.
 */
export const startFairnessStacks = () =>
  startTogether(async (onStop) => {
    const started = async (isFair: boolean) => {
      const stack = await startStack({ 'matching.enableFairness': isFair });
      onStop(stack.stop);
      return stack;
    };
    return { without: await started(false), with: await started(true) };
  });

/** Measures the waits on the stack without fairness, and then on the stack with fairness. */
export async function measureFairness(
  stacks: Record<Name, Stack>,
  flows: number,
  say: (line: string) => void,
): Promise<Fairness> {
  const measure = async (name: Name) => {
    say(`${name} fairness: ${flows} flows start`);
    const wait = await waitBehind(stacks[name], flows);
    say(`${name} fairness: ${wait.seconds.toFixed(1)} s, after ${wait.before} flows`);
    return wait;
  };
  return { flows, without: await measure('without'), with: await measure('with') };
}

async function waitBehind(stack: Stack, flows: number): Promise<Wait> {
  const auth = new ConnectorAuth(stack.client);
  const many = await prepare(stack, flows);
  const [one] = await prepare(stack, 1);
  const executions = await each(many, IN_FLIGHT, ({ key }) => auth.start(key));
  const execution = await auth.start(one!.key);
  const since = Date.now();
  const worker = await stack.startWorker('ours');
  await new Follower(stack.client, execution).reaches(1);
  await worker.stop();
  // Reads the times from the histories. The present states of the flows can't be used: until the worker has stopped,
  // further flows of account A begin to wait for their users, and these flows must not count.
  const waitsAt = async (flow: Execution) => (await transitionsOf(stack.client, flow))[1];
  const waitedAt = (await waitsAt(execution))!;
  const ofMany = await each(executions, IN_FLIGHT, waitsAt);
  const before = ofMany.filter((at) => at !== undefined && at < waitedAt).length;
  return { seconds: (waitedAt - since) / 1000, before };
}
