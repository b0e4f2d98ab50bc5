/**
 * Reads runs of flows from Temporal's visibility. Builds the queries, reads the pages, and turns each run into an item
 * of a list.
 */
import { createHash } from 'node:crypto';
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { executionInfoFromRaw } from '@temporalio/client/lib/helpers';
import { connectorKeyOf, type ConnectorKey } from '../workflows/connector';
import { searchAttributes } from '../workflows/messages';
import { finalStates, stateNames, type StateName } from '../workflows/view';
import * as visibility from '../workflows/visibility';
import type { ListedConnector, Trouble } from './answers';
import { ConnectorAuthError, undefinedIfNotFound } from './connector-auth-error';

export const { OF_FLOWS, OPEN } = visibility;
const { endedByTemporal } = visibility;

export const invalidInput = (message: string): ConnectorAuthError => new ConnectorAuthError('invalidInput', message);

/** The condition of a visibility query that finds only the runs of this account. Fails: `invalidInput`. */
export function ofAccount(accountId: string): string {
  const query = visibility.ofAccount(accountId);
  if (query === undefined) throw invalidInput('accountId is not a valid account id of Cyclr');
  return query;
}

/** The condition of a visibility query that finds only the flows of this account. Fails: `invalidInput`. */
export const flowsOf = (accountId: string): string => `${OF_FLOWS} AND ${ofAccount(accountId)}`;

/**
 * Returns a text in quotes, as a value for a query. Escapes the text, so that it can't change the query's structure.
 */
export const quotedValue = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

/**
 * The condition of a visibility query that finds only the open runs in this state, or, if the state is final, only the
 * ended runs in this state. Fails: `invalidInput`.
 */
export function inState(state: StateName): string {
  if (!stateNames.includes(state)) throw invalidInput(`state is not one of ${stateNames.join(', ')}`);
  if (state === 'fetchingConnector')
    return `${OPEN} AND (ConnectorAuthState IS NULL OR ConnectorAuthState = '${state}')`;
  const own = `ConnectorAuthState = '${state}'`;
  if (!finalStates.includes(state)) return `${OPEN} AND ${own}`;
  const statuses = endedByTemporal.filter((ended) => ended.state === state).map(({ inQueries }) => `'${inQueries}'`);
  const completed = `(ExecutionStatus = 'Completed' AND ${own})`;
  return statuses.length === 0 ? completed : `(ExecutionStatus IN (${statuses.join(', ')}) OR ${completed})`;
}

export type Run = Omit<WorkflowExecutionInfo, 'raw'>;

export interface PageRequest {
  query: string;
  /** The `next` of the previous page. Absent or `1` for the first page. */
  page?: string;
  pageSize: number;
}

/** Reads one page of the runs that a query finds, by one call to Temporal. Fails: `invalidInput`. */
export async function pageOfRuns(
  client: Client,
  { query, page = '', pageSize }: PageRequest,
): Promise<{ runs: Run[]; next?: string }> {
  const { namespace, loadedDataConverter } = client.options;
  const nextPageToken = tokenOf(page);
  const answer = await client.workflowService.listWorkflowExecutions({ namespace, query, pageSize, nextPageToken });
  const runs = await Promise.all(
    answer.executions.map((raw) => executionInfoFromRaw(raw, loadedDataConverter, undefined, namespace)),
  );
  return { runs, ...(answer.nextPageToken.length > 0 && { next: pageOf(answer.nextPageToken) }) };
}

/** The value of `page` for the first page. An absent `page` means the first page, too. */
export const FIRST_PAGE = '1';
export const isFirstPage = (page: string | undefined): boolean => page === undefined || page === FIRST_PAGE;

const CHECKSUM_BYTES = 4;
const checksumOf = (token: Uint8Array): Buffer =>
  createHash('sha256').update(token).digest().subarray(0, CHECKSUM_BYTES);

/**
 * Makes the value of `page`: a checksum, then the server's page token. The checksum is needed because the server does
 * not detect a wrong token.
 */
const pageOf = (token: Uint8Array): string => Buffer.concat([checksumOf(token), token]).toString('base64url');

