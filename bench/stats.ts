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

/** The quantile of the values, linear between the two nearest values. NaN for an empty list. */
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

/**
 * The ratio of the two values at each index. The bench has measured these two values under similar load. Fails if the
 * lengths differ.
 */
export function ratios(values: readonly number[], to: readonly number[]): number[] {
  if (values.length !== to.length) throw new Error(`${values.length} values do not pair with ${to.length}`);
  return values.map((value, i) => value / to[i]!);
}

/** A straight line through values at equal distances. */
export interface Slope {
  /** The growth from one value to the next. */
  slope: number;
  standardError: number;
}

/** The slope by least squares. Its standard error assumes that the deviations from the line are independent. */
export function slopeOf(values: readonly number[]): Slope {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const sum = (of: (value: number, x: number) => number) => values.reduce((all, value, i) => all + of(value, i - middle), 0); // prettier-ignore
  const squares = sum((_, x) => x * x);
  const slope = sum((value, x) => x * value) / squares;
  const residuals = sum((value, x) => (value - mean - slope * x) ** 2);
  return { slope, standardError: Math.sqrt(residuals / (values.length - 2) / squares) };
}
