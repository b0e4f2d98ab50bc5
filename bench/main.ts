/** `npm run bench`: our flow against the smallest hand-written one; the service against Temporal itself. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { onStopSignal, runMain } from '../temporal/process';
import { compare, tableOf } from './comparison';
import { flagsOf, type Flags } from './flags';
import { measureMemory } from './memory';
import { plotOf } from './plot';
import { idle, playRounds, type Workers } from './rounds';
import { measureService } from './service/measure';
import { startStack, type Stack } from './stack';
import { waitMany } from './waiting';

const root = join(__dirname, '..', '..');
const help = `Usage: npm run bench -- [--rounds N] [--flows N] [--cached N] [--waiting N | --service] [--out FOLDER]

Our flow against the smallest hand-written workflow with the same activities and two signals, on one dev server of its
own: in rounds that take turns, on this machine. Prints a table; writes bench.json and bench.svg. Takes some minutes.
Exit code 0 only when every flow is authenticated and no history grew while its flow waited.

  --rounds N     pairs of rounds (6)
  --flows N      flows in a round (100)
  --cached N     flows that wait while the memory of a worker is measured, 1000 at most (800)
  --waiting N    instead: starts N flows of ours that wait, and measures memory and inputs; writes waiting.json
  --service      instead: the onboarding service against Temporal itself, half as many flows in a round, one
                 after the other; writes service.json and service.svg
  --out FOLDER   where the results go (bench/results)`;

const say = (line: string): void => console.error(line);

async function main(args: string[]): Promise<number> {
  const flags = understood(args);
  if (!flags) return 2;
  if (flags.help) return (console.log(help), 0);
  const starting = startStack();
  const stopped = new Promise<number>((done) => onStopSignal(() => done(130)));
  try {
    return await Promise.race([starting.then((stack) => measure(stack, flags)), stopped]);
  } finally {
    await starting.then(({ stop }) => stop()).catch(() => undefined);
  }
}

function understood(args: string[]): Flags | undefined {
  try {
    return flagsOf(args);
  } catch (err) {
    console.error((err as Error).message);
    return undefined;
  }
}

async function measure(stack: Stack, { waiting, service, rounds, flows, cached, out }: Flags): Promise<number> {
  const folder = out === undefined ? join(root, 'bench', 'results') : resolve(out);
  mkdirSync(folder, { recursive: true });
  const write = (name: string, content: string) => writeFileSync(join(folder, name), content);
  if (waiting !== undefined) {
    const many = await waitMany(stack, waiting, say);
    write('waiting.json', json({ machine, ...many }));
    const { inputsMs: _each, ...summary } = many;
    console.log(json(summary).trimEnd());
    return 0;
  }
  if (service) return benchService(stack, { rounds, flows: Math.ceil(flows / 2) }, write);
  const workers: Workers = { ours: await stack.startWorker('ours'), minimal: await stack.startWorker('minimal') };
  const played = await playRounds(stack, workers, { rounds, flows }, say);
  const idleCpu = await idle(stack, workers);
  await Promise.all([workers.ours.stop(), workers.minimal.stop()]);
  const memory = await measureMemory(stack, cached, say);
  const rows = compare(played, memory);
  write('bench.json', json({ machine, flags: { rounds, flows, cached }, rows, idleCpu, rounds: played, memory }));
  write(
    'bench.svg',
    plotOf(rows, `Our flow to the smallest one (= 1). ${rounds} pairs of rounds, ${flows} flows each; ${machine.cpu}.`),
  );
  console.log(tableOf(rows));
  console.log(`Results in ${folder}`);
  return 0;
}

async function benchService(
  stack: Stack,
  flags: { rounds: number; flows: number },
  write: (name: string, content: string) => void,
): Promise<number> {
  const figures = await measureService(stack, flags, say);
  const { rows, pushP99, streams } = figures;
  write('service.json', json({ machine, flags, ...figures }));
  const what = `${flags.rounds} pairs of rounds, ${flags.flows} flows each; ${machine.cpu}.`;
  write('service.svg', plotOf(rows, `The service to Temporal itself (= 1). ${what}`));
  console.log(tableOf(rows, ['service', 'Temporal itself']));
  console.log(json({ pushP99, streams }).trimEnd());
  return 0;
}

const machine = {
  at: new Date().toISOString(),
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  cpu: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
};

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

runMain(main);
