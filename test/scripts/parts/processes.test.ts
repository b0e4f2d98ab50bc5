import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, relative } from 'node:path';
import { type ProcessOptions, startMain, startProgram, startTogether } from '../../../scripts/local/process';
import { eventually } from '../../support/eventually';
import { atEnd, isAlive, launch, temporaryFolder, write } from './scene';

const dist = join(__dirname, '..', '..', '..', 'dist'); // `npm test` builds this folder

type More = Partial<Omit<ProcessOptions, 'args'>>;

/** Writes `code` to a file main.js, and starts this file by `startMain`. */
async function main(code: string, { logFolder = temporaryFolder(), ...more }: More = {}) {
  const file = relative(dist, write(join(logFolder, 'main.js'), code));
  const started = await startMain({ name: 'own', main: file, logFolder, ...more });
  atEnd(() => started.kill());
  return started;
}

async function program(line: [string, ...string[]], { logFolder = temporaryFolder(), ...more }: More = {}) {
  const [command, ...args] = line;
  const started = await startProgram({ name: 'program', command, args, logFolder, ...more });
  atEnd(() => started.kill());
  return started;
}

const staying = 'setInterval(() => {}, 1000); console.log("here");';

test('a process appends its output to its log file, and log() returns the part since its start', async () => {
  const logFolder = join(temporaryFolder(), 'logs');
  await (
    await main('console.log("earlier")', { logFolder })
  ).exited;

  const second = await main('console.log("one"); console.error("two"); process.exitCode = 3', { logFolder });

  expect(await second.exited).toEqual({ code: 3, signal: null });
  expect(second.log()).toBe('one\ntwo\n');
  expect(second.lastLines(1)).toBe('two');
  expect(second.isRunning()).toBe(false);
  expect(readFileSync(join(logFolder, 'own.log'), 'utf8')).toBe('earlier\none\ntwo\n');
});

test('startMain passes arguments and variables to the process, and removes a variable with the value undefined', async () => {
  process.env.REMOVED = 'a value';
  atEnd(() => delete process.env.REMOVED);
  const env = { GIVEN: 'a value', REMOVED: undefined };
  const code = 'console.log(process.argv[2], process.env.GIVEN, process.env.REMOVED)';
  const logFolder = temporaryFolder();
  const file = relative(dist, write(join(logFolder, 'main.js'), code));

  const started = await startMain({ name: 'own', main: file, args: ['an argument'], env, logFolder, waits: false });
  await started.exited;

  expect(started.log()).toBe('an argument a value undefined\n');
});

test('two calls of stop send one SIGTERM', async () => {
  const started = await main(
    `process.on('SIGTERM', () => { console.log('asked'); setTimeout(process.exit, 200, 0) }); ${staying}`,
  );
  await eventually(() => started.log().includes('here'));

  const exits = await Promise.all([started.stop(), started.stop()]);

  expect(exits).toEqual([
    { code: 0, signal: null },
    { code: 0, signal: null },
  ]);
  expect(started.log()).toBe('here\nasked\n');
});

test('stop kills a process that ignores SIGTERM', async () => {
  const started = await main(`process.on('SIGTERM', () => {}); ${staying}`);
  await eventually(() => started.log().includes('here'));

  expect(await started.stop(100)).toEqual({ code: null, signal: 'SIGKILL' });
});

test('startMain waits until the process is ready', async () => {
  const ready = join(temporaryFolder(), 'ready');
  const code = `setTimeout(() => require('fs').writeFileSync(${JSON.stringify(ready)}, ''), 200); ${staying}`;

  const started = await main(code, { isReady: async () => existsSync(ready) });

  expect(existsSync(ready)).toBe(true);
  expect(started.isRunning()).toBe(true);
});

test('if the process ends before it is ready, the error of startMain has the last log lines', async () => {
  const starting = main('console.log("a reason"); process.exit(4)', { isReady: async () => false });

  await expect(starting).rejects.toThrow(/^The own did not start: it ended with exit code 4 \(log: .*\):\na reason$/);
});

test('startMain with waits: false returns at once, and ready() fails if the process ends', async () => {
  const started = await main('process.exit(4)', { isReady: async () => false, waits: false });

  await expect(started.ready()).rejects.toThrow('it ended with exit code 4');
});

