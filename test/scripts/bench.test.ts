import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const main = join(__dirname, '..', '..', 'dist', 'bench', 'main.js');
jest.setTimeout(600_000); // this limit only ends a test that hangs

let folder: string;
let started: Run[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bench-test-'));
  started = [];
});
afterEach(async () => {
  for (const { process: child } of started) child.kill('SIGINT');
  await Promise.all(started.map(({ ended }) => ended));
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  process: ChildProcess;
  output(): string;
  /** Resolves when the output contains the text. */
  prints(text: string): Promise<void>;
  ended: Promise<number | null>;
}

/** Starts the bench. The bench writes results and temporary files into `folder`. */
function bench(...args: string[]): Run {
  const env = { ...process.env, TMPDIR: folder };
  const child = spawn(process.execPath, [main, '--out', join(folder, 'results'), ...args], { env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const prints = async (text: string) => {
    while (!output.includes(text)) await once(child.stderr, 'data');
  };
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const run = { process: child, output: () => output, prints, ended };
  started.push(run);
  return run;
}

const leftovers = () => readdirSync(folder).filter((name) => name !== 'results');
const written = (name: string) => readFileSync(join(folder, 'results', name), 'utf8');

test('the bench runs every flow to its end, prints a table, and writes JSON and a plot', async () => {
  const run = bench('--rounds', '1', '--flows', '3', '--cached', '5');

  const code = await run.ended;

  expect(run.output()).toContain('CPU per flow, server and worker');
  expect(code).toBe(0);
  const { rows, rounds, memory } = JSON.parse(written('bench.json'));
  expect(rounds.minimal).toMatchObject([{ events: 31 }]);
  expect(rounds.ours).toMatchObject([{ events: expect.any(Number), cpuMs: expect.any(Number) }]);
  expect(memory.ours.flows).toEqual([1, 2, 3, 4, 5]);
  for (const row of rows) expect(row.ours.median).toEqual(expect.any(Number));
  expect(written('bench.svg')).toMatch(/^<svg /);
  expect(leftovers()).toEqual([]);
});

test('the bench with --profile prints the time that each part of the code needs, and writes a profile of each thread', async () => {
  const run = bench('--profile', '--flows', '20');

  const code = await run.ended;

  expect(run.output()).toMatch(/ours +minimal +more/);
  expect(code).toBe(0);
  const { times } = JSON.parse(written('profile.json'));
  expect(Object.keys(times.ours).join()).toContain('workflow code: workflows/authenticate-connector/');
  expect(Object.keys(times.minimal)).toContain('package @temporalio/worker');
  const { nodes } = JSON.parse(written('ours-1.cpuprofile'));
  expect(nodes.length).toBeGreaterThan(100);
});

test('Ctrl-C stops all processes of the bench, and the bench writes no results', async () => {
  const run = bench('--rounds', '1000', '--flows', '3');
  await run.prints('round 0');

  run.process.kill('SIGINT');

  expect(await run.ended).toBe(130);
  expect(leftovers()).toEqual([]);
  expect(existsSync(join(folder, 'results', 'bench.json'))).toBe(false);
});

test('a wrong option ends the bench with exit code 2, the allowed values and the help', async () => {
  const run = bench('--rounds', 'many');

  expect(await run.ended).toBe(2);
  expect(run.output()).toMatch(/^--rounds takes a whole number from 1 to 1000\n\nUsage: npm run bench /);
});
