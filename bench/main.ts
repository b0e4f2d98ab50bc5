/** `npm run bench`: compares the flow with a minimal workflow, and the service with direct calls to Temporal. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { readOptions, runUntilStopped } from '../scripts/command';
import { runMain } from '../temporal/process';
import { compare, tableOf, type Comparison } from './comparison';
import { measureAudit } from './audit';
import { compareConsent } from './consent';
import { measureDeliveries } from './deliveries';
import { compareEvents, compareOnboarding } from './events';
import { measureFairness, startFairnessStacks } from './fairness';
import { flagsOf, type Flags } from './flags';
import { floodAll } from './flood';
import { measureGrowth } from './growth';
import { measureMemory } from './memory';
import { measureMonitors } from './monitors';
import { plotOf } from './plot';
import { comparePostgresql, startPostgresqlStacks } from './postgresql/flows';
import { profileWorkers, timesTable } from './profile';
import { idle, playRounds, type Workers } from './rounds';
import { measureService } from './service/measure';
import { soak } from './soak';
import { startStack, type Stack } from './stack';
import { waitMany } from './waiting';
import { compareWorkers } from './workers';

const root = join(__dirname, '..', '..');
const help = `Usage: npm run bench -- [--rounds N] [--flows N] [--cached N] [--out FOLDER]
       [--consent | --workers | --postgresql | --waiting N | --growth N | --flood N | --service | --onboarding |
        --events | --deliveries N | --monitors N | --audit N | --fairness N | --soak MINUTES [--rate N] | --profile]

Compares our workflow with a minimal hand-written workflow that has the same activities and two signals. Starts a
Temporal dev server, and runs rounds of both in turn on this machine. Prints a table; writes bench.json and bench.svg.
Takes some minutes. Exit code 0 only if every flow is authenticated and no history grew while its flow waited.

  --rounds N     number of pairs of rounds (default 6). Every second pair runs its sides in the reverse order, so each
                 ratio is the geometric mean of the ratios of two adjacent pairs
  --flows N      number of flows in a round (default 100)
  --cached N     number of waiting flows while the memory of a worker is measured, at most 1000 (default 800)
  --consent      only compares both workflows for a connector whose user consents (OAuth 2); writes consent.json
  --workers      only compares 1, 2 and 4 worker processes of our flow, with 50 flows in flight; writes workers.json
  --postgresql   only compares both workflows with a hand-written state machine on PostgreSQL, without Temporal; needs
                 Debian's package postgresql; writes postgresql.json
  --waiting N    only starts N of our flows, and measures memory and inputs while they wait; writes waiting.json
  --growth N     only runs the same round while N/100, N/10 and N of our flows are open, and measures inputs, lists and
                 memory; writes growth.json
  --flood N      only sends N signals of two kinds and N/5 updates to one flow, and measures the inputs of 50 others
                 meanwhile; then floods a workflow that has empty handlers in the same way; at most 10000, Temporal's
                 limit for a run; writes flood.json
  --service      only compares the onboarding service with direct calls to Temporal, one flow at a time; writes
                 service.json and service.svg
  --onboarding   only compares an onboarding of --flows connectors with the same flows without it; writes onboarding.json
  --events       only compares flows that send two events with flows without a target; writes events.json
  --deliveries N only starts N deliveries to a receiver that refuses, then hangs, and measures the inputs of flows;
                 writes deliveries.json
  --monitors N   only starts N monitors, and measures memory, history events, and the inputs of flows while N/20
                 further monitors read each minute; writes monitors.json
  --audit N      only exports the audits of an account with N runs and of an account with N/10 runs; writes audit.json
  --fairness N   only starts N flows of one account, then a flow of another account, then the worker, on a server that
                 dispatches by fairness, and on one that does not; writes fairness.json
  --soak MINUTES only runs a mixed load for 10 minutes or longer, on Linux: API key flows, consents, onboardings, monitors,
                 sessions and mistakes of users, with all their events. Takes a sample after each minute. The first
                 fifth is the warm-up, the next three fifths have the slopes, and two heap snapshots enclose the last
                 fifth; writes soak.json. Exit code 0 only if each unit of the load started and ended as expected, a unit
                 left at most 8 bytes in the objects of worker and of service between the snapshots, and no slope of RSS
                 or descriptors is more than three standard errors above 0
  --rate N       number of units of this load that are started in a minute (default 120)
  --profile      only profiles the worker of each workflow while it runs --flows flows, and prints the time in
                 the parts of the code; writes a .cpuprofile for each thread, and profile.json
  --out FOLDER   folder of the results (default bench/results)`;

const say = (line: string): void => console.error(line);

async function main(args: string[]): Promise<number> {
  const flags = readOptions(args, flagsOf, help);
  if (typeof flags === 'number') return flags;
  const { fairness, postgresql, rounds, flows } = flags;
  if (postgresql)
    return runUntilStopped(
      startPostgresqlStacks(),
      async (stacks) => reportComparisons(flags, 'postgresql', await comparePostgresql(stacks, { rounds, flows }, say)),
      ({ stop }) => stop(),
    );
  if (fairness !== undefined)
    return runUntilStopped(
      startFairnessStacks(),
      async (stacks) => report(flags, 'fairness', await measureFairness(stacks, fairness, say)),
      ({ stop }) => stop(),
    );
  return runUntilStopped(
    startStack(),
    (stack) => measure(stack, flags),
    ({ stop }) => stop(),
  );
}

/** For each option whose value is a number, the function that measures what this option selects. */
const single = {
  waiting: waitMany,
  growth: measureGrowth,
  flood: floodAll,
  deliveries: measureDeliveries,
  monitors: measureMonitors,
  audit: measureAudit,
};

