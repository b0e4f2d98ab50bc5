/** Statistics over the rounds. */

/** `lower` and `upper` are the quartiles. */
export interface Spread {
  median: number;
  min: number;
  max: number;
  lower: number;
  upper: number;
  count: number;
}

/** Returns the quantile of the values, linear between the two nearest values. Returns NaN for an empty list. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const [below, above] = [sorted[Math.floor(place)] ?? NaN, sorted[Math.ceil(place)] ?? NaN];
  return below + (above - below) * (place - Math.floor(place));
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export const spreadOf = (values: readonly number[]): Spread => ({
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
  lower: quantile(values, 0.25),
  upper: quantile(values, 0.75),
  count: values.length,
});

/** How long the calls of a measurement took, in milliseconds. Has a p99 only for 1,000 calls or more. */
export interface Latency {
  count: number;
  p50: number;
  p99?: number;
  max: number;
}

const LEAST_FOR_P99 = 1000;

export const latencyOf = (ms: readonly number[]): Latency => ({
  count: ms.length,
  p50: median(ms),
  ...(ms.length >= LEAST_FOR_P99 && { p99: quantile(ms, 0.99) }),
  max: Math.max(...ms),
});

/**
 * Compares the values of the pairs of rounds. The ratio of one pair depends on the side that runs first, and two
 * adjacent pairs run their sides in opposite orders. So this function returns, for each two adjacent pairs, the
 * geometric mean of their two ratios. For a single pair, returns the ratio of this pair. Fails if the lengths differ.
 */
export function ratios(values: readonly number[], to: readonly number[]): number[] {
  if (values.length !== to.length) throw new Error(`${values.length} values do not pair with ${to.length}`);
  const ofPairs = values.map((value, i) => value / to[i]!);
  return ofPairs.length === 1 ? ofPairs : ofPairs.slice(1).map((ratio, i) => Math.sqrt(ratio * ofPairs[i]!));
}

/** The slope of the straight line through some values, with the standard error of this slope. */
export interface Slope {
  slope: number;
  standardError: number;
}

/**
 * Returns the slope by least squares. The standard error of the slope assumes that the deviations from the line are
 * independent.
 */
export function slopeOf(xs: readonly number[], ys: readonly number[]): Slope {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [middle, level] = [mean(xs), mean(ys)];
  const squares = xs.reduce((sum, x) => sum + (x - middle) ** 2, 0);
  const slope = xs.reduce((sum, x, i) => sum + (x - middle) * ys[i]!, 0) / squares;
  const residuals = xs.reduce((sum, x, i) => sum + (ys[i]! - level - slope * (x - middle)) ** 2, 0);
  return { slope, standardError: Math.sqrt(residuals / (xs.length - 2) / squares) };
}
