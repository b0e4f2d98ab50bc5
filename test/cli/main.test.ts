import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { atEnd, temporaryFolder, write } from '../scripts/parts/scene';

const main = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');
const FAULTS = 500;

/** Starts a command with more output than a pipe and its reader buffer: the faults of a file of policies. */
async function startLongOutput() {
  const member = 'x'.repeat(1_000);
  const policies = Array.from({ length: FAULTS }, (_, index) => ({ match: { name: `${index}` }, [member]: 1 }));
  const file = write(join(temporaryFolder(), 'policies.yaml'), JSON.stringify({ policies })); // each JSON text is YAML
  const argv = [main, 'policies', 'check', file, '--json'];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'ignore'] });
  atEnd(() => child.kill('SIGKILL'));
  await once(child.stdout, 'readable');
  return { child, ended: once(child, 'exit') };
}

test('the command line waits for a reader that takes the output slowly, and loses no output', async () => {
  const { child, ended } = await startLongOutput();
  // The reader pauses longer than the command line waits at its end for the connection to Temporal to close.
  await delay(2_000);

  const { faults } = JSON.parse(await text(child.stdout)) as { faults: string[] };

  expect(faults).toHaveLength(FAULTS);
  expect(await ended).toEqual([1, null]);
});

test('Ctrl-C ends the command line with 130 while the reader takes no output', async () => {
  const { child, ended } = await startLongOutput();

  child.kill('SIGINT');

  expect(await ended).toEqual([130, null]);
});