/**
 * For each option that has no value and selects a comparison of pairs of rounds, the function that runs and compares
 * the rounds.
 */
const comparisons = {
  onboarding: compareOnboarding,
  events: compareEvents,
  workers: compareWorkers,
  consent: compareConsent,
};

async function measure(stack: Stack, flags: Flags): Promise<number> {
  const { service, rounds, flows, cached } = flags;
  for (const [name, measureOne] of Object.entries(single)) {
    const count = flags[name as keyof typeof single];
    if (count !== undefined) return report(flags, name, await measureOne(stack, count, say));
  }
  if (flags.soak !== undefined) {
    const figures = await soak(stack, { minutes: flags.soak, rate: flags.rate }, say);
    report(flags, 'soak', figures);
    return figures.isSteady ? 0 : 1;
  }
  const folder = folderOf(flags);
  const write = (name: string, content: string) => writeFileSync(join(folder, name), content);
  for (const [name, compareTwo] of Object.entries(comparisons))
    if (flags[name as keyof typeof comparisons])
      return reportComparisons(flags, name, await compareTwo(stack, { rounds, flows }, say));
  if (flags.profile) {
    const times = await profileWorkers(stack, flows, folder);
    write('profile.json', json({ machine, flows, times }));
    console.log(timesTable(times));
    return 0;
  }
  if (service) return benchService(stack, { rounds, flows }, write);
  const workers: Workers = { ours: await stack.startWorker('ours'), minimal: await stack.startWorker('minimal') };
  const played = await playRounds(stack, workers, { rounds, flows }, say);
  const idleCpu = await idle(stack, workers);
  await Promise.all([workers.ours.stop(), workers.minimal.stop()]);
  const memory = await measureMemory(stack, cached, say);
  const rows = compare(played, memory);
  write('bench.json', json({ machine, flags: { rounds, flows, cached }, rows, idleCpu, rounds: played, memory }));
  write(
    'bench.svg',
    plotOf(rows, `Our flow : minimal flow (= 1). ${rounds} pairs of rounds, ${flows} flows each; ${machine.cpu}.`),
  );
  console.log(tableOf(rows));
  console.log(`Results in ${folder}`);
  return 0;
}

/** Writes the figures to a file, and prints them without the lists `inputsMs` and `samples`. */
function report(flags: Flags, name: string, figures: object): number {
  writeFileSync(join(folderOf(flags), `${name}.json`), json({ machine, ...figures }));
  console.log(json({ ...figures, inputsMs: undefined, samples: undefined }).trimEnd());
  return 0;
}

/** Writes the comparisons to a file, and prints their tables. */
function reportComparisons(flags: Flags, name: string, compared: Comparison[]): number {
  const { rounds, flows } = flags;
  const content = json({ machine, flags: { rounds, flows }, comparisons: compared });
  writeFileSync(join(folderOf(flags), `${name}.json`), content);
  console.log(compared.map(({ rows, headings }) => tableOf(rows, headings)).join('\n\n'));
  return 0;
}

function folderOf({ out }: Flags): string {
  const folder = out === undefined ? join(root, 'bench', 'results') : resolve(out);
  mkdirSync(folder, { recursive: true });
  return folder;
}

async function benchService(
  stack: Stack,
  flags: { rounds: number; flows: number },
  write: (name: string, content: string) => void,
): Promise<number> {
  const figures = await measureService(stack, flags, say);
  const { rows, streams } = figures;
  write('service.json', json({ machine, flags, ...figures }));
  const what = `${flags.rounds} pairs of rounds, ${flags.flows} flows each; ${machine.cpu}.`;
  write('service.svg', plotOf(rows, `Service : direct calls to Temporal (= 1). ${what}`));
  console.log(tableOf(rows, ['service', 'direct']));
  console.log(json({ streams }).trimEnd());
  return 0;
}

/** Returns the short hash of the checked-out commit, with `-dirty` if files other than results have changed since. */
function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const changes = git('status', '--porcelain', '--untracked-files=no', '--', '.', ':(exclude)docs/bench');
    return git('rev-parse', '--short', 'HEAD') + (changes && '-dirty');
  } catch {
    return 'unknown'; // no git, or no repository
  }
}

const machine = {
  at: new Date().toISOString(),
  commit: commit(),
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  cpu: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
};

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

runMain(main);
