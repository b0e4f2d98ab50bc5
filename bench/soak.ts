/** Runs a mixed load for a long time, and measures whether the memory or the descriptors of the processes grow. */
import { setTimeout as delay } from 'node:timers/promises';
import { OPEN } from '../workflows/visibility';
import { growthOf, readObjects, retainedBytes, type Growth, type Objects } from './heap-snapshots';
import { Mix } from './mix';
import { fillLimits } from './service/limits';
import { cpuMsOf, descriptorsOf, rssOf } from './processes';
import type { BenchWorker, Stack } from './stack';
import { latencyOf, slopeOf, type Latency, type Slope } from './stats';
import { startTarget, type Target } from './target';

const MINUTE_MS = 60_000;
const KIB = 1024;
/** The warm-up, as a share of the whole time of the load. In the warm-up, code is compiled and caches fill. */
const WARM_UP = 0.2;
/**
 * The time between the two heap snapshots, as a share of the whole time of the load. The second snapshot is at the end
 * of the load. The samples between the snapshots do not count, because a process has a larger RSS after it has written
 * a snapshot.
 */
const SNAPSHOTS = 0.2;
/** RSS and descriptors grow if their slope is more than this number of standard errors above 0. */
const STANDARD_ERRORS = 3;
/**
 * The objects of a process grow if a unit leaves more than this number of bytes behind. One entry of a map needs at
 * least 24 bytes. The slope of the heap does not decide, because V8 compiles and optimizes code for hours, and the heap
 * contains this code.
 */
const MAX_RETAINED = 8;
/** The wait before a heap snapshot. The timers of the load end within this time: the longest timer lasts 15 s. */
const QUIET_MS = 20_000;
/**
 * The time limit of the wait until no workflow is open and all events have arrived. Only a wait that hangs reaches this
 * limit.
 */
const LIMIT_MS = 300_000;
const POLL_MS = 500;

type Name = 'worker' | 'service';
const names: readonly Name[] = ['worker', 'service'];

/** The memory in bytes after a garbage collection, and the number of open file descriptors. */
interface Sample {
  rss: number;
  heap: number;
  descriptors: number;
}

/**
 * The measurements of one minute of load. The counts and the times of inputs also cover the wait after this minute
 * until no workflow is open. Memory and descriptors are measured at the end of this wait.
 */
interface Minute extends Record<Name, Sample> {
  /** The minutes from the start of the load to this sample. */
  at: number;
  units: number;
  skipped: number;
  errors: number;
  /** The CPU time of server, worker and service, in milliseconds. */
  cpuMs: number;
  /** The number of calls that a unit repeated because Temporal or a worker did not answer in time. */
  repeats: number;
  /** How long an input through the service took, in milliseconds. */
  inputs: Latency;
  /** The resident memory of the Temporal server, whose database and caches grow with each workflow. */
  serverRss: number;
}

/**
 * The growth of a process. The slopes are for one minute, between the warm-up and the first heap snapshot. The slopes of
 * heap and RSS are in KiB.
 */
interface ProcessGrowth {
  heap: Slope;
  rss: Slope;
  descriptors: Slope;
  /** The bytes that one unit between the two heap snapshots left in the objects of the process. */
  retained: number;
  /** The constructors whose objects grew most, in bytes, between the two heap snapshots. */
  topGrowers: Growth[];
}

/** The objects of each process, and the number of units that had ended. */
interface Snapshot {
  units: number;
  objects: Record<Name, Objects>;
}

export interface Soak {
  minutes: number;
  /** The number of units that are started in each minute of load. */
  rate: number;
  units: number;
  /** The number of units that were not started because all accounts were in use. */
  skipped: number;
  /**
   * The CPU time of server, worker and service for one unit, in milliseconds. The bench computes this time from the
   * same samples as the slopes. Garbage collections and heap snapshots that the bench itself causes are not counted.
   */
  cpuMs: number;
  errors: string[];
  repeats: number;
  growth: Record<Name, ProcessGrowth>;
  /** True if no error occurred, no unit was skipped, and neither objects nor RSS nor descriptors grew. */
  isSteady: boolean;
  samples: Minute[];
}

/**
 * Fills the rate limits of the service. Then runs the load until `minutes` have passed. After each minute of load, waits
 * until no workflow is open, and takes a sample. Only on Linux.
 */