/** Returns the server's page token that `page` contains. Fails: `invalidInput`. */
function tokenOf(page: string): Uint8Array {
  if (page === FIRST_PAGE) return new Uint8Array();
  const bytes = Buffer.from(page, 'base64url');
  const token = bytes.subarray(CHECKSUM_BYTES);
  if (page !== '' && !checksumOf(token).equals(bytes.subarray(0, CHECKSUM_BYTES)))
    throw invalidInput('page is not the `next` of an earlier answer');
  return token;
}

/** Of the runs of each workflow id, returns only the newest run. */
export function newestOfEach(runs: readonly Run[]): Run[] {
  const newest = new Map<string, Run>();
  for (const run of runs) {
    const other = newest.get(run.workflowId);
    if (!other || run.startTime > other.startTime) newest.set(run.workflowId, run);
  }
  return [...newest.values()];
}

/**
 * Returns the latest run of each workflow id on one page of a list, which has the newest runs first. If a workflow id
 * has a later run that is not on the page, there are two cases. On the first page, the result has the later run,
 * because visibility may not have this run yet. On any other page, the result has no run of this workflow id, because
 * an earlier page has the later run. Calls `describe` and not visibility, because the server allows only few visibility
 * calls a second.
 */
export async function latestRuns(client: Client, runs: readonly Run[], page: string | undefined): Promise<Run[]> {
  const newest = newestOfEach(runs);
  const latest: (Run | undefined)[] = [];
  for (let start = 0; start < newest.length; start += DESCRIBED_AT_ONCE) {
    const group = newest.slice(start, start + DESCRIBED_AT_ONCE);
    latest.push(...(await Promise.all(group.map((run) => latestRun(client, run, isFirstPage(page))))));
  }
  return latest.filter((run) => run !== undefined);
}

const DESCRIBED_AT_ONCE = 20;

async function latestRun(client: Client, run: Run, isFirst: boolean): Promise<Run | undefined> {
  if (visibility.isOpen(run)) return run;
  // `undefined` if retention has removed the run.
  const latest = await client.workflow.getHandle(run.workflowId).describe().catch(undefinedIfNotFound);
  if (latest?.runId === run.runId) return run;
  return isFirst ? latest : undefined;
}

/** True if the run has read the connector from Cyclr. */
export const hasRead = ({ typedSearchAttributes }: Pick<Run, 'typedSearchAttributes'>): boolean =>
  typedSearchAttributes.get(searchAttributes.connected) !== undefined;

type RunInfo = Pick<Run, 'runId' | 'status' | 'startTime' | 'closeTime' | 'typedSearchAttributes'>;

/** Makes an item of a list from the search attributes of a run. */
export function listed(
  key: ConnectorKey,
  { runId, status, startTime, closeTime, typedSearchAttributes }: RunInfo,
): ListedConnector {
  const name = typedSearchAttributes.get(searchAttributes.name);
  const problem = typedSearchAttributes.get(searchAttributes.problem) as Trouble | undefined;
  const connected = typedSearchAttributes.get(searchAttributes.connected);
  const state = typedSearchAttributes.get(searchAttributes.state) as StateName | undefined;
  const ended = endedByTemporal.find((one) => one.status === status.name);
  const since = ended ? closeTime : typedSearchAttributes.get(searchAttributes.since);
  return {
    ...key,
    ...(name !== undefined && { name }),
    state: ended?.state ?? state ?? 'fetchingConnector',
    ...(problem !== undefined && { problem }),
    since: (since ?? closeTime ?? startTime).toISOString(),
    ...(connected !== undefined && { connected }),
    runId,
  };
}

/**
 * Turns runs into items of a list. Leaves out a run whose workflow id names no connector, or a connector of an account
 * other than `accountId`: some databases do not tell `acme` from `ACME` in a query.
 */
export const itemsOf = (runs: readonly Run[], accountId?: string): ListedConnector[] =>
  runs.flatMap((run) => {
    const key = connectorKeyOf(run.workflowId);
    return key && (accountId === undefined || key.accountId === accountId) ? [listed(key, run)] : [];
  });
