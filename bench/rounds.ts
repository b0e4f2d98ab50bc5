/** Runs rounds of both workflows in turn, and measures CPU, storage and latency of a flow. */
import { setTimeout as delay } from 'node:timers/promises';
import { contenderNames, type ContenderName } from './contenders';
import { each } from '../scripts/each';
import { checked, play, prepare } from './flows';
import { playPairs } from './pairs';
import { cpuMsOf } from './processes';
import type { BenchWorker, Stack } from './stack';
import { median } from './stats';

const IN_FLIGHT = 20;
/**
 * How long a round waits after its last flow. The server works for a flow even after its end, and the CPU time of the
 * round includes this work.
 */
const SETTLE_MS = 1_000;

/** The results of one round of one workflow. Each value is an average or a median over the flows of the round. */
export interface Round {
  serverCpuMs: number;
  workerCpuMs: number;
  cpuMs: number;
  flowsPerSecond: number;
  propertyMs: number;
  credentialMs: number;
  events: number;
  historyBytes: number;
  storedBytes: number;
}

export type Workers = Record<ContenderName, BenchWorker>;

export interface Rounds {
  rounds: number;
  /**
   * The number of flows in each round. First, the round runs this number of flows, 20 at a time. Then it runs a fifth
   * of this number, one flow at a time.
   */
  flows: number;
}

/** Runs pairs of rounds, one round for each of the two workflows. */
export function playRounds(
  stack: Stack,
  workers: Workers,
  { rounds, flows }: Rounds,
  say: (line: string) => void,
): Promise<Record<ContenderName, Round[]>> {
  return playPairs(contenderNames, rounds, async (contender, pair) => {
    const round = await playRound(stack, contender, workers[contender].pid, flows);
    say(`round ${pair} of ${rounds}, ${contender}: ${Math.round(round.cpuMs)} ms of CPU for a flow`);
    return round;
  });
}

async function playRound(stack: Stack, contender: ContenderName, workerPid: number, flows: number): Promise<Round> {
  const together = await prepare(stack, flows);
  const alone = await prepare(stack, Math.ceil(flows / 5));
  const before = { server: cpuMsOf(stack.serverPid), worker: cpuMsOf(workerPid), stored: stack.stored() };
  const since = performance.now();
  const crowd = await each(together, IN_FLIGHT, (part) => play(stack, contender, part));
  const seconds = (performance.now() - since) / 1000;
  await delay(SETTLE_MS);
  const serverCpuMs = (cpuMsOf(stack.serverPid) - before.server) / flows;
  const workerCpuMs = (cpuMsOf(workerPid) - before.worker) / flows;
  const storedBytes = (stack.stored() - before.stored) / flows;
  const single = await each(alone, 1, (part) => play(stack, contender, part));
  const remains = await each([...crowd, ...single], IN_FLIGHT, (played) => checked(stack, played));
  return {
    serverCpuMs,
    workerCpuMs,
    cpuMs: serverCpuMs + workerCpuMs,
    flowsPerSecond: flows / seconds,
    propertyMs: median(single.map(({ propertyMs }) => propertyMs)),
    credentialMs: median(single.map(({ credentialMs }) => credentialMs)),
    events: median(remains.map(({ events }) => events)),
    historyBytes: median(remains.map(({ bytes }) => bytes)),
    storedBytes,
  };
}

/** The CPU time of the idle server and the idle workers, in milliseconds for each second. */
export async function idle(stack: Stack, workers: Workers): Promise<Record<'server' | ContenderName, number>> {
  const seconds = 3;
  const look = () => ({
    server: cpuMsOf(stack.serverPid),
    ours: cpuMsOf(workers.ours.pid),
    minimal: cpuMsOf(workers.minimal.pid),
  });
  await delay(SETTLE_MS);
  const before = look();
  await delay(seconds * 1000);
  const after = look();
  return {
    server: (after.server - before.server) / seconds,
    ours: (after.ours - before.ours) / seconds,
    minimal: (after.minimal - before.minimal) / seconds,
  };
}
