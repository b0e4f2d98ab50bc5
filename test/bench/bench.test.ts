import { compare, tableOf, type Row } from '../../bench/comparison';
import { flagsOf } from '../../bench/flags';
import { growthOf } from '../../bench/heap-snapshots';
import type { MemorySteps } from '../../bench/memory';
import { plotOf } from '../../bench/plot';
import type { Round } from '../../bench/rounds';
import { latencyOf, quantile, ratios, slopeOf, spreadOf } from '../../bench/stats';
import { spread } from '../../bench/waiting';

const round = (cpuMs: number): Round => ({
  serverCpuMs: cpuMs / 2,
  workerCpuMs: cpuMs / 2,
  cpuMs,
  flowsPerSecond: 10,
  inputMs: [30, 30],
  events: 31,
  historyBytes: 2048,
  storedBytes: 4096,
});
const memory = (heap: number): MemorySteps => ({
  flows: [10, 20],
  memory: [],
  heapPerFlow: [heap],
  rssPerFlow: [heap],
  quietSeconds: 1,
});
/** Compares three pairs of rounds. The ratios of the pairs are 1, 2.25 and 25 / 9. */
const rows = (): Row[] =>
  compare(
    { ours: [120, 225, 250].map(round), minimal: [120, 100, 90].map(round) },
    { ours: memory(3072), minimal: memory(2048) },
  );

test('spreadOf returns the median, the smallest value, the largest value and the quartiles of values in any order', () => {
  expect(spreadOf([4, 1, 3, 2, 5])).toEqual({ median: 3, min: 1, max: 5, lower: 2, upper: 4, count: 5 });
  expect(spreadOf([4, 1]).median).toBe(2.5);
  expect(quantile([10, 20], 0.95)).toBeCloseTo(19.5);
});

test('latencyOf returns a p99 for 1,000 values, and no p99 for fewer values', () => {
  const values = Array.from({ length: 1000 }, (_, i) => i);
  expect(latencyOf(values)).toEqual({ count: 1000, p50: 499.5, p99: expect.closeTo(989, 0), max: 999 });
  expect(latencyOf(values.slice(1))).toEqual({ count: 999, p50: 500, max: 999 });
});

test('spread selects items evenly from the whole list, and all items of a shorter list', () => {
  expect(spread([0, 1, 2, 3, 4, 5, 6], 4)).toEqual([0, 1, 3, 5]);
  expect(spread([0, 1], 4)).toEqual([0, 1]);
});

test('ratios returns the geometric mean for each two adjacent pairs, and fails for lists of different length', () => {
  expect(ratios([2, 32, 9], [2, 8, 1])).toEqual([2, 6]);
  expect(ratios([3], [2])).toEqual([1.5]);
  expect(() => ratios([3, 8], [2])).toThrow('2 values do not pair with 1');
  expect(rows()[0]!.ratio).toMatchObject({ min: 1.5, median: 2, max: 2.5 });
});

test('slopeOf fits a line by least squares, and its standard error grows with the distance of the values from the line', () => {
  expect(slopeOf([1, 2, 3, 4], [1, 3, 5, 7])).toEqual({ slope: 2, standardError: 0 });
  expect(slopeOf([0, 2, 4, 6], [0.5, 1, 2, 3.7]).slope).toBeCloseTo(0.53);
  expect(slopeOf([0, 2, 4, 6], [0.5, 1, 2, 3.7]).standardError).toBeCloseTo(0.095, 3);
});

test('growthOf lists the constructors whose objects need more bytes than before, the largest growth first', () => {
  const before = new Map([
    ['Map', { count: 2, bytes: 80 }],
    ['Date', { count: 5, bytes: 100 }],
  ]);
  const after = new Map([
    ['Map', { count: 3, bytes: 120 }],
    ['Date', { count: 4, bytes: 80 }],
    ['Set', { count: 1, bytes: 90 }],
  ]);
  expect(growthOf(before, after)).toEqual([
    { name: 'Set', count: 1, bytes: 90 },
    { name: 'Map', count: 1, bytes: 40 },
  ]);
});

test('tableOf marks each row that misses its target with the word missed, and no other row', () => {
  const lines = tableOf(rows()).split('\n');

  expect(lines[1]).toMatch(/^CPU per flow, server and worker \(ms\) +225 \[120–250\] +100 \[90–120\] +2.00 .* missed$/);
  expect(lines.find((line) => line.startsWith('Properties'))).toMatch(/ at most 1\.05$/);
  expect(lines.find((line) => line.startsWith('Flows'))).toMatch(/ at least 0\.92$/);
  expect(lines.find((line) => line.startsWith('History events'))).toMatch(/ ours at most 36$/);
  expect(lines.find((line) => line.startsWith('Heap'))).toMatch(/ 3\.0 +2\.0 +1\.50 +at most 1\.05 missed$/);
});

test('plotOf draws one dot for each row, all dots are inside the picture, and a larger ratio is further right', () => {
  const svg = plotOf([...rows(), { ...rows()[0]!, what: 'far', ratio: spreadOf([99]) }], 'a < b & c');

  const dots = [...svg.matchAll(/<circle cx="([\d.]+)"/g)].map(([, x]) => Number(x));
  const width = Number(/viewBox="0 0 (\d+)/.exec(svg)![1]);
  const events = rows().findIndex(({ what }) => what === 'History events');
  expect(dots).toHaveLength(rows().length + 1);
  expect(dots[0]).toBeGreaterThan(dots[events]!);
  expect(Math.max(...dots)).toBeLessThan(width);
  expect(svg).toContain('a &lt; b &amp; c');
});

test('flagsOf returns the default of each option, and its error names a wrong option', () => {
  expect(flagsOf([])).toEqual({ rounds: 6, flows: 100, cached: 800, rate: 120, help: false });
  expect(flagsOf(['--rounds', '2', '--waiting', '10000', '--growth', '500', '--out', 'x'])).toMatchObject({
    rounds: 2,
    waiting: 10_000,
    growth: 500,
    out: 'x',
  });
  expect(flagsOf(['--events', '--onboarding', '--deliveries', '100'])).toMatchObject({
    events: true,
    onboarding: true,
    deliveries: 100,
  });
  expect(flagsOf(['--workers', '--consent', '--postgresql'])).toMatchObject({
    workers: true,
    consent: true,
    postgresql: true,
  });
  expect(flagsOf(['--monitors', '10000', '--audit', '20', '--fairness', '30'])).toMatchObject({
    monitors: 10_000,
    audit: 20,
    fairness: 30,
  });
  expect(flagsOf(['--soak', '120', '--rate', '30'])).toMatchObject({ soak: 120, rate: 30 });
  expect(() => flagsOf(['--soak', '9'])).toThrow('--soak takes a whole number from 10 to 1440');
  expect(() => flagsOf(['--fairness', '10001'])).toThrow('--fairness takes a whole number from 1 to 10000');
  expect(() => flagsOf(['--cached', '1001'])).toThrow('--cached takes a whole number from 1 to 1000');
  expect(() => flagsOf(['--rounds', '0'])).toThrow('--rounds takes a whole number from 1 to 1000');
  expect(() => flagsOf(['--rounds', '1e3'])).toThrow('--rounds');
  expect(() => flagsOf(['--fast'])).toThrow('--fast');
});
