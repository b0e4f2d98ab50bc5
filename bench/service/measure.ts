/** Compares the onboarding service with direct calls to Temporal. */
import { rowOf, type Row } from '../comparison';
import type { Stack } from '../stack';
import { latencyOf } from '../stats';
import { measurePush, type PushRound } from './push';
import { measureReading, type ReadName } from './reading';
import { measureStreams, type ManyStreams } from './streams';
import type { WatchName } from './watches';

const STREAMS = 500;
/**
 * The number of reads in a round of reads for each flow in a round of flows. The number is above 1, because a read is
 * much faster than a flow.
 */
const READS_OF_FLOW = 10;

export interface ServiceFigures {
  rows: Row[];
  streams: ManyStreams;
  push: Record<WatchName, PushRound[]>;
  reading: Record<ReadName, number[]>;
}

/** Runs all measurements one after the other. `flows`: the number of flows in each round. */
export async function measureService(
  stack: Stack,
  { rounds, flows }: { rounds: number; flows: number },
  say: (line: string) => void,
): Promise<ServiceFigures> {
  const worker = await stack.startWorker('ours');
  const streams = await measureStreams(stack, STREAMS);
  const service = await stack.startService();
  const push = await measurePush(stack, service, { rounds, flows }, say);
  const reading = await measureReading(stack, service, { rounds, reads: flows * READS_OF_FLOW }, say);
  await service.stop();
  await worker.stop();
  return {
    rows: rowsOf(push, reading),
    streams,
    push,
    reading,
  };
}

function rowsOf(push: ServiceFigures['push'], reading: ServiceFigures['reading']): Row[] {
  const what = 'Transition to its view at the reader';
  const pushRow = (which: 'p50' | 'max') => {
    const of = (name: WatchName) => push[name].map((round) => round[which]);
    return rowOf(`${what}, ${which}`, 'ms', { ours: of('stream'), minimal: of('direct') });
  };
  const p99Of = (name: WatchName) => latencyOf(push[name].flatMap(({ delays }) => delays)).p99;
  const [ours, minimal] = [p99Of('stream'), p99Of('direct')];
  const p99Row =
    ours && minimal && rowOf(`${what}, p99 of all rounds`, 'ms', { ours: [ours], minimal: [minimal] }, { atMost: 1.5 });
  const reads = { ours: reading.session, minimal: reading.query };
  const readingRow = rowOf('Views read per second', '1/s', reads, { atLeast: 0.5 });
  return [pushRow('p50'), pushRow('max'), ...(p99Row ? [p99Row] : []), readingRow];
}
