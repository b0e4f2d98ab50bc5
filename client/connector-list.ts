/** Lists the connectors of an account from Temporal's visibility. */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { isAccountId, isConnectorId, workflowIdOf, type ConnectorKey } from '../workflows/connector';
import { searchAttributes } from '../workflows/messages';
import type { StateName } from '../workflows/view';
import type { ConnectorList, ListedConnector, Trouble } from './answers';
import { ConnectorAuthError } from './connector-auth-error';

export interface ListRequest {
  accountId: string;
  /** Lists only connectors in this state. */
  state?: StateName;
  /** 1 is the first page, and the default. */
  page?: number;
  /** 50 by default. */
  pageSize?: number;
}

/** The limit of runs that one call reads, the latest first. */
const MAX_RUNS = 5_000;

export async function connectorList(
  client: Client,
  { accountId, state, page = 1, pageSize = 50 }: ListRequest,
): Promise<ConnectorList> {
  const all = await latestRuns(client, accountId);
  const matching = all.filter((connector) => state === undefined || connector.state === state);
  const items = matching.slice((page - 1) * pageSize, page * pageSize);
  return { items, ...(page * pageSize < matching.length && { next: page + 1 }) };
}

/** The beginning of the workflow ids of an account. It has no double quote and no backslash. Fails: `invalidInput`. */
export function prefixOf(accountId: string): string {
  if (!isAccountId(accountId))
    throw new ConnectorAuthError('invalidInput', 'accountId is not a valid account id of Cyclr');
  return workflowIdOf({ accountId, connectorId: 0 }).slice(0, -1);
}

/**
 * The latest run of each connector. Reads all runs, because the server can not filter by the latest one. By workflow id:
 * Keyword equality finds no value with a double quote or a backslash on SQLite (server 1.32).
 */
async function latestRuns(client: Client, accountId: string): Promise<ListedConnector[]> {
  const prefix = prefixOf(accountId);
  const query = `WorkflowType = "authenticateConnector" AND WorkflowId STARTS_WITH "${prefix}"`;
  const runsOf = new Map<number, WorkflowExecutionInfo[]>();
  let count = 0;
  for await (const run of client.workflow.list({ query, pageSize: 1000 })) {
    const connectorId = Number(run.workflowId.slice(prefix.length));
    const runs = runsOf.get(connectorId) ?? [];
    if (isConnectorId(connectorId)) runsOf.set(connectorId, runs);
    runs.push(run);
    if (++count === MAX_RUNS) break;
  }
  return [...runsOf]
    .sort(([one], [other]) => one - other)
    .map(([connectorId, runs]) => listedLatest({ accountId, connectorId }, runs));
}

/** The latest run. A run that has not read the connector yet does not hide the values that an earlier run has read. */
function listedLatest(key: ConnectorKey, runs: WorkflowExecutionInfo[]): ListedConnector {
  runs.sort((one, other) => other.startTime.getTime() - one.startTime.getTime());
  const items = runs.map((run) => listed(key, run));
  const read = items.find(({ connected }) => connected !== undefined);
  return { ...items[0]!, ...(read && { connected: read.connected }) };
}

/** The state of a run that did not end by its workflow, by Temporal's status. */
const stateOfStatus: { [status: string]: StateName } = {
  CANCELLED: 'cancelled',
  TERMINATED: 'failed',
  TIMED_OUT: 'failed',
  FAILED: 'failed',
};

type RunInfo = Pick<WorkflowExecutionInfo, 'runId' | 'status' | 'startTime' | 'closeTime' | 'typedSearchAttributes'>;

/** A run by its search attributes. */
export function listed(
  key: ConnectorKey,
  { runId, status, startTime, closeTime, typedSearchAttributes }: RunInfo,
): ListedConnector {
  const name = typedSearchAttributes.get(searchAttributes.name);
  const problem = typedSearchAttributes.get(searchAttributes.problem) as Trouble | undefined;
  const connected = typedSearchAttributes.get(searchAttributes.connected);
  const state = typedSearchAttributes.get(searchAttributes.state) as StateName | undefined;
  const endedByTemporal = stateOfStatus[status.name];
  const since = endedByTemporal ? closeTime : typedSearchAttributes.get(searchAttributes.since);
  return {
    ...key,
    ...(name !== undefined && { name }),
    state: endedByTemporal ?? state ?? 'fetchingConnector',
    ...(problem !== undefined && { problem }),
    since: (since ?? closeTime ?? startTime).toISOString(),
    ...(connected !== undefined && { connected }),
    runId,
  };
}
