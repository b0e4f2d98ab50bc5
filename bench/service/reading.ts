/** Measures how many views the bench can read in a second: through the service, and by direct queries. */
import { each } from '../../scripts/each';
import type { View } from '../../workflows/messages';
import { prepare, start } from '../flows';
import { playPairs } from '../pairs';
import type { BenchService, Stack } from '../stack';
import { sessionTokenOf } from '../../scripts/local/parts';

const FLOWS = 20;
const IN_FLIGHT = 10;
/**
 * The bench makes this number of calls with each session, because the service accepts only 120 calls of one session in
 * a minute.
 */
const CALLS_OF_SESSION = 100;

export type ReadName = 'session' | 'query';
const readNames: readonly ReadName[] = ['session', 'query'];

/** Runs pairs of rounds, with 10 reads at a time. Returns the reads per second of each round. */
export async function measureReading(
  stack: Stack,
  service: BenchService,
  { rounds, reads }: { rounds: number; reads: number },
  say: (line: string) => void,
): Promise<Record<ReadName, number[]>> {
  const parts = await prepare(stack, FLOWS);
  const waiting = await each(parts, IN_FLIGHT, (part) => start(stack, 'ours', part));
  const sessions = Math.max(FLOWS, Math.ceil(((rounds + 1) * reads) / CALLS_OF_SESSION));
  const tokens = await each(Array.from({ length: sessions }), IN_FLIGHT, (_, i) =>
    sessionTokenOf(service, parts[i % FLOWS]!.key),
  );
  let next = 0;
  const calls: Record<ReadName, () => Promise<View>> = {
    async session() {
      const headers = { Authorization: `Bearer ${tokens[next++ % sessions]}` };
      const response = await fetch(`${service.url}/v1/session`, { headers });
      if (!response.ok) throw new Error(`GET /v1/session: status ${response.status}`);
      return ((await response.json()) as { connectors: [View] }).connectors[0];
    },
    query() {
      const { workflowId, runId } = waiting[next++ % FLOWS]!.execution;
      return stack.client.workflow.getHandle(workflowId, runId).query('view');
    },
  };
  return playPairs(readNames, rounds, stack.untilIdle, async (name, pair) => {
    const rate = await rateOf(reads, calls[name]);
    say(`reading, round ${pair} of ${rounds}, ${name}: ${Math.round(rate)} a second`);
    return rate;
  });
}

async function rateOf(reads: number, call: () => Promise<View>): Promise<number> {
  const since = performance.now();
  await each(Array.from({ length: reads }), IN_FLIGHT, async () => {
    const { state } = await call();
    if (state !== 'awaitingProperties') throw new Error(`the flow is in ${state} instead of awaitingProperties`);
  });
  return reads / ((performance.now() - since) / 1000);
}