export async function soak(
  stack: Stack,
  { minutes, rate }: { minutes: number; rate: number },
  say: (line: string) => void,
): Promise<Soak> {
  if (process.platform !== 'linux') throw new Error('--soak needs Linux: it counts file descriptors in /proc');
  const target = await startTarget();
  const worker = await stack.startWorker('ours', target.allEventsEnv);
  const service = await stack.startService();
  const processes = { worker, service };
  const cpuMs = () => [stack.serverPid, worker.pid, service.pid].reduce((sum, pid) => sum + cpuMsOf(pid), 0);
  const mix = new Mix(stack, service);
  await mix.install();
  await fillLimits(service);
  const samples: Minute[] = [];
  const snapshots: Snapshot[] = [];
  const takeSnapshots = async () => snapshots.push({ units: mix.units, objects: await objectsOf(processes) });
  say(HEADINGS);
  const since = performance.now();
  const passed = () => (performance.now() - since) / MINUTE_MS;
  while (passed() < minutes || snapshots.length === 0) {
    // The first snapshot is taken before a minute of load, so that there is load between the two snapshots.
    if (snapshots.length === 0 && passed() > minutes * (1 - SNAPSHOTS)) await takeSnapshots();
    const before = { ...mix, errors: mix.errors.length, cpuMs: cpuMs() };
    mix.inputsMs = [];
    await mix.play(MINUTE_MS, rate);
    await nothingOpen(stack, mix, target);
    const usedMs = cpuMs() - before.cpuMs;
    const sample: Minute = {
      at: passed(),
      units: mix.units - before.units,
      skipped: mix.skipped - before.skipped,
      errors: mix.errors.length - before.errors,
      cpuMs: usedMs,
      repeats: mix.repeats - before.repeats,
      inputs: latencyOf(mix.inputsMs),
      worker: await sampleOf(worker),
      service: await sampleOf(service),
      serverRss: rssOf(stack.serverPid),
    };
    samples.push(sample);
    say(lineOf(sample));
    mix.errors.slice(before.errors).forEach(say);
  }
  await takeSnapshots();
  await Promise.all([worker.stop(), service.stop(), target.close()]);
  const measured = samples.filter(({ at }) => at > minutes * WARM_UP && at < minutes * (1 - SNAPSHOTS));
  const [first, last] = snapshots as [Snapshot, Snapshot];
  const growth = {
    worker: growthIn('worker', measured, first, last),
    service: growthIn('service', measured, first, last),
  };
  const sum = (key: 'cpuMs' | 'units') => measured.reduce((total, sample) => total + sample[key], 0);
  const { units, skipped, errors, repeats } = mix;
  const isSteady = errors.length === 0 && skipped === 0 && names.every((name) => !grows(growth[name]));
  const cpuOfUnit = sum('cpuMs') / sum('units');
  return { minutes, rate, units, skipped, cpuMs: cpuOfUnit, errors, repeats, growth, isSteady, samples };
}

function growthIn(name: Name, samples: Minute[], first: Snapshot, last: Snapshot): ProcessGrowth {
  const times = samples.map(({ at }) => at);
  const slope = (key: keyof Sample, unit = 1) =>
    slopeOf(
      times,
      samples.map((sample) => sample[name][key] / unit),
    );
  const [before, after] = [first.objects[name], last.objects[name]];
  return {
    heap: slope('heap', KIB),
    rss: slope('rss', KIB),
    descriptors: slope('descriptors'),
    retained: retainedBytes(before, after) / (last.units - first.units),
    topGrowers: growthOf(before, after),
  };
}

/**
 * True if a process grew. Also true if there are fewer than three samples: their standard error is NaN, so they can't
 * exclude growth.
 */
const grows = ({ rss, descriptors, retained }: ProcessGrowth): boolean =>
  retained > MAX_RETAINED ||
  [rss, descriptors].some(({ slope, standardError }) => !(slope <= STANDARD_ERRORS * standardError));

/**
 * Waits until no workflow is open and the receiver has got all events. If the receiver has got more events then, or
 * after `LIMIT_MS`, adds an error to `mix.errors` and ends the wait.
 */
async function nothingOpen({ client }: Stack, mix: Mix, target: Target): Promise<void> {
  for (const until = performance.now() + LIMIT_MS; ; await delay(POLL_MS)) {
    const { count } = await client.workflow.count(OPEN);
    const received = target.received();
    if (count === 0 && received === mix.events) return;
    if ((count > 0 || received <= mix.events) && performance.now() < until) continue;
    mix.errors.push(`${count} workflows are open, ${received} events arrived instead of ${mix.events}`);
    mix.events = received;
    return;
  }
}

async function sampleOf(process: BenchWorker): Promise<Sample> {
  const { rss, heap } = await process.memory();
  return { rss, heap, descriptors: descriptorsOf(process.pid) };
}

async function objectsOf(processes: Record<Name, BenchWorker>): Promise<Record<Name, Objects>> {
  await delay(QUIET_MS);
  const read = async (name: Name) => readObjects(await processes[name].heapSnapshots());
  return { worker: await read('worker'), service: await read('service') };
}

const WIDTHS = [6, 5, 7, 6, 7, 6, 6, 13, 11, 10, 14, 12, 11, 10];
const row = (cells: (string | number)[]): string => cells.map((cell, i) => `${cell}`.padStart(WIDTHS[i]!)).join(' ');
const HEADINGS = row([
  ...['minute', 'units', 'skipped', 'errors', 'repeats', 'p50 ms', 'max ms', 'worker: heap', 'RSS MiB', 'files'],
  ...['service: heap', 'RSS MiB', 'files', 'server MiB'],
]);

function lineOf({ inputs, worker, service, serverRss, ...sample }: Minute): string {
  const { at, units, skipped, errors, repeats } = sample;
  const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(2);
  const cells = ({ heap, rss, descriptors }: Sample) => [mib(heap), mib(rss), descriptors];
  const load = [at.toFixed(1), units, skipped, errors, repeats, inputs.p50.toFixed(0), inputs.max.toFixed(0)];
  return row([...load, ...cells(worker), ...cells(service), mib(serverRss)]);
}
