#!/usr/bin/env node
/** The process of the command line, with its arguments, streams, signals and exit code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, programName } from './config';
import { run } from './run';

const { version } = JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8')) as {
  version: string;
};
const interruption = new AbortController();
const interrupt = () => interruption.abort();
process.on('SIGINT', interrupt).on('SIGTERM', interrupt); // a second signal has no further effect
process.stdout.on('error', interrupt); // the error comes when the program that reads the output has ended, for example `head`

const place = { env: process.env, cwd: process.cwd() };
void run(process.argv.slice(2), {
  ...place,
  name: programName(place, process.argv[1]!),
  version,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interruption.signal,
  connect: () => connect(place),
}).then((exitCode) => {
  process.exitCode = interruption.signal.aborted ? 130 : exitCode;
  process.stdin.destroy(); // an open standard input would keep the process alive
  const end = () => setTimeout(() => process.exit(), 1000).unref(); // an interrupted call to Temporal would also keep the process alive
  if (interruption.signal.aborted) return void end();
  process.stdout.write('', end); // process.exit() would lose the output that a slow reader has not taken yet
  interruption.signal.addEventListener('abort', () => process.exit(130));
});
