/**
 * For a command without arguments: prints `help` where there are some, and answers the exit code then; 0 where they ask
 * for help, else 2.
 */
export function refuseArguments(args: readonly string[], help: string): number | undefined {
  if (args.length === 0) return undefined;
  const isAsked = args[0] === '--help' || args[0] === '-h';
  (isAsked ? process.stdout : process.stderr).write(`${help}\n`);
  return isAsked ? 0 : 2;
}
