/**
 * Runs the `main` of a process, then ends the process: with the exit code that `main` gives, else 0; where it fails, with
 * 1 and its message on standard error, after `name` and a colon.
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
