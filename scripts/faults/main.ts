/** `npm run faults`: many flows at once while everything dies now and then, and a check of the books at the end. */
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onStopSignal } from '../../temporal/stop-signals';
import { each } from '../each';
import { argumentsOf, type Arguments } from './arguments';
import { keepBooks, type Book } from './books';
import { beginChaos, type Chaos } from './chaos';
import { playFlow } from './flow';
import type { Ledger } from './ledger';
import { drawPlans } from './plan';
import { Random } from './random';
import { startWorld, type World } from './world';

const help = `Usage: npm run faults -- [--seed N] [--flows N]

Takes many flows (100 by default) of every auth type through authentication, on a stack of its own, with shuffled,
repeated, malformed, forged and late inputs, while workers and Temporal are killed, the connection between them is cut
and Cyclr fails. At the end it checks the books. Exit code 0 only when all of them are right.

The seed makes the plan of each flow, and what dies in which order. What meets what is chance: the same seed makes the
same plans, and not the same run. Without --seed a random one is taken, and printed.`;

const AT_ONCE = 50;
/** When so many are done, nothing dies any more: what is meant for many would hit the last ones again and again. */
const IN_PEACE = 0.9;
const TOLD_EVERY_MS = 5000;
const WRONG_SHOWN = 20;

async function main(args: string[]): Promise<number> {
  const asked = read(args);
  if (typeof asked === 'number') return asked;
  const { seed = randomInt(2 ** 31), flows } = asked;
  console.log(`Seed ${seed}, ${flows} flows`);
  const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-faults-'));
  const starting = startWorld(folder);
  const stopped = new Promise<number>((resolve) => onStopSignal(() => resolve(130)));
  let code = 1;
  try {
    code = await Promise.race([starting.then((world) => play(world, new Random(`${seed}`), flows)), stopped]);
    return code;
  } finally {
    await starting.then(({ stop }) => stop()).catch(() => undefined);
    if (code === 1) console.log(`Its logs and its database: ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

/** What is asked for, or the exit code where that is all. */
function read(args: string[]): Arguments | number {
  try {
    const asked = argumentsOf(args);
    if (asked.help) console.log(help);
    return asked.help ? 0 : asked;
  } catch (err) {
    console.error(`${(err as Error).message}\n\n${help}`);
    return 2;
  }
}

async function play(world: World, random: Random, flows: number): Promise<number> {
  const began = Date.now();
  const seconds = () => Math.round((Date.now() - began) / 1000);
  const revokes = random.fork('revokes').chance(0.5);
  const plans = drawPlans(random.fork('flows'), flows, revokes);
  const chaos = beginChaos(world, random.fork('chaos'), revokes);
  const ledgers: Ledger[] = [];
  const attempts: string[] = [];
  const tell = () => console.log(`${seconds()} s: ${ledgers.length} of ${flows} flows are done; ${tollOf(chaos)}`);
  const telling = setInterval(tell, TOLD_EVERY_MS);
  try {
    await each(plans, AT_ONCE, async (plan) => {
      ledgers.push(await playFlow(world, plan, attempts));
      if (ledgers.length >= flows * IN_PEACE) await chaos.end();
    });
  } finally {
    clearInterval(telling);
  }
  tell();
  const books = await keepBooks(world, ledgers);
  console.log(`\nThe books, after ${seconds()} s:`);
  return report(books);
}

const tollOf = ({ toll }: Chaos): string =>
  Object.entries(toll)
    .flatMap(([kind, times]) => (times > 0 ? [`${kind} ${times}`] : []))
    .join(', ') || 'nothing has died yet';

function report(books: Book[]): number {
  for (const { name, counted, wrong } of books) {
    console.log(`${wrong.length === 0 ? '✓' : '✗'} ${name.padEnd(15)} ${counted}`);
    for (const line of wrong.slice(0, WRONG_SHOWN)) console.log(`    ${line}`);
    if (wrong.length > WRONG_SHOWN) console.log(`    and ${wrong.length - WRONG_SHOWN} more`);
  }
  const right = books.filter(({ wrong }) => wrong.length === 0).length;
  console.log(`\n${right} of ${books.length} books are right.`);
  return right === books.length ? 0 : 1;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (err: unknown) => {
    console.error(err instanceof Error ? err.message : err);
    process.exit(1);
  },
);
