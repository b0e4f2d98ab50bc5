/** Compares one, two and four worker processes of our flow, with 50 flows in flight. */
import { each } from '../scripts/each';
import { rowOf, type Comparison } from './comparison';
import { checked, play, prepare } from './flows';
import { playPairs } from './pairs';
import { cpuMsOf } from './processes';
import type { BenchWorker, Stack } from './stack';
import { median } from './stats';

const IN_FLIGHT = 50;
const counts = { one: 1, two: 2, four: 4 } as const;
type Name = keyof typeof counts;

interface Round {
  /** From the starts of the processes until all workers answer at `/readyz`. */
  readyMs: number;
  flowsPerSecond: number;
  serverCpuMs: number;
  workerCpuMs: number;
  startMs: number;
  slowestStartMs: number;
  propertyMs: number;
  slowestPropertyMs: number;
  credentialMs: number;
}

/** Runs rounds of `flows` flows, each round with new worker processes. */
export async function compareWorkers(
  stack: Stack,
  { rounds, flows }: { rounds: number; flows: number },
  say: (line: string) => void,
): Promise<Comparison[]> {
  const names = Object.keys(counts) as Name[];
  const played = await playPairs(names, rounds, stack.untilIdle, async (name, pair) => {
    const since = performance.now();
    const workers = await each(Array.from({ length: counts[name] }), counts[name], () => stack.startWorker('ours'));
    const readyMs = performance.now() - since;
    const round = { readyMs, ...(await playRound(stack, workers, flows)) };
    await Promise.all(workers.map((worker) => worker.stop()));
    say(`round ${pair} of ${rounds}, ${name} worker(s): ${round.flowsPerSecond.toFixed(1)} flows a second`);
    return round;
  });
  const comparisonOf = (name: Name): Comparison => {
    const row = (what: string, unit: string, key: keyof Round) =>
      rowOf(what, unit, { ours: played[name].map((round) => round[key]), minimal: played.one.map((one) => one[key]) });
    return {
      headings: [`${name} workers`, 'one worker'],
      rows: [
        row('Start of the processes until all workers are ready', 'ms', 'readyMs'),
        row('Flows per second, 50 in flight', '1/s', 'flowsPerSecond'),
        row('CPU per flow, server', 'ms', 'serverCpuMs'),
        row('CPU per flow, all workers', 'ms', 'workerCpuMs'),
        row('Start to the first wait, p50', 'ms', 'startMs'),
        row('Start to the first wait, max', 'ms', 'slowestStartMs'),
        row('Properties to the new state, p50', 'ms', 'propertyMs'),
        row('Properties to the new state, max', 'ms', 'slowestPropertyMs'),
        row('Credentials to the new state, p50', 'ms', 'credentialMs'),
      ],
    };
  };
  return [comparisonOf('two'), comparisonOf('four')];
}

async function playRound(stack: Stack, workers: BenchWorker[], flows: number): Promise<Omit<Round, 'readyMs'>> {
  const run = async (count: number) =>
    each(await prepare(stack, count), IN_FLIGHT, (part) => play(stack, 'ours', part));
  await run(Math.ceil(flows / 5) * workers.length); // warms up: the first flows of a worker also load and compile code
  await stack.untilIdle();
  const cpu = () => ({
    server: cpuMsOf(stack.serverPid),
    workers: workers.reduce((sum, { pid }) => sum + cpuMsOf(pid), 0),
  });
  const before = cpu();
  const since = performance.now();
  const played = await run(flows);
  const seconds = (performance.now() - since) / 1000;
  await stack.untilIdle();
  const after = cpu();
  await each(played, IN_FLIGHT, (one) => checked(stack, one));
  const startMs = played.map((one) => one.startMs);
  const propertyMs = played.map((one) => one.propertyMs);
  return {
    flowsPerSecond: flows / seconds,
    serverCpuMs: (after.server - before.server) / flows,
    workerCpuMs: (after.workers - before.workers) / flows,
    startMs: median(startMs),
    slowestStartMs: Math.max(...startMs),
    propertyMs: median(propertyMs),
    slowestPropertyMs: Math.max(...propertyMs),
    credentialMs: median(played.map(({ credentialMs }) => credentialMs)),
  };
}
