/**
 * Refuses all arguments of a command: prints `help`, and returns the exit code: 0 for `--help`, otherwise 2. Returns
 * undefined if there are no arguments.
 */
export function refuseArguments(args: readonly string[], help: string): number | undefined {
  if (args.length === 0) return undefined;
  const isAsked = args[0] === '--help' || args[0] === '-h';
  (isAsked ? process.stdout : process.stderr).write(`${help}\n`);
  return isAsked ? 0 : 2;
}
