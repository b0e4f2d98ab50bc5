/** The number that a flag of a command line is given. Fails with one line that says which are fine. */
export function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (number >= least && number <= most) return number;
  throw new Error(`--${flag} takes a whole number from ${least} to ${most}`);
}
