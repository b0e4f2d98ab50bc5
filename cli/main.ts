#!/usr/bin/env node
/** The process: its arguments, its streams, its signals, its exit code. Everything else is in `run`. */
import { connect, environment } from './config';
import { run } from './run';

const interruption = new AbortController();
const interrupt = () => interruption.abort();
process.on('SIGINT', interrupt).on('SIGTERM', interrupt); // a repeated one changes nothing
process.stdout.on('error', interrupt); // whoever read the output is gone, as `head` is

void run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interruption.signal,
  env: environment,
  cwd: process.cwd(),
  connect: () => connect({ env: environment, cwd: process.cwd() }),
}).then((exitCode) => {
  process.exitCode = exitCode;
  process.stdin.destroy(); // an input that nobody reads to its end would keep the process alive
  setTimeout(() => process.exit(), 1000).unref(); // as would a call that was interrupted
});
