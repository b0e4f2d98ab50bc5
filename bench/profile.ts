/**
 * Profiles the worker of the flow and the worker of the minimal workflow, and sums the CPU time of each part of the
 * code.
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

/** The CPU time of each part of the code, in milliseconds for each flow. */
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

/** Returns a text table of the parts: first all parts together, then the part with the largest difference. */
export function timesTable({ ours, minimal }: Times): string {
  const parts = [...new Set([...Object.keys(ours), ...Object.keys(minimal)])];
  const rows = parts.map((part) => ({ part, ours: ours[part] ?? 0, minimal: minimal[part] ?? 0 }));
  const total = (of: { [part: string]: number }) => Object.values(of).reduce((sum, ms) => sum + ms, 0);
  const largest = rows.sort((a, b) => b.ours - b.minimal - (a.ours - a.minimal)).slice(0, MAX_ROWS);
  const all = [{ part: 'all parts', ours: total(ours), minimal: total(minimal) }, ...largest];
  const line = (...cells: string[]) => cells.map((cell) => cell.padStart(10)).join('');
  return [
    `${line('ours', 'minimal', 'more')}  CPU time of the worker in ms for a flow, by part of the code`,
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
 * frame on. Returns `undefined` if the thread is idle.
 */
function partOf(stack: readonly Frame[]): string | undefined {
  const [{ functionName }] = stack as [Frame];
  if (functionName === '(idle)') return undefined;
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (stack.some((frame) => frame.functionName === 'initAll')) return 'SDK: a stack trace for each promise';
  if (functionName === 'runInContext') return 'SDK: the entry into the context of the workflows';
  for (const frame of stack) {
    const file = fileOf(frame);
    if (file) return file;
  }
  return 'Node';
}

/**
 * Returns the source file or the package of the function in this frame. Returns `undefined` for Node's own functions.
 */
function fileOf({ url, lineNumber }: Frame): string | undefined {
  if (url === '' || url.startsWith('node:')) return undefined;
  const path = url.endsWith('bundle.js') ? moduleAt(url, lineNumber) : url;
  const [, name] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path) ?? [];
  return name
    ? `package ${name}`
    : path
        .replace(/.*\/dist\//, '')
        .replace(/^\.\//, '')
        .replace(/\.[jt]s$/, '');
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
