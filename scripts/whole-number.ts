/** The value of a command-line option. Fails with one line that gives the allowed range. */
export function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (number >= least && number <= most) return number;
  throw new Error(`--${flag} takes a whole number from ${least} to ${most}`);
}
