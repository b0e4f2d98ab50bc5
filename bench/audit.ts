/** Measures how the service exports the audit of an account: the speed of the export, and the memory of the service. */
import { randomUUID } from 'node:crypto';
import { each } from '../scripts/each';
import { FLOW_TYPE, flowStartOptions } from '../workflows/flow-start';
import { minimalTaskQueue } from './contenders';
import { play, prepare } from './flows';
import { playPairs } from './pairs';
import { cpuMsOf, peakRssOf } from './processes';
import type { Stack } from './stack';
import { median, ratios } from './stats';

const IN_FLIGHT = 50;
const PAIRS = 3;
/** The number of runs of the account `many`, divided by the number of runs of the account `few`. */
const TIMES = 10;

/**
 * The measurements of one account: each value is the median over all exports of its audit. Each export uses a new
 * service process.
 */
interface Export {
  runs: number;
  entries: number;
  entriesPerSecond: number;
  /** The CPU time for the export of 1,000 entries, in milliseconds. */
  cpuMs: { server: number; service: number };
  /** The largest resident memory of the service. */
  serviceBytes: number;
}

export interface AuditFigures {
  few: Export;
  many: Export;
  /**
   * The memory of the service for the account `many`, divided by its memory for the account `few`: the median of the
   * {@link ratios}.
   */
  memoryRatio: number;
}

/**
 * Exports the audits of two accounts in turn: an account with `runs` runs, and an account with a tenth of this number.
 */
export async function measureAudit(stack: Stack, runs: number, say: (line: string) => void): Promise<AuditFigures> {
  const result = await resultOfFlow(stack);
  const worker = await stack.startWorker('minimal');
  const accounts = {
    few: await closeRuns(stack, Math.ceil(runs / TIMES), result),
    many: await closeRuns(stack, runs, result),
  };
  await worker.stop();
  say(`${runs} runs have ended`);
  const played = await playPairs(['few', 'many'] as const, PAIRS, stack.untilIdle, async (name, pair) => {
    const one = await exportAudit(stack, accounts[name]);
    say(`export ${pair} of ${PAIRS}: ${one.entries} entries, ${one.entriesPerSecond.toFixed(0)} a second`);
    return one;
  });
  const exportOf = (name: 'few' | 'many', count: number): Export => {
    const medianOf = (value: (one: Exported) => number) => median(played[name].map(value));
    return {
      runs: count,
      entries: played[name][0]!.entries,
      entriesPerSecond: medianOf((one) => one.entriesPerSecond),
      cpuMs: { server: medianOf((one) => one.cpuMs.server), service: medianOf((one) => one.cpuMs.service) },
      serviceBytes: medianOf((one) => one.serviceBytes),
    };
  };
  const bytesOf = (name: 'few' | 'many') => played[name].map((one) => one.serviceBytes);
  return {
    few: exportOf('few', Math.ceil(runs / TIMES)),
    many: exportOf('many', runs),
    memoryRatio: median(ratios(bytesOf('many'), bytesOf('few'))),
  };
}

/** Runs a flow that asks for a property and an API key, and returns the result of the flow. */
async function resultOfFlow(stack: Stack): Promise<unknown> {
  const worker = await stack.startWorker('ours');
  const [part] = await prepare(stack, 1);
  const { execution } = await play(stack, 'ours', part!);
  const result: unknown = await stack.client.workflow.getHandle(execution.workflowId, execution.runId).result();
  await worker.stop();
  return result;
}

/**
 * Makes an account with `runs` ended runs. Each run has the workflow type of a flow. The code of the run is in
 * `minimal-workflow.ts`, and only returns its argument `result`.
 */
async function closeRuns({ client }: Stack, runs: number, result: unknown): Promise<string> {
  const accountId = `bench-${randomUUID()}`;
  await each(Array.from({ length: runs }), IN_FLIGHT, (_, i) =>
    client.workflow.execute(FLOW_TYPE, {
      ...flowStartOptions({ accountId, connectorId: i + 1 }, minimalTaskQueue, {}),
      args: [result],
    }),
  );
  return accountId;
}

type Exported = Omit<Export, 'runs'>;

async function exportAudit(stack: Stack, accountId: string): Promise<Exported> {
  const service = await stack.startService();
  const cpu = () => ({ server: cpuMsOf(stack.serverPid), service: cpuMsOf(service.pid) });
  const [since, before] = [performance.now(), cpu()];
  const response = await fetch(`${service.url}/v1/accounts/${accountId}/audit`, {
    headers: { Authorization: `Bearer ${service.apiKey}` },
  });
  if (!response.ok) throw new Error(`the service answered the export with ${response.status}`);
  let entries = 0;
  for await (const chunk of response.body!) for (const byte of chunk) if (byte === NEWLINE) entries++;
  if (entries === 0) throw new Error(`the audit of ${accountId} has no entries`);
  const seconds = (performance.now() - since) / 1000;
  const after = cpu();
  const perThousand = (name: 'server' | 'service') => (1000 * (after[name] - before[name])) / entries;
  const serviceBytes = peakRssOf(service.pid);
  await service.stop();
  return {
    entries,
    entriesPerSecond: entries / seconds,
    cpuMs: { server: perThousand('server'), service: perThousand('service') },
    serviceBytes,
  };
}

const NEWLINE = 10;
