/**
 * Profiles the worker of the flow and the worker of the minimal workflow, and sums the time in each part of the code.
 * The profiler of V8 takes samples by the clock, so the sum is not CPU time: it includes the time in which a busy
 * thread waits for a core.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Profiler } from 'node:inspector';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { each } from '../scripts/each';
import { contenderNames, type ContenderName } from './contenders';
import { checked, play, prepare } from './flows';
import type { Stack } from './stack';

const IN_FLIGHT = 20;
const MAX_ROWS = 20;

/** The time of the threads in each part of the JavaScript code, in milliseconds for each flow. */
export type Times = Record<ContenderName, { [part: string]: number }>;

/** Profiles one worker after the other while it runs flows. Writes a `.cpuprofile` for each thread into the folder. */
export async function profileWorkers(stack: Stack, flows: number, folder: string): Promise<Times> {
  mkdirSync(folder, { recursive: true });
  const times: Times = { ours: {}, minimal: {} };
  for (const contender of contenderNames) {
    const worker = await stack.startWorker(contender);
    const run = async (count: number) => {
      const parts = await prepare(stack, count);
      return each(parts, IN_FLIGHT, (part) => play(stack, contender, part));
    };
    await run(2 * IN_FLIGHT); // the first flows also load and compile code
    await worker.startProfile();
    const played = await run(flows);
    for (const [thread, profile] of (await worker.stopProfile()).entries()) {
      writeFileSync(join(folder, `${contender}-${thread}.cpuprofile`), JSON.stringify(profile));
      addTimes(times[contender], profile, flows);
    }
    await each(played, IN_FLIGHT, (one) => checked(stack, one));
    await worker.stop();
  }
  return times;
}

/**
 * Returns a text table of the parts: first all parts together, then all parts of the workflow code, then the parts with
 * the largest differences.
 */
export function timesTable({ ours, minimal }: Times): string {
  const parts = [...new Set([...Object.keys(ours), ...Object.keys(minimal)])];
  const rows = parts.map((part) => ({ part, ours: ours[part] ?? 0, minimal: minimal[part] ?? 0 }));
  const total = (of: { [part: string]: number }, prefix = '') =>
    Object.entries(of).reduce((sum, [part, ms]) => (part.startsWith(prefix) ? sum + ms : sum), 0);
  const largest = rows.sort((a, b) => b.ours - b.minimal - (a.ours - a.minimal)).slice(0, MAX_ROWS);
  const sumOf = (part: string, prefix?: string) => ({
    part,
    ours: total(ours, prefix),
    minimal: total(minimal, prefix),
  });
  const all = [sumOf('all parts'), sumOf('workflow code', WORKFLOW_CODE), ...largest];
  const line = (...cells: string[]) => cells.map((cell) => cell.padStart(10)).join('');
  return [
    `${line('ours', 'minimal', 'more')}  time of the worker's threads in JavaScript, in ms for a flow`,
    ...all.map((row) => {
      const values = [row.ours, row.minimal, row.ours - row.minimal].map((ms) => ms.toFixed(2));
      return `${line(...values)}  ${row.part}`;
    }),
  ].join('\n');
}

type Frame = Profiler.ProfileNode['callFrame'];

function addTimes(times: { [part: string]: number }, { nodes, samples, timeDeltas }: Profiler.Profile, flows: number) {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const parts = new Map(nodes.map(({ id }) => [id, partOf([...framesFrom(id)])]));
  function* framesFrom(id: number | undefined): Generator<Frame> {
    for (; id !== undefined; id = parents.get(id)) yield frames.get(id)!;
  }
  samples!.forEach((id, i) => {
    const part = parts.get(id);
    if (part) times[part] = (times[part] ?? 0) + timeDeltas![i]! / 1000 / flows;
  });
}

/**
 * Returns the part of the code to which the time of this call stack is added. Searches the frames from the innermost
 * frame on. Returns `undefined` if the thread runs no JavaScript: V8 counts a thread that waits as (idle) or (program).
 * Also returns `undefined` for the profiler's own time.
 */
function partOf(stack: readonly Frame[]): string | undefined {
  const [{ functionName }] = stack as [Frame];
  if (functionName === '(idle)' || functionName === '(program)') return undefined;
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (stack.some((frame) => frame.functionName === 'initAll')) return 'SDK: a stack trace for each promise';
  if (functionName === 'runInContext') return 'SDK: the entry into the context of the workflows';
  for (const frame of stack) {
    const file = fileOf(frame);
    // `bench/probe` only starts and stops the profile, so its time does not count.
    if (file === 'bench/probe') return undefined;
    if (file) return file;
  }
  return 'Node';
}

/** The start of each part that is in the workflow bundle: the workflow itself, and packages that it uses. */
const WORKFLOW_CODE = 'workflow code: ';

/**
 * Returns the source file or the package of the function in this frame. Returns `undefined` for Node's own functions.
 */
function fileOf({ url, lineNumber }: Frame): string | undefined {
  if (url === '' || url.startsWith('node:')) return undefined;
  const isBundle = url.endsWith('bundle.js');
  const path = isBundle ? moduleAt(url, lineNumber) : url;
  const [, name] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path) ?? [];
  const file = path
    .replace(/.*\/dist\//, '')
    .replace(/^\.\//, '')
    .replace(/\.[jt]s$/, '');
  return `${isBundle ? WORKFLOW_CODE : ''}${name ? `package ${name}` : file}`;
}

const moduleLines = new Map<string, { line: number; name: string }[]>();

/**
 * Returns the name of the module that contains this line of a workflow bundle. Webpack writes a comment with the name
 * of the module before each module.
 */
function moduleAt(url: string, line: number): string {
  let modules = moduleLines.get(url);
  if (!modules) {
    const code = readFileSync(url.startsWith('file:') ? fileURLToPath(url) : url, 'utf8');
    modules = code.split('\n').flatMap((text, i) => {
      const [, name] = /^\/\*{3}\/ "(.+?)"/.exec(text) ?? [];
      return name === undefined ? [] : [{ line: i, name }];
    });
    moduleLines.set(url, modules);
  }
  return modules.findLast((module) => module.line <= line)?.name ?? 'workflow bundle';
}
