/**
 * `npm run faults`: runs many flows at the same time while processes and connections fail, and checks all flows at the
 * end.
 */
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runMain } from '../../temporal/process';
import { installSilentRuntime } from '../../temporal/replay';
import { readOptions, runUntilStopped } from '../command';
import { each } from '../each';
import { argumentsOf } from './arguments';
import { Builds } from './builds';
import { Disturbances } from './disturbances';
import { startEventLog } from './event-log';
import type { FlowRecord } from './flow-record';
import { drawOnboardings, playOnboarding, type PlayedOnboarding } from './onboardings';
import { drawPlans } from './plan';
import { playFlow } from './planned-user';
import { checkAll, type CheckResult } from './all-checks';
import { createTestSecrets } from './secret-search';
import { startFaultStack, type FaultStack } from './stack';

const help = `Usage: npm run faults -- [--seed N] [--flows N]

Runs many flows (100 by default) of every auth type on a stack of its own. Simulated users send shuffled, repeated,
malformed, forged and late inputs. The command also runs onboardings of accounts, monitors of all authenticated
connectors, and a receiver of the signed events. Two workers run, each with its own build. For half of the seeds, the
builds are versions of a worker deployment.

Meanwhile, the command disturbs the flows. It kills workers and Temporal, cuts their connections, and makes Cyclr fail.
It changes the version that gets new tasks. As an operator, it pauses, resets and deletes flows, and removes a search
attribute. It floods flows with signals, and breaks connections. Exit code 0 only if all checks at the end pass.

The seed decides the plan of each flow, and the kind and order of the faults. The times of the faults are random: the
same seed gives the same plans, not the same fault run. Without --seed, the command draws a random seed and prints it.`;

const AT_ONCE = 50;
/**
 * When this share of the flows is done, the disturbances end. Without this limit, all later disturbances would hit only
 * the last few flows.
 */
const DISTURBED = 0.9;
/** The command starts one onboarding for each group of this number of flows. */
const FLOWS_PER_ONBOARDING = 20;
/**
 * The interval at which a monitor reads its connector. A fault run is shorter than this interval, so a monitor reads
 * only at its start and after a signal.
 */
const MONITOR_EVERY = '1 day';
/** A fault run with this number of flows must have each kind of disturbance. */
const MANY = 1000;
const PROGRESS_EVERY_MS = 5000;
const FAULTS_SHOWN = 20;

async function main(args: string[]): Promise<number> {
  const options = readOptions(args, argumentsOf, help);
  if (typeof options === 'number') return options;
  const { seed = randomInt(2 ** 31), flows } = options;
  console.log(`Seed ${seed}, ${flows} flows`);
  installSilentRuntime();
  const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-faults-'));
  let code = 1;
  try {
    code = await runUntilStopped(
      startFaultStack(folder),
      (stack) => play(stack, seed, flows),
      ({ stop }) => stop(),
    );
    return code;
  } finally {
    if (code === 1) console.log(`Logs and database: ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

async function play(stack: FaultStack, seed: number, flows: number): Promise<number> {
  const began = Date.now();
  const seconds = () => Math.round((Date.now() - began) / 1000);
  const revokesTokens = seed % 2 === 1;
  const shared = { stack, secrets: createTestSecrets(), attempts: [] };
  const log = await startEventLog();
  stack.onStop(() => log.close());
  const builds = new Builds(stack, isVersioned(seed), { ...log.workerEnv, MONITOR_EVERY });
  const disturbances = new Disturbances(stack, builds, shared.secrets, log.proxy);
  await disturbances.startWorkers();
  disturbances.begin(seed, revokesTokens);
  const records: FlowRecord[] = [];
  const onboardings = drawOnboardings(seed, Math.ceil(flows / FLOWS_PER_ONBOARDING));
  const onboarded: Promise<PlayedOnboarding>[] = [];
  const print = () =>
    console.log(`${seconds()} s: ${records.length} of ${flows} flows are done; ${textOf(disturbances)}`);
  const printing = setInterval(print, PROGRESS_EVERY_MS);
  try {
    await each(drawPlans(seed, flows, revokesTokens), AT_ONCE, async (plan, index) => {
      if (index % FLOWS_PER_ONBOARDING === 0)
        onboarded.push(playOnboarding(shared, onboardings[index / FLOWS_PER_ONBOARDING]!));
      records.push(await playFlow(shared, plan));
      if (records.length >= flows * DISTURBED) await disturbances.end();
    });
  } finally {
    clearInterval(printing);
  }
  print();
  console.log(
    'The command now waits for the last events, then reads and replays all histories (4 to 10 minutes for 1,000 flows).',
  );
  const played = { log, records, operated: await disturbances.operated(), onboarded: await Promise.all(onboarded) };
  const wanted = flows < MANY ? [] : disturbances.kinds(revokesTokens);
  const results = [...(await checkAll(shared, played)), disturbanceCheck(disturbances, wanted)].map(withoutData);
  console.log(`\nChecks, after ${seconds()} s:`);
  return report(results);
}

/**
 * True if the two builds are versions of a worker deployment. Of four consecutive seeds, two give true: an even seed
 * and an odd seed. A fault run with an odd seed also revokes tokens.
 */
const isVersioned = (seed: number): boolean => seed % 4 >= 2;

const textOf = ({ counts }: Disturbances): string =>
  Object.entries(counts)
    .flatMap(([kind, times]) => (times > 0 ? [`${kind} ${times}`] : []))
    .join(', ') || 'no faults yet';

function disturbanceCheck({ counts }: Disturbances, wanted: readonly (keyof typeof counts)[]): CheckResult {
  const sum = Object.values(counts).reduce((all, times) => all + times, 0);
  const missing = wanted.filter((kind) => counts[kind] === 0);
  return {
    name: 'disturbances',
    examined: `${sum} disturbances`,
    faults: missing.map((kind) => `no disturbance of the kind: ${kind}`),
  };
}

/** A check that has examined nothing fails. */
const withoutData = (result: CheckResult): CheckResult =>
  /^0 /.test(result.examined)
    ? { ...result, faults: [...result.faults, 'nothing was examined: give the command more flows'] }
    : result;

function report(results: CheckResult[]): number {
  for (const { name, examined, faults } of results) {
    console.log(`${faults.length === 0 ? '✓' : '✗'} ${name.padEnd(17)} ${examined}`);
    for (const line of faults.slice(0, FAULTS_SHOWN)) console.log(`    ${line}`);
    if (faults.length > FAULTS_SHOWN) console.log(`    and ${faults.length - FAULTS_SHOWN} more`);
  }
  const passed = results.filter(({ faults }) => faults.length === 0).length;
  console.log(`\n${passed} of ${results.length} checks pass.`);
  return passed === results.length ? 0 : 1;
}

runMain(main);
