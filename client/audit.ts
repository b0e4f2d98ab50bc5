/** The audit of an account: the timelines of all runs of all flows that Temporal still has. */
import type { Client } from '@temporalio/client';
import { connectorKeyOf, type ConnectorKey } from '../workflows/connector';
import type { FlowResult, TimelineEntry } from '../workflows/view';
import type { AuditEntry } from './answers';
import { closedRunResult } from './closed-run';
import { ConnectorAuthError } from './connector-auth-error';
import type { FlowCalls } from './flow-calls';
import { flowsOf, invalidInput, listed, type Run } from './runs';

export interface AuditRequest {
  accountId: string;
  /** Only runs that started at this time or later. ISO 8601. By default all runs. */
  from?: string;
  /** Only runs that started before this time. ISO 8601. By default all runs until now. */
  to?: string;
}

/**
 * Reads the timeline of a run by a query, which needs a worker. The audit calls this function only for runs that have
 * no result.
 */
export type ReadTimeline = (key: ConnectorKey, runId: string) => Promise<{ entries: TimelineEntry[] }>;

export interface AuditParts {
  client: Client;
  calls: FlowCalls;
  readTimeline: ReadTimeline;
  /**
   * The highest number of runs that the audit lists and sorts at one time, 200 by default. With a higher number, the
   * audit needs more memory.
   */
  runsAtOnce?: number;
}

const RUNS_AT_ONCE = 200;
/** The highest number of timelines that the audit reads at the same time. */
const READS_AT_ONCE = 20;

/**
 * Yields the entries of the audit run by run, in the order in which the runs started. Leaves out runs that continued as
 * new before `to`, because the timeline of the next run contains their entries. Fails: `invalidInput`.
 */
export async function* auditEntries(
  parts: AuditParts,
  { accountId, from, to }: AuditRequest,
): AsyncGenerator<AuditEntry> {
  const flows = flowsOf(accountId);
  const now = Date.now() + 1;
  const span = { from: Math.max(0, timeOf('from', from, 0)), to: Math.min(now, timeOf('to', to, now)) };
  if (span.from >= span.to) return;
  const isLast = `(ExecutionStatus != 'ContinuedAsNew' OR CloseTime >= '${new Date(span.to).toISOString()}')`;
  const query = `${flows} AND ${isLast}`;
  const count = await countOf(parts, query, span);
  const read = reader(parts, accountId);
  const reads: Promise<AuditEntry[]>[] = [];
  for await (const runs of runsOldestFirst(parts, query, span, count))
    for (const run of runs) {
      if (reads.length === READS_AT_ONCE) yield* await reads.shift()!;
      const reading = read(run);
      // After the error of an earlier read, this function ends without awaiting this read.
      reading.catch(() => undefined);
      reads.push(reading);
    }
  for (const reading of reads) yield* await reading;
}

function timeOf(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!isTime(text)) throw invalidInput(`${name} is not a time in ISO 8601 such as 2026-01-31T12:00:00Z`);
  return Date.parse(text);
}

/** True if the text is a date, or a date with time and time zone, in ISO 8601. */
export const isTime = (text: string): boolean =>
  /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(text) && !Number.isNaN(Date.parse(text));

interface Span {
  from: number;
  to: number;
}

/**
 * Yields the runs in groups, in the order of their start times. Visibility on SQL can't sort runs (it has no ORDER BY).
 * So this function halves the span of start times until a span has at most `runsAtOnce` runs, and then sorts the runs
 * of this span itself. `count`: the number of runs in the span. The function asks Temporal for the number of runs in
 * the earlier half, and subtracts this number from `count` to get the number for the later half. A second question
 * would cost time: on SQL, counting few runs takes as long as counting all runs.
 */
async function* runsOldestFirst(
  parts: AuditParts,
  query: string,
  span: Span,
  count: number,
): AsyncGenerator<AuditedRun[]> {
  const { client, calls, runsAtOnce = RUNS_AT_ONCE } = parts;
  const { from, to } = span;
  if (count > runsAtOnce && to - from > 1) {
    const middle = Math.floor((from + to) / 2);
    const earlier = await countOf(parts, query, { from, to: middle });
    if (earlier > 0) yield* runsOldestFirst(parts, query, { from, to: middle }, earlier);
    yield* runsOldestFirst(parts, query, { from: middle, to }, count - earlier);
    return;
  }
  const runs = await calls.bounded(async () => {
    const found: AuditedRun[] = [];
    for await (const run of client.workflow.list({ query: inSpan(query, span) })) found.push(auditedRun(run));
    return found;
  });
  yield runs.sort((one, other) => one.startTime.getTime() - other.startTime.getTime());
}

/**
 * A run with only the members that the audit reads. The other members are large, so the audit does not keep them in
 * memory.
 */
type AuditedRun = Pick<Run, 'workflowId' | 'runId' | 'status' | 'startTime' | 'closeTime' | 'typedSearchAttributes'>;

const auditedRun = ({ workflowId, runId, status, startTime, closeTime, typedSearchAttributes }: Run): AuditedRun => ({
  workflowId,
  runId,
  status,
  startTime,
  closeTime,
  typedSearchAttributes,
});

const inSpan = (query: string, { from, to }: Span): string =>
  `${query} AND StartTime >= '${new Date(from).toISOString()}' AND StartTime < '${new Date(to).toISOString()}'`;

async function countOf({ client, calls }: AuditParts, query: string, span: Span): Promise<number> {
  return (await calls.bounded(() => client.workflow.count(inSpan(query, span)))).count;
}

/**
 * Returns a function that reads the entries of one run. For a run whose timeline can't be read, the function returns
 * only the start and the end. After {@link READS_AT_ONCE} queries to which no worker has answered, the function makes
 * no more queries.
 */
function reader(
  { client, calls, readTimeline }: AuditParts,
  accountId: string,
): (run: AuditedRun) => Promise<AuditEntry[]> {
  let unanswered = 0; // one query without an answer does not prove that no worker runs: this run may be broken
  return async (run) => {
    const key = connectorKeyOf(run.workflowId);
    if (key?.accountId !== accountId) return []; // some databases do not tell `acme` from `ACME` in a query
    const { workflowId, runId } = run;
    const handle = client.workflow.getHandle<(input: unknown) => Promise<FlowResult>>(workflowId, runId);
    try {
      const result = await calls.bounded(() => closedRunResult(run, handle));
      if (!result && unanswered >= READS_AT_ONCE) return startAndEnd(key, run);
      const { entries } = result?.timeline ?? (await readTimeline(key, runId));
      return entries.length > 0 ? entries.map((entry) => ({ ...key, runId, ...entry })) : startAndEnd(key, run);
    } catch (err) {
      const code = err instanceof ConnectorAuthError ? err.code : undefined;
      if (code === 'noWorker') unanswered++;
      if (code === 'noWorker' || code === 'paused') return startAndEnd(key, run);
      if (code === 'notStarted') return []; // retention has removed the run after the audit listed the run
      throw err;
    }
  };
}

function startAndEnd(key: ConnectorKey, run: AuditedRun): AuditEntry[] {
  const { runId, startTime, closeTime, status } = run;
  const started = { ...key, runId, at: startTime.toISOString(), event: 'started' };
  if (!closeTime || status.name === 'CONTINUED_AS_NEW') return [started];
  return [started, { ...key, runId, at: closeTime.toISOString(), event: 'ended', to: listed(key, run).state }];
}
