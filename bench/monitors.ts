/** Measures many monitored connections on one worker: their memory, their history events, and the inputs of flows. */
import { each } from '../scripts/each';
import { MONITOR_TYPE } from '../workflows/connection';
import type { Duration } from '../workflows/connector';
import { stopMonitor, taskQueue } from '../workflows/messages';
import { monitorStart } from '../workflows/monitor-connection/start';
import type { Execution } from './contenders';
import { install } from './flows';
import { Follower } from './follower';
import { measureInputs, warmUp, type Inputs } from './inputs';
import { rssOf } from './processes';
import type { Stack } from './stack';
import { spread } from './waiting';

const IN_FLIGHT = 20;
const IN_ACCOUNT = 500;
/** The number of monitors that read each day, divided by the number of further monitors that read each minute. */
const OFTEN = 20;
/** The number of monitors whose history lengths are compared before and after the measurements. */
const SAMPLES = 500;
/** A connector that is authenticated when the sandbox installs it. */
const CONNECTOR = 'Evergreen';

export interface ManyMonitors {
  monitors: number;
  /** The number of monitors that the bench starts in a second, each with its first read of its connector. */
  startedPerSecond: number;
  serverBytes: { before: number; after: number };
  workerBytes: { before: number; after: number };
  /** The number of further monitors, which read each minute during the inputs `during`. */
  often: number;
  /**
   * How long inputs to flows took: before the start of the further monitors, while the further monitors read each
   * minute, and after their end.
   */
  inputs: { before: Inputs; during: Inputs; after: Inputs };
  /** The p99 of `during`, divided by the mean of the p99 of `before` and the p99 of `after`. */
  ratio: number;
  /**
   * For the monitors that read each minute: the number of all their reads, without the first read of each monitor, and
   * the largest number of history events that one of these reads has added.
   */
  eachMinute: { reads: number; mostEvents: number };
  /**
   * For the monitors that read each day: the number of histories that are compared before and after the measurements,
   * the number of these histories that have no new event, and the largest number of new events in one history.
   */
  eachDay: { compared: number; without: number; mostEvents: number };
}

/**
 * Starts `monitors` monitors that read each day. Then measures the inputs of flows three times: before further monitors
 * start, while the further monitors read each minute, and after their end.
 */
export async function measureMonitors(
  stack: Stack,
  monitors: number,
  say: (line: string) => void,
): Promise<ManyMonitors> {
  const worker = await stack.startWorker('ours');
  const look = async () => ({ server: rssOf(stack.serverPid), worker: (await worker.memory()).rss });
  const before = await look();
  const since = performance.now();
  const started = await startMonitors(stack, monitors, '24 hours', say);
  const seconds = (performance.now() - since) / 1000;
  const after = await look();
  const sample = spread(started, SAMPLES);
  const lengths = () => each(sample, IN_FLIGHT, async (monitor) => (await handleOf(stack, monitor).describe()).historyLength); // prettier-ignore
  const lengthsBefore = await lengths();

  await warmUp(stack);
  const inputsBefore = await measureInputs(stack);
  say(`monitors that read each day: p99 of an input ${inputsBefore.p99.toFixed(0)} ms`);
  const often = await startMonitors(stack, Math.ceil(monitors / OFTEN), '1 minute', say);
  const during = await measureInputs(stack);
  say(`${often.length} monitors that read each minute: p99 of an input ${during.p99.toFixed(0)} ms`);
  await each(often, IN_FLIGHT, (monitor) => handleOf(stack, monitor).signal(stopMonitor));
  const inputsAfter = await measureInputs(stack);
  const reads = (await each(often, IN_FLIGHT, (monitor) => eventsOfReads(stack, monitor))).flat();
  if (reads.length === 0) throw new Error('no monitor has read its connector a second time');
  const grown = (await lengths()).map((length, i) => length - lengthsBefore[i]!);
  await worker.stop();
  return {
    monitors,
    startedPerSecond: monitors / seconds,
    serverBytes: { before: before.server, after: after.server },
    workerBytes: { before: before.worker, after: after.worker },
    often: often.length,
    inputs: { before: inputsBefore, during, after: inputsAfter },
    ratio: (2 * during.p99) / (inputsBefore.p99 + inputsAfter.p99),
    eachMinute: { reads: reads.length, mostEvents: Math.max(...reads) },
    eachDay: {
      compared: sample.length,
      without: grown.filter((events) => events === 0).length,
      mostEvents: Math.max(...grown),
    },
  };
}

/** Starts monitors of new connectors, and waits for the first read of each of them. */
async function startMonitors(
  stack: Stack,
  count: number,
  every: Duration,
  say: (line: string) => void,
): Promise<Execution[]> {
  const started: Execution[] = [];
  while (started.length < count) {
    const keys = await install(stack, Array<string>(Math.min(IN_ACCOUNT, count - started.length)).fill(CONNECTOR));
    const executions = await each(keys, IN_FLIGHT, async (key) => {
      const options = monitorStart({ ...key, every }, taskQueue);
      const { workflowId, firstExecutionRunId: runId } = await stack.client.workflow.start(MONITOR_TYPE, options);
      await new Follower(stack.client, { workflowId, runId }).reaches(1);
      return { workflowId, runId };
    });
    started.push(...executions);
    say(`${started.length} of ${count} monitors have read their connector`);
  }
  return started;
}

const handleOf = ({ client }: Stack, { workflowId, runId }: Execution) => client.workflow.getHandle(workflowId, runId);

/** Returns, for each read of the monitor, the number of its history events: those from one timer to the next timer. */
async function eventsOfReads(stack: Stack, monitor: Execution): Promise<number[]> {
  const { events } = await handleOf(stack, monitor).fetchHistory();
  const timers = (events ?? []).flatMap((event, i) => (event.timerStartedEventAttributes ? [i] : []));
  return timers.slice(1).map((at, i) => at - timers[i]!);
}
