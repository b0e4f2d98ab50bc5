/**
 * Functions that the commands of `scripts/` and `bench/` share: they read arguments, and end a command at a stop
 * signal.
 */
import { onStopSignal } from '../temporal/process';

/**
 * Refuses all arguments, for a command that takes no arguments. If there are arguments, prints `help` and returns the
 * exit code, which is 0 for `--help` and 2 for all other arguments. Returns undefined if there are no arguments.
 */
export function refuseArguments(args: readonly string[], help: string): number | undefined {
  if (args.length === 0) return undefined;
  const isAsked = args[0] === '--help' || args[0] === '-h';
  (isAsked ? process.stdout : process.stderr).write(`${help}\n`);
  return isAsked ? 0 : 2;
}

/**
 * Returns the options of a command. `read` parses the arguments. For `--help`, prints `help` and returns the exit code
 * 0. If `read` fails, prints the error and `help`, and returns the exit code 2.
 */
export function readOptions<T extends { help: boolean }>(
  args: string[],
  read: (args: string[]) => T,
  help: string,
): T | number {
  try {
    const options = read(args);
    if (options.help) process.stdout.write(`${help}\n`);
    return options.help ? 0 : options;
  } catch (err) {
    process.stderr.write(`${(err as Error).message}\n\n${help}\n`);
    return 2;
  }
}

/**
 * Returns the whole number in `text`, the value of the option `--flag`. For any other value, fails with a message that
 * has the allowed range.
 */
export function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (number >= least && number <= most) return number;
  throw new Error(`--${flag} takes a whole number from ${least} to ${most}`);
}

/**
 * Waits for `starting`, such as the start of a local stack, then runs `act`, and then `end`, even if `act` fails.
 * Returns the exit code of `act`. After a stop signal, does not wait for `act` and returns 130.
 */
export async function runUntilStopped<T>(
  starting: Promise<T>,
  act: (started: T) => Promise<number>,
  end: (started: T) => Promise<unknown>,
): Promise<number> {
  const stopped = new Promise<number>((resolve) => onStopSignal(() => resolve(130)));
  try {
    return await Promise.race([starting.then(act), stopped]);
  } finally {
    await starting.then(end).catch(() => undefined);
  }
}
