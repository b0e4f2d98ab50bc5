/** Sets the exit code of a process, reports its errors, and handles its stop signals. */

const printed = (message: string): void => void process.stderr.write(`${message}\n`);

/**
 * Runs `main`, then ends the process. The exit code is the number that `main` returns, 0 if `main` returns no number,
 * or 1 if `main` fails. `report` gets the message of the error. The default of `report` writes to standard error. An
 * uncaught error also ends the process with the exit code 1. The report of an uncaught error has only the type of the
 * error and its place in the code. Without this report, Node would print all fields of the error, and a field can hold
 * a secret.
 */
export function runMain(main: (args: string[]) => Promise<number | void>, report = printed): void {
  process.on('uncaughtException', (err: unknown) => {
    report(traceOf(err));
    process.exit(1);
  });
  main(process.argv.slice(2)).then(
    (code) => process.exit(code ?? 0),
    (err: unknown) => {
      report(err instanceof Error ? err.message : 'unexpected error');
      process.exit(1);
    },
  );
}

function traceOf(err: unknown): string {
  const { name = 'value that is no error', stack = '' } = err instanceof Error ? err : {};
  const frames = stack.split('\n').filter((line) => /^ {4}at /.test(line));
  return [`unexpected ${name}`, ...frames].join('\n');
}

const REPEATED_WITHIN_MS = 5_000;

/**
 * Calls `stop` at the first SIGINT, SIGTERM or SIGHUP (the terminal was closed). A repeated signal within 5 s does
 * nothing, because npm forwards a signal that the process group has already received. A repeated signal after 5 s ends
 * the process with exit code 130.
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
  process.on('SIGHUP', handle);
}
