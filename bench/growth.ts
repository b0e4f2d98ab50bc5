/**
 * Measures whether work becomes slower if many flows are open: the bench does the same work while 1 %, 10 % and 100 %
 * of a number of flows are open.
 */
import { ConnectorAuth } from '../client/connector-auth';
import { each } from '../scripts/each';
import { sendProperty, timed, type Waiting } from './flows';
import { rssOf } from './processes';
import { playRound, sideOf, type Round } from './rounds';
import { latencyOf, type Latency } from './stats';
import type { Stack } from './stack';
import { spread, startMany } from './waiting';

const SHARES = [0.01, 0.1, 1];
/** Each step runs a round of this number of flows, from their start to their end. */
const IN_ROUND = 50;
const INPUTS = 100;
const LISTS = 50;

interface Step {
  /** The number of open flows. */
  open: number;
  round: Round;
  /**
   * The time from the sending of an input until its flow waits for the next input, in milliseconds. The inputs go to
   * flows that are spread evenly over the flows that this step started.
   */
  inputs: Latency;
  /**
   * How long Temporal takes to list flows by search attributes, in milliseconds: the waiting flows of one account, and
   * the waiting flows of all accounts.
   */
  lists: { account: Latency; all: Latency };
  serverBytes: number;
  workerBytes: number;
  storedBytes: number;
}

export interface Growth {
  flows: number;
  steps: Step[];
}

/** Starts flows in three steps: until 1 %, 10 % and 100 % of `flows` are open. Measures after each step. */
export async function measureGrowth(stack: Stack, flows: number, say: (line: string) => void): Promise<Growth> {
  const worker = await stack.startWorker('ours');
  const side = sideOf(stack, 'ours', worker.pid);
  await playRound(side, IN_ROUND); // warms up the processes
  const waiting: Waiting[] = [];
  const steps: Step[] = [];
  for (const share of SHARES) {
    const open = Math.ceil(flows * share);
    const added = await startMany(stack, open - waiting.length, say);
    waiting.push(...added);
    await stack.untilIdle();
    const round = await playRound(side, IN_ROUND);
    const step: Step = {
      open,
      round,
      // The lists must be measured before the inputs, because the inputs change the states of the flows.
      lists: await timeLists(stack, waiting.at(-1)!),
      inputs: latencyOf(await each(spread(added, INPUTS), 1, (one) => sendProperty(stack, one))),
      serverBytes: rssOf(stack.serverPid),
      workerBytes: (await worker.memory()).rss,
      storedBytes: stack.stored(),
    };
    steps.push(step);
    say(
      `${open} open flows: ${Math.round(round.cpuMs)} ms of CPU for a flow, p50 of an input ${step.inputs.p50.toFixed(0)} ms`,
    );
  }
  await worker.stop();
  return { flows, steps };
}

async function timeLists({ client }: Stack, { part: { key } }: Waiting): Promise<Step['lists']> {
  const auth = new ConnectorAuth(client);
  const state = 'awaitingProperties';
  const time = async (request: { accountId?: string }) => {
    const list = () => auth.flows({ ...request, state });
    await list(); // the first list also opens the files of the index
    return latencyOf(await each(Array.from({ length: LISTS }), 1, () => timed(list)));
  };
  return { account: await time({ accountId: key.accountId }), all: await time({}) };
}