test('startMain fails if a port is taken, and starts no process', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  atEnd(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const logFolder = temporaryFolder();

  await expect(main(staying, { ports: [port], logFolder })).rejects.toThrow(
    `another process uses port ${port} of 127.0.0.1`,
  );
  expect(existsSync(join(logFolder, 'own.log'))).toBe(false);
});

describe('a program behind a guard process', () => {
  test('startProgram reports the exit code of the program, and kill() kills the program behind the guard process', async () => {
    const [one, other] = [await program(['sh', '-c', 'echo here; sleep 0.2; exit 3']), await program(['sleep', '60'])];

    expect(await other.kill()).toEqual({ code: null, signal: 'SIGKILL' });
    expect(await one.exited).toEqual({ code: 3, signal: null });
    expect(one.log()).toBe('here\n');
  });

  test('stop() of a program sends SIGTERM, and kills the program if it ignores SIGTERM', async () => {
    const [willing, deaf] = [
      await program(['sleep', '60']),
      await program(['sh', '-c', 'trap "" TERM; echo here; sleep 60']),
    ];
    await eventually(() => deaf.log() === 'here\n');

    expect(await willing.stop()).toEqual({ code: null, signal: 'SIGTERM' });
    expect(await deaf.stop(100)).toEqual({ code: null, signal: 'SIGKILL' });
    await eventually(() => !isAlive(willing.pid) && !isAlive(deaf.pid));
  });

  test('startProgram fails if the program does not exist', async () => {
    await expect(program(['/nowhere/at-all'])).rejects.toThrow(/ENOENT/);
  });
});

describe('startTogether', () => {
  test('stop() calls each function of onStop once, and the last added function first', async () => {
    const stopped: string[] = [];
    const stack = await startTogether(async (onStop) => {
      onStop(() => stopped.push('first'));
      onStop(() => stopped.push('second'));
      return { name: 'stack' };
    });

    await stack.stop();
    await stack.stop();

    expect(stack.name).toBe('stack');
    expect(stopped).toEqual(['second', 'first']);
  });

  test('if the start fails, startTogether calls the functions that were passed to onStop before the failure', async () => {
    const stopped: string[] = [];
    const starting = startTogether(async (onStop) => {
      onStop(() => stopped.push('first'));
      throw new Error('The second part did not start');
    });

    await expect(starting).rejects.toThrow('The second part did not start');
    expect(stopped).toEqual(['first']);
  });
});

describe('a killed parent process', () => {
  /** A process that calls a start function, prints the id of the started process, and keeps running. */
  function parentOf(call: string) {
    const module = JSON.stringify(join(dist, 'scripts', 'local', 'process.js'));
    const code = `require(${module}).${call}.then(({ pid }) => console.log(pid)); setInterval(() => {}, 1000);`;
    return launch(process.execPath, ['-e', code]);
  }

  test('a process of startProgram ends after its parent process was killed', async () => {
    const options = { name: 'program', command: 'sleep', args: ['60'], logFolder: temporaryFolder() };
    const { child, output } = parentOf(`startProgram(${JSON.stringify(options)})`);
    await eventually(() => output.stdout.endsWith('\n'));

    child.kill('SIGKILL');

    await eventually(() => !isAlive(Number(output.stdout)));
  });

  test('a process of startMain gets SIGTERM and ends after its parent process was killed', async () => {
    const logFolder = temporaryFolder();
    const done = JSON.stringify(join(logFolder, 'done'));
    const code = `process.on('SIGTERM', () => { require('fs').writeFileSync(${done}, ''); process.exit(); }); ${staying}`;
    const main = relative(dist, write(join(logFolder, 'main.js'), code));
    const { child, output } = parentOf(`startMain(${JSON.stringify({ name: 'own', main, logFolder })})`);
    await eventually(() => output.stdout.endsWith('\n') && readFileSync(join(logFolder, 'own.log'), 'utf8') !== '');
    atEnd(() => isAlive(Number(output.stdout)) && process.kill(Number(output.stdout), 'SIGKILL'));

    child.kill('SIGKILL');

    await eventually(() => existsSync(join(logFolder, 'done')));
  });
});
