/** Measures the cost of many idle event streams: the memory, and the calls to Temporal. */
import { setTimeout as delay } from 'node:timers/promises';
import { each } from '../../scripts/each';
import { countGrpcCalls } from '../../scripts/grpc-calls';
import { prepare, start } from '../flows';
import type { Stack } from '../stack';
import { readEvents, type EventReader } from './event-reader';
import { sessionTokenOf } from '../../scripts/local/parts';

const FLOWS = 50;
const IN_FLIGHT = 20;
const LOOK_MS = 100;
const WITHIN_MS = 120_000;

export interface ManyStreams {
  streams: number;
  flows: number;
  /** Growth of the service's memory for each stream, in bytes. */
  heapEach: number;
  rssEach: number;
  /**
   * For how many seconds no flow had a transition. In this time, each long poll has returned without events and was
   * repeated.
   */
  quietSeconds: number;
  /** The number of calls to Temporal during `quietSeconds`: queries, calls of `describe`, and long polls. */
  queries: number;
  descriptions: number;
  polls: number;
}

/**
 * Measures idle streams. Opens the first stream of each flow before the first measurement, because the streams of a
 * flow share one long poll. Fails if the idle streams cause a query or a call of `describe`.
 */
export async function measureStreams(stack: Stack, streams: number): Promise<ManyStreams> {
  const calls = await countGrpcCalls(stack.temporalAddress);
  const service = await stack.startService(calls.address);
  const parts = await prepare(stack, FLOWS);
  await each(parts, IN_FLIGHT, (part) => start(stack, 'ours', part));
  const tokens = await each(parts, IN_FLIGHT, ({ key }) => sessionTokenOf(service, key));
  await stack.untilIdle(); // a session of a waiting flow lets the flow re-read its connector
  const readers: EventReader[] = [];
  let views = 0;
  const isView = (event: string) => void (event.startsWith('event: view') && views++);
  const open = async (count: number) => {
    const next = Array.from({ length: count }, (_, i) => tokens[i % FLOWS]!);
    readers.push(...(await each(next, IN_FLIGHT, (token) => readEvents(service, token, isView))));
    await until(() => views === readers.length);
  };
  await open(FLOWS);
  const before = await service.memory();
  await open(streams - FLOWS);
  const after = await service.memory();

  const look = () => ({
    queries: calls.started('QueryWorkflow'),
    descriptions: calls.started('DescribeWorkflowExecution'),
    polls: calls.started('GetWorkflowExecutionHistory'),
  });
  const [since, first] = [performance.now(), look()];
  await until(() => look().polls >= first.polls + FLOWS);
  const last = look();
  for (const reader of readers) reader.leave();
  await service.stop();
  await calls.close();
  const quiet: ManyStreams = {
    streams,
    flows: FLOWS,
    heapEach: (after.heap - before.heap) / (streams - FLOWS),
    rssEach: (after.rss - before.rss) / (streams - FLOWS),
    quietSeconds: (performance.now() - since) / 1000,
    queries: last.queries - first.queries,
    descriptions: last.descriptions - first.descriptions,
    polls: last.polls - first.polls,
  };
  if (quiet.queries + quiet.descriptions > 0 || views > streams)
    throw new Error(`idle streams caused calls to Temporal or views: ${JSON.stringify(quiet)}`);
  return quiet;
}

async function until(isSo: () => boolean): Promise<void> {
  for (const end = performance.now() + WITHIN_MS; !isSo(); await delay(LOOK_MS))
    if (performance.now() > end) throw new Error('the streams did not reach the expected state within two minutes');
}
