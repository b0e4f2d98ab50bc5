import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { startChild } from '../../../scripts/local/child';
import { atEnd, eventually, isAlive, launch, temporaryFolder, write } from './scene';

const dist = join(__dirname, '..', '..', '..', 'dist'); // `npm test` builds it

async function node(code: string, folder = temporaryFolder()) {
  const args = ['-e', code];
  const child = await startChild({ command: process.execPath, args, logFile: join(folder, 'logs', 'child.log') });
  atEnd(() => child.stop(0));
  return child;
}

test('what a child writes is in its log, and its last lines are those since its start', async () => {
  const folder = temporaryFolder();
  await (
    await node('console.log("earlier")', folder)
  ).exited;

  const child = await node('console.log("one"); console.error("two"); process.exit(3)', folder);

  expect(await child.exited).toEqual({ code: 3, signal: null });
  expect(child.lastLines()).toBe('one\ntwo');
  expect(child.lastLines(1)).toBe('two');
  expect(readFileSync(join(folder, 'logs', 'child.log'), 'utf8')).toBe('earlier\none\ntwo\n');
});

test('a child is asked to stop once, however often that is said', async () => {
  const child = await node(
    'process.on("SIGTERM", () => { console.log("asked"); setTimeout(process.exit, 200, 0) }); setInterval(() => {}, 1000); console.log("here")',
  );
  await eventually(() => child.lastLines().includes('here'));

  const exits = await Promise.all([child.stop(), child.stop()]);

  expect(exits).toEqual([
    { code: 0, signal: null },
    { code: 0, signal: null },
  ]);
  expect(child.lastLines()).toBe('here\nasked');
});

test('a child that does not stop is killed', async () => {
  const child = await node('process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("here")');
  await eventually(() => child.lastLines().includes('here'));

  expect(await child.stop(100)).toEqual({ code: null, signal: 'SIGKILL' });
});

test('a command that is not there is an error', async () => {
  const starting = startChild({ command: '/nowhere/at-all', args: [], logFile: join(temporaryFolder(), 'child.log') });

  await expect(starting).rejects.toThrow(/ENOENT/);
});

describe('a child with a guard', () => {
  const guarded = (...line: [string, ...string[]]) => {
    const [command, ...args] = line;
    return startChild({ command, args, endsWithUs: 'guard', logFile: join(temporaryFolder(), 'child.log') });
  };

  test('ends as it would without, and can be killed by its own id', async () => {
    const [one, other] = [await guarded('sh', '-c', 'echo here; exit 3'), await guarded('sleep', '60')];
    process.kill(other.pid, 'SIGKILL');

    expect(await one.exited).toEqual({ code: 3, signal: null });
    expect(one.lastLines()).toBe('here');
    expect(await other.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });

  test('stops when it is told to, and is killed when it does not', async () => {
    const [willing, deaf] = [
      await guarded('sleep', '60'),
      await guarded('sh', '-c', 'trap "" TERM; echo here; sleep 60'),
    ];
    await eventually(() => deaf.lastLines() === 'here');

    expect(await willing.stop()).toEqual({ code: null, signal: 'SIGTERM' });
    expect(await deaf.stop(100)).toEqual({ code: null, signal: 'SIGKILL' });
    await eventually(() => !isAlive(willing.pid) && !isAlive(deaf.pid));
  });

  test('that can not be run is an error', async () => {
    await expect(guarded('/nowhere/at-all')).rejects.toThrow(/ENOENT/);
  });

  test('ends when its parent is killed', async () => {
    const options = {
      command: 'sleep',
      args: ['60'],
      endsWithUs: 'guard',
      logFile: join(temporaryFolder(), 'child.log'),
    };
    const code = `require(${JSON.stringify(join(dist, 'scripts', 'local', 'child.js'))})
      .startChild(${JSON.stringify(options)}).then(({ pid }) => console.log(pid));`;
    const { child, output } = launch(process.execPath, ['-e', code]);
    await eventually(() => output.stdout.endsWith('\n'));

    child.kill('SIGKILL');

    await eventually(() => !isAlive(Number(output.stdout)));
  });
});

describe('a process of ours', () => {
  /** A process that starts `main` as `npm start` does, prints its id, and stays. */
  function parentOf(main: string, folder: string) {
    const options = { name: 'ours', main: relative(dist, main), args: ['an argument'], env: { GIVEN: 'a value' } };
    const code = `require(${JSON.stringify(join(dist, 'scripts', 'local', 'processes.js'))})
      .startProcess(${JSON.stringify({ ...options, logFolder: folder })})
      .then(({ pid, exited }) => { console.log(pid); return exited; })
      .then((exit) => console.log(JSON.stringify(exit)));`;
    return launch(process.execPath, ['-e', code]);
  }

  test('gets its arguments and its environment, and may end by itself', async () => {
    const folder = temporaryFolder();
    const main = write(join(folder, 'main.js'), 'console.log(process.argv[2], process.env.GIVEN)');

    const { stdout } = await parentOf(main, folder).ended;

    expect(stdout).toContain('{"code":0,"signal":null}');
    expect(readFileSync(join(folder, 'ours.log'), 'utf8')).toBe('an argument a value\n');
  });

  test('stops in order when its parent is killed', async () => {
    const folder = temporaryFolder();
    const done = JSON.stringify(join(folder, 'done'));
    const main = write(
      join(folder, 'main.js'),
      `process.on('SIGTERM', () => { require('fs').writeFileSync(${done}, ''); process.exit(); });
      setInterval(() => {}, 1000);
      console.log('here');`,
    );
    const { child, output } = parentOf(main, folder);
    await eventually(() => existsSync(join(folder, 'ours.log')) && readFileSync(join(folder, 'ours.log'), 'utf8'));
    atEnd(() => isAlive(Number(output.stdout)) && process.kill(Number(output.stdout), 'SIGKILL'));

    child.kill('SIGKILL');

    await eventually(() => existsSync(join(folder, 'done')));
  });
});
