/** The rows of the comparison: measured values, units and targets. */
import type { ContenderName } from './contenders';
import type { MemorySteps } from './memory';
import type { Round } from './rounds';
import { ratios, spreadOf, type Spread } from './stats';

/**
 * The target of a row. `atMost`, `atLeast`: limits of the median of the ratios (`ours` divided by `minimal`).
 * `oursAtMost`: the limit of the median of `ours`.
 */
export interface Target {
  atMost?: number;
  atLeast?: number;
  oursAtMost?: number;
}

export interface Row extends Target {
  what: string;
  unit: string;
  ours: Spread;
  minimal: Spread;
  /**
   * The spread of the ratios of `ours` to `minimal`. For rounds, the function {@link ratios} computes the ratios from the
   * pairs of rounds. For memory, each ratio compares two steps.
   */
  ratio: Spread;
}

/** The headings of the two value columns. */
export type Headings = [ours: string, other: string];

/** The rows of a comparison, with the headings of its table. */
export interface Comparison {
  headings: Headings;
  rows: Row[];
}

type Both<T> = Record<ContenderName, T>;

const KIB = 1024;

/** Returns the rows that compare our flow with the minimal workflow. */
export function compare(rounds: Both<Round[]>, memory: Both<MemorySteps>): Row[] {
  const ofMemory = (what: string, key: 'heapPerFlow' | 'rssPerFlow', target?: Target): Row => {
    const scaled = ({ [key]: steps }: MemorySteps) => steps.map((bytes) => bytes / KIB);
    return rowOf(what, 'KiB', { ours: scaled(memory.ours), minimal: scaled(memory.minimal) }, target, ratiosOfSteps);
  };
  return [
    ...costRows(rounds, { cpu: { atMost: 1.1 }, flowsPerSecond: { atLeast: 0.92 }, inputs: { atMost: 1.05 } }),
    ...historyRows(rounds, { oursAtMost: 36 }),
    ofMemory('Heap per cached waiting flow', 'heapPerFlow', { atMost: 1.05 }),
    ofMemory('RSS per cached waiting flow', 'rssPerFlow'),
  ];
}

interface CostOptions {
  cpu?: Target;
  flowsPerSecond?: Target;
  inputs?: Target;
  /** The names of the two inputs. */
  names?: readonly [string, string];
}

/** Returns the rows with CPU time, throughput and latency. */
export function costRows(
  rounds: Both<Round[]>,
  {
    cpu,
    flowsPerSecond,
    inputs,
    names: [first, second] = ['Properties to the new state', 'Credentials to the new state'],
  }: CostOptions = {},
): Row[] {
  const row = rowsOfRounds(rounds);
  return [
    row('CPU per flow, server and worker', 'ms', (round) => round.cpuMs, cpu),
    row('CPU per flow, server', 'ms', (round) => round.serverCpuMs),
    row('CPU per flow, worker', 'ms', (round) => round.workerCpuMs),
    row('Flows per second, 20 in flight', '1/s', (round) => round.flowsPerSecond, flowsPerSecond),
    row(`${first}, 1 in flight`, 'ms', (round) => round.inputMs[0], inputs),
    row(`${second}, 1 in flight`, 'ms', (round) => round.inputMs[1], inputs),
  ];
}

/** Returns the rows with the length of the histories and the storage that they need. */
export function historyRows(rounds: Both<Round[]>, events?: Target): Row[] {
  const row = rowsOfRounds(rounds);
  return [
    row('History events', '', (round) => round.events, events),
    row('History size', 'KiB', (round) => round.historyBytes / KIB),
    row('Database growth per flow', 'KiB', (round) => round.storedBytes / KIB),
  ];
}

const rowsOfRounds =
  (rounds: Both<Round[]>) =>
  (what: string, unit: string, value: (round: Round) => number, target?: Target): Row =>
    rowOf(what, unit, { ours: rounds.ours.map(value), minimal: rounds.minimal.map(value) }, target);

/**
 * Returns a row of the comparison. Each value of `ours` is compared with the value of `minimal` at the same index.
 * `ratiosOf`: computes the ratios of a row.
 */
export const rowOf = (
  what: string,
  unit: string,
  { ours, minimal }: Both<number[]>,
  target?: Target,
  ratiosOf = ratios,
): Row => ({
  what,
  unit,
  ours: spreadOf(ours),
  minimal: spreadOf(minimal),
  ratio: spreadOf(ratiosOf(ours, minimal)),
  ...target,
});

/**
 * Returns one ratio for each step of memory. There is no mean of two adjacent steps: the order of the two sides has no
 * influence, and a step of RSS can be negative.
 */
const ratiosOfSteps: typeof ratios = (ours, minimal) => ours.map((value, step) => value / minimal[step]!);

/** Returns the rows as a text table. Each cell has the median, then the smallest and the largest value in brackets. */
export function tableOf(rows: readonly Row[], [ours, other]: Headings = ['ours', 'minimal']): string {
  const lines = rows.map((row) => [
    `${row.what}${row.unit && ` (${row.unit})`}`,
    shown(row.ours),
    shown(row.minimal),
    shown(row.ratio, 2),
    targetOf(row),
  ]);
  const all = [['median [min–max]', ours, other, `${ours} : ${other}`, 'target'], ...lines];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((line) => line[column]!.length)));
  return all
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function targetOf({ ours, ratio, atMost, atLeast, oursAtMost }: Row): string {
  const parts: string[] = [];
  const add = (text: string, isMet: boolean) => parts.push(isMet ? text : `${text} missed`);
  if (atMost !== undefined) add(`at most ${atMost}`, ratio.median <= atMost);
  if (atLeast !== undefined) add(`at least ${atLeast}`, ratio.median >= atLeast);
  if (oursAtMost !== undefined) add(`ours at most ${oursAtMost}`, ours.median <= oursAtMost);
  return parts.join(', ');
}

function shown({ median, min, max }: Spread, digits = median < 10 ? 1 : 0): string {
  const [middle, least, most] = [median, min, max].map((value) => value.toFixed(digits));
  return least === most ? middle! : `${middle} [${least}–${most}]`;
}
