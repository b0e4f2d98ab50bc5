/**
 * `npm run mutants [-- FILE …]`: runs Stryker for one file of mutants.json after the other. mutants.json has the quick
 * tests of each file. One run with all files would take hours: Stryker repeats all tests for each change of a constant.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

const tests = createRequire(import.meta.url)('../mutants.json');
const named = process.argv.slice(2);
const unknown = named.filter((file) => !(file in tests));
if (unknown.length > 0) {
  console.error(`mutants.json has no tests of ${unknown.join(', ')}. It has: ${Object.keys(tests).join(', ')}`);
  process.exit(2);
}

for (const file of named.length > 0 ? named : Object.keys(tests)) {
  const env = { ...process.env, MUTATED_FILE: file };
  const { status } = spawnSync('stryker', ['run', '--mutate', file], { stdio: 'inherit', env });
  if (status !== 0) process.exitCode = 1;
}
