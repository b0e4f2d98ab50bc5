import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { project } from './project';
import { eventually } from '../../support/eventually';
import { atEnd, isAlive, write } from './scene';

jest.setTimeout(300_000); // this limit only ends a test that hangs

/** A test that starts a process in the process group of the test and a process in a new process group, and hangs. */
const hangingTest = (name: string) => `
const { spawn } = require('child_process');
const { writeFileSync } = require('fs');
test('hangs', async () => {
  const children = [false, true].map((detached) => spawn('sleep', ['300'], { detached, stdio: 'ignore' }));
  writeFileSync('${name}.json', JSON.stringify([process.pid, process.ppid, ...children.map(({ pid }) => pid)]));
  await new Promise(() => undefined);
}, 300_000);`;

/** A configuration of Vite that never loads, so that the build of the page runs until it is stopped. */
const ENDLESS = 'setInterval(() => undefined, 1000);\nawait new Promise(() => undefined);\n';

function projectWithTests(): string {
  const root = project();
  write(join(root, 'jest.config.js'), 'module.exports = { testMatch: ["<rootDir>/*.test.js"], maxWorkers: 2 };');
  for (const name of ['one', 'other']) write(join(root, `${name}.test.js`), hangingTest(name));
  return root;
}

/** Runs `npm test` as a terminal does, in a separate process group. */
function npmTest(root: string) {
  const npm = spawn('npm', ['test'], { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { text: '' };
  for (const stream of [npm.stdout, npm.stderr]) stream.on('data', (chunk: Buffer) => (output.text += chunk));
  const ended = once(npm, 'close');
  atEnd(async () => {
    npm.kill('SIGKILL');
    for (const pid of processesIn(root)) process.kill(Number(pid), 'SIGKILL'); // a failed test can leave processes
    await ended;
  });
  return { npm, output, ended };
}

const ways: [string, (npm: { pid?: number }) => void][] = [
  ['SIGINT to its process group, as by Ctrl-C', ({ pid }) => process.kill(-pid!, 'SIGINT')],
  ['SIGTERM to npm alone', ({ pid }) => process.kill(pid!, 'SIGTERM')],
];

test.each(ways)('npm test leaves no process behind after a stop during the tests by %s', async (_name, send) => {
  const root = projectWithTests();
  const { npm, ended } = npmTest(root);
  const pids = await eventually(() =>
    ['one.json', 'other.json'].flatMap((name) => JSON.parse(readFileSync(join(root, name), 'utf8')) as number[]),
  );

  send(npm);
  await ended;

  expect(pids).toHaveLength(8);
  expect(pids.filter(isAlive)).toEqual([]);
});

test.each(ways)(
  'npm test leaves no process and no incomplete build after a stop during the build by %s',
  async (_name, send) => {
    const root = projectWithTests();
    write(join(root, 'page', 'vite.config.mjs'), ENDLESS);
    const { npm, output, ended } = npmTest(root);
    await eventually(() => output.text.includes('building dist/') && processesIn(root).length > 3);
    // On a busy machine, npm can still be in the step in which it started the script. A signal would then end npm, and
    // npm would not forward the signal.
    await eventually(() => isIdle(npm.pid!));

    send(npm);
    await ended;

    expect(processesIn(root)).toEqual([]);
    expect(readdirSync(root).filter((name) => name.startsWith('dist'))).toEqual([]);
  },
);

/** True if the main thread of the process waits for something. */
const isIdle = (pid: number): boolean => /^State:\s+S/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

/** Returns the ids of the processes that run in the folder `root`. Works on Linux only. */
function processesIn(root: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return readlinkSync(join('/proc', pid, 'cwd')) === root;
    } catch {
      return false; // the entry of /proc is no process, or the process has ended
    }
  });
}
