/** The rows of the comparison: measured values, units and targets. */
import type { ContenderName } from './contenders';
import type { MemorySteps } from './memory';
import type { Round } from './rounds';
import { ratios, spreadOf, type Spread } from './stats';

export interface Row {
  what: string;
  unit: string;
  ours: Spread;
  minimal: Spread;
  /** The value of `ours` divided by the value of `minimal`, for each pair of rounds. */
  ratio: Spread;
  /** The target: the largest accepted median ratio. */
  atMost?: number;
  /** The target: the smallest accepted median ratio. */
  atLeast?: number;
}

/** The headings of the two value columns. */
export type Headings = [ours: string, other: string];

type Both<T> = Record<ContenderName, T>;

const KIB = 1024;

/** One row for each measured value. */
export function compare(rounds: Both<Round[]>, memory: Both<MemorySteps>): Row[] {
  const ofRounds = (what: string, unit: string, key: keyof Round, scale = 1, atMost?: number): Row =>
    rowOf(
      what,
      unit,
      valuesOf(rounds, (round) => round[key] / scale),
      atMost,
    );
  const ofMemory = (what: string, key: 'heapPerFlow' | 'rssPerFlow', atMost?: number): Row => {
    const scaled = ({ [key]: steps }: MemorySteps) => steps.map((bytes) => bytes / KIB);
    return rowOf(what, 'KiB', { ours: scaled(memory.ours), minimal: scaled(memory.minimal) }, atMost);
  };
  return [
    ofRounds('CPU per flow, server and worker', 'ms', 'cpuMs', 1, 1.3),
    ofRounds('CPU per flow, server', 'ms', 'serverCpuMs'),
    ofRounds('CPU per flow, worker', 'ms', 'workerCpuMs'),
    ofRounds('Flows per second, 20 in flight', '1/s', 'flowsPerSecond'),
    ofRounds('Properties to the new state, 1 in flight', 'ms', 'propertyMs', 1, 1.2),
    ofRounds('Credentials to the new state, 1 in flight', 'ms', 'credentialMs', 1, 1.2),
    ofRounds('History events', '', 'events'),
    ofRounds('History size', 'KiB', 'historyBytes', KIB),
    ofRounds('Database growth per flow', 'KiB', 'storedBytes', KIB),
    ofMemory('Heap per cached waiting flow', 'heapPerFlow', 1.25),
    ofMemory('RSS per cached waiting flow', 'rssPerFlow'),
  ];
}

const valuesOf = (rounds: Both<Round[]>, value: (round: Round) => number): Both<number[]> => ({
  ours: rounds.ours.map(value),
  minimal: rounds.minimal.map(value),
});

/** A row that compares each value of `ours` with the value of `minimal` at the same index. */
export const rowOf = (what: string, unit: string, { ours, minimal }: Both<number[]>, atMost?: number): Row => ({
  what,
  unit,
  ours: spreadOf(ours),
  minimal: spreadOf(minimal),
  ratio: spreadOf(ratios(ours, minimal)),
  ...(atMost !== undefined && { atMost }),
});

/** The rows as a text table. Each cell has the median, then the smallest and the largest value in brackets. */
export function tableOf(rows: readonly Row[], [ours, other]: Headings = ['ours', 'minimal']): string {
  const lines = rows.map((row) => [
    `${row.what}${row.unit && ` (${row.unit})`}`,
    shown(row.ours),
    shown(row.minimal),
    shown(row.ratio, 2),
    targetOf(row),
  ]);
  const all = [['median [min–max]', ours, other, `${ours} : ${other}`, 'at most'], ...lines];
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

function targetOf({ ratio, atMost, atLeast }: Row): string {
  const missed = ratio.median > (atMost ?? Infinity) || ratio.median < (atLeast ?? 0) ? ' missed' : '';
  if (atMost !== undefined) return `${atMost}${missed}`;
  return atLeast === undefined ? '' : `at least ${atLeast}${missed}`;
}

function shown({ median, min, max }: Spread, digits = median < 10 ? 1 : 0): string {
  const [middle, least, most] = [median, min, max].map((value) => value.toFixed(digits));
  return least === most ? middle! : `${middle} [${least}–${most}]`;
}
