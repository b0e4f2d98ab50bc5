/** The life of a process: its end, its exit code, and its stop signals. */

/**
 * Runs `main`, then ends the process. The exit code is the number that `main` returns, 0 without one, 1 after an error.
 * The message of the error goes to standard error, after `name` and a colon.
 */
export function runMain(main: (args: string[]) => Promise<number | void>, name?: string): void {
  main(process.argv.slice(2)).then(
    (code) => process.exit(code ?? 0),
    (err: unknown) => {
      const message = err instanceof Error ? err.message : 'unexpected error';
      process.stderr.write(`${name === undefined ? message : `${name}: ${message}`}\n`);
      process.exit(1);
    },
  );
}

const REPEATED_WITHIN_MS = 5_000;

/**
 * Calls `stop` at the first SIGINT or SIGTERM. A repeated signal within 5 s does nothing: npm forwards a signal that the
 * process group already got. A later one ends the process with exit code 130.
 */
export function onStopSignal(stop: (signal: NodeJS.Signals) => void): void {
  let firstAt: number | undefined;
  const handle = (signal: NodeJS.Signals) => {
    if (firstAt === undefined) {
      firstAt = Date.now();
      stop(signal);
    } else if (Date.now() - firstAt > REPEATED_WITHIN_MS) {
      process.exit(130);
    }
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
}
