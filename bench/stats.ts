/** Numbers that vary from round to round. */

/** The middle of them, how far they go, and where the middle half of them lies. */
export interface Spread {
  median: number;
  min: number;
  max: number;
  lower: number;
  upper: number;
  count: number;
}

/** The value below which this share of them lies, between two of them by their distance. NaN of none. */
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

/** Pair by pair: what was measured one after the other had the same machine. Fails where they are no pairs. */
export function ratios(values: readonly number[], to: readonly number[]): number[] {
  if (values.length !== to.length) throw new Error(`${values.length} values are no pairs with ${to.length}`);
  return values.map((value, i) => value / to[i]!);
}
