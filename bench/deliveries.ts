/** Measures the inputs of flows while many deliveries of events are pending. */
import { randomUUID } from 'node:crypto';
import { taskQueue } from '../workflows/messages';
import { DELIVERY_TYPE } from '../workflows/events';
import { deliveryStart } from '../workflows/deliver-event/start';
import type { View } from '../workflows/view';
import { each } from '../scripts/each';
import { measureInputs, warmUp, type Inputs } from './inputs';
import type { Stack } from './stack';
import { startTarget, TARGET, type TargetAnswer } from './target';

export interface PendingDeliveries {
  deliveries: number;
  /**
   * How long one input took, in milliseconds: without pending deliveries, with pending deliveries to a receiver that
   * refuses, and with pending deliveries to a receiver that hangs. The bench sends one input at a time.
   */
  without: Inputs;
  refuses: Inputs;
  hangs: Inputs;
  /** The p99 with pending deliveries, divided by the p99 without pending deliveries. */
  ratio: { refuses: number; hangs: number };
}

/**
 * Measures the inputs of flows without pending deliveries, and with `deliveries` pending deliveries to a receiver that
 * first refuses and then hangs.
 */
export async function measureDeliveries(
  stack: Stack,
  deliveries: number,
  say: (line: string) => void,
): Promise<PendingDeliveries> {
  const target = await startTarget();
  const worker = await stack.startWorker('ours', target.workerEnv);
  await warmUp(stack);
  const without = await measureInputs(stack);
  say(`without pending deliveries: p99 ${without.p99.toFixed(0)} ms`);
  const measure = async (answer: TargetAnswer) => {
    target.answers(answer);
    // Waits longer than the time limit of a post.
    await new Promise((done) => setTimeout(done, 20_000));
    await checkPending(stack, deliveries);
    const inputs = await measureInputs(stack);
    await checkPending(stack, deliveries);
    say(`a receiver that ${answer}: p99 ${inputs.p99.toFixed(0)} ms`);
    return inputs;
  };
  target.answers('refuses');
  await each(Array.from({ length: deliveries }), 50, async (_, i) => {
    await startDelivery(stack);
    if ((i + 1) % 1000 === 0) say(`${i + 1} of ${deliveries} deliveries are started`);
  });
  const refuses = await measure('refuses');
  const hangs = await measure('hangs');
  await worker.stop();
  await target.close();
  const ratio = { refuses: refuses.p99 / without.p99, hangs: hangs.p99 / without.p99 };
  return { deliveries, without, refuses, hangs, ratio };
}

/** Fails unless exactly this number of deliveries is pending. */
async function checkPending({ client }: Stack, deliveries: number): Promise<void> {
  const { count } = await client.workflow.count(`WorkflowType = '${DELIVERY_TYPE}' AND ExecutionStatus = 'Running'`);
  if (count !== deliveries) throw new Error(`${count} deliveries are pending instead of ${deliveries}`);
}

/** Starts one delivery, as the activity `sendEvent` does. */
const startDelivery = ({ client }: Stack) => {
  const runId = randomUUID();
  const at = new Date().toISOString();
  const view: View = { accountId: 'bench', connectorId: 1, runId, intent: 'authenticate', state: 'awaitingCredentials', since: at, revision: 2 }; // prettier-ignore
  const data = { ...view, id: `${runId}.1`, sequence: 1, workflowId: 'connector-auth/bench/1' };
  const body = { type: 'connector.waiting', timestamp: at, data } as const;
  return client.workflow.start('deliverEvent', { taskQueue, ...deliveryStart({ body, targets: [TARGET] }) });
};
