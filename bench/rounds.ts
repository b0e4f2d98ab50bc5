/** Runs rounds of both workflows in turn, and measures CPU, storage and latency of a flow. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ContenderName } from './contenders';
import { each } from '../scripts/each';
import { checked, play, prepare, type Part, type Remains } from './flows';
import { playPairs } from './pairs';
import { cpuMsOf, untilIdle } from './processes';
import type { BenchWorker, Stack } from './stack';
import { median } from './stats';

const IN_FLIGHT = 20;

/** The results of one round of one workflow. Each value is an average or a median over the flows of the round. */
export interface Round {
  serverCpuMs: number;
  workerCpuMs: number;
  cpuMs: number;
  flowsPerSecond: number;
  /** The time in milliseconds from each of the two inputs to its effect, such as the next state of the flow. */
  inputMs: [number, number];
  events: number;
  historyBytes: number;
  storedBytes: number;
}

/** One side of a comparison: its flows, and the processes that run them. */
export interface Side<Flow = Part> extends Processes {
  prepare(count: number): Promise<Flow[]>;
  /**
   * Runs one flow from start to end. Returns the milliseconds from each input to its effect. `check` fails unless
   * the flow ended as expected.
   */
  play(flow: Flow): Promise<{ inputMs: [number, number]; check(): Promise<Remains> }>;
}

interface Processes {
  serverCpuMs(): number;
  workerCpuMs(): number;
  /** The size of the database, in bytes. */
  stored(): number | Promise<number>;
}

/**
 * Returns the side of a comparison that runs the workflow `contender`. `workerPid`: the process id of the worker that
 * runs this workflow.
 */
export const sideOf = (stack: Stack, contender: ContenderName, workerPid: number): Side => ({
  prepare: (count) => prepare(stack, count),
  play: async (part) => {
    const played = await play(stack, contender, part);
    return { inputMs: [played.propertyMs, played.credentialMs], check: () => checked(stack, played) };
  },
  ...processesOf(stack, workerPid),
});

/** Returns functions that measure the processes of a side: the dev server, and the worker with this process id. */
export const processesOf = ({ serverPid, stored }: Stack, workerPid: number): Processes => ({
  serverCpuMs: () => cpuMsOf(serverPid),
  workerCpuMs: () => cpuMsOf(workerPid),
  stored,
});

export type Workers = Record<ContenderName, BenchWorker>;

export interface Rounds {
  rounds: number;
  /**
   * Each round first runs this number of flows, 20 at a time. Then the round runs a fifth of this number, one flow at a
   * time.
   */
  flows: number;
}

/** Runs pairs of rounds, one round for each of the two workflows. */
export const playRounds = (
  stack: Stack,
  workers: Workers,
  rounds: Rounds,
  say: (line: string) => void,
): Promise<Record<ContenderName, Round[]>> => {
  const side = (name: ContenderName) => sideOf(stack, name, workers[name].pid);
  return playSides({ ours: side('ours'), minimal: side('minimal') }, rounds, say);
};

/** Runs pairs of rounds, one round for each side, and prints a line for each round. */
export const playSides = <Name extends string, Flow>(
  sides: Record<Name, Side<Flow>>,
  { rounds, flows }: Rounds,
  say: (line: string) => void,
): Promise<Record<Name, Round[]>> => {
  const allIdle = () => Promise.all(Object.values<Side<Flow>>(sides).map((side) => untilIdle(side.serverCpuMs)));
  return playPairs(Object.keys(sides) as Name[], rounds, allIdle, async (name, pair) => {
    const round = await playRound(sides[name], flows);
    say(`round ${pair} of ${rounds}, ${name}: ${Math.round(round.cpuMs)} ms of CPU for a flow`);
    return round;
  });
};

/** Runs and measures one round of a side. */
export async function playRound<Flow>(side: Side<Flow>, flows: number): Promise<Round> {
  const together = await side.prepare(flows);
  const alone = await side.prepare(Math.ceil(flows / 5));
  const look = async () => ({ server: side.serverCpuMs(), worker: side.workerCpuMs(), stored: await side.stored() });
  const before = await look();
  const since = performance.now();
  const crowd = await each(together, IN_FLIGHT, side.play);
  const seconds = (performance.now() - since) / 1000;
  await untilIdle(side.serverCpuMs);
  const after = await look();
  const single = await each(alone, 1, side.play);
  const remains = await each([...crowd, ...single], IN_FLIGHT, ({ check }) => check());
  const serverCpuMs = (after.server - before.server) / flows;
  const workerCpuMs = (after.worker - before.worker) / flows;
  return {
    serverCpuMs,
    workerCpuMs,
    cpuMs: serverCpuMs + workerCpuMs,
    flowsPerSecond: flows / seconds,
    inputMs: [median(single.map(({ inputMs }) => inputMs[0])), median(single.map(({ inputMs }) => inputMs[1]))],
    events: median(remains.map(({ events }) => events)),
    historyBytes: median(remains.map(({ bytes }) => bytes)),
    storedBytes: (after.stored - before.stored) / flows,
  };
}

/** Measures the CPU time of the idle server and the idle workers, in milliseconds for each second. */
export async function idle(stack: Stack, workers: Workers): Promise<Record<'server' | ContenderName, number>> {
  const seconds = 3;
  const look = () => ({
    server: cpuMsOf(stack.serverPid),
    ours: cpuMsOf(workers.ours.pid),
    minimal: cpuMsOf(workers.minimal.pid),
  });
  await stack.untilIdle();
  const before = look();
  await delay(seconds * 1000);
  const after = look();
  return {
    server: (after.server - before.server) / seconds,
    ours: (after.ours - before.ours) / seconds,
    minimal: (after.minimal - before.minimal) / seconds,
  };
}
