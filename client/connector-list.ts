/** Lists the connectors of an account from Temporal's visibility. */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { isAccountId, isConnectorId, workflowIdOf, type ConnectorKey } from '../workflows/connector';
import { searchAttributes } from '../workflows/messages';
import type { StateName } from '../workflows/view';
import type { ConnectorList, ListedConnector } from './answers';
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

/**
 * The latest run of each connector. Reads all runs, because the server can not filter by the latest one. By workflow id:
 * Keyword equality finds no value with a double quote or a backslash on SQLite (server 1.32).
 */
async function latestRuns(client: Client, accountId: string): Promise<ListedConnector[]> {
  if (!isAccountId(accountId))
    throw new ConnectorAuthError('invalidInput', 'accountId is not a valid account id of Cyclr');
  const prefix = workflowIdOf({ accountId, connectorId: 0 }).slice(0, -1);
  const query = `WorkflowType = "authenticateConnector" AND WorkflowId STARTS_WITH "${prefix}"`;
  const latest = new Map<number, WorkflowExecutionInfo>();
  let runs = 0;
  for await (const run of client.workflow.list({ query, pageSize: 1000 })) {
    const connectorId = Number(run.workflowId.slice(prefix.length));
    const known = latest.get(connectorId);
    if (isConnectorId(connectorId) && (!known || known.startTime < run.startTime)) latest.set(connectorId, run);
    if (++runs === MAX_RUNS) break;
  }
  return [...latest]
    .sort(([one], [other]) => one - other)
    .map(([connectorId, run]) => listed({ accountId, connectorId }, run));
}

/** The state of a run that did not end by its workflow, by Temporal's status. */
const stateOfStatus: { [status: string]: StateName } = {
  CANCELLED: 'cancelled',
  TERMINATED: 'failed',
  TIMED_OUT: 'failed',
  FAILED: 'failed',
};

function listed(
  key: ConnectorKey,
  { status, startTime, closeTime, typedSearchAttributes }: WorkflowExecutionInfo,
): ListedConnector {
  const name = typedSearchAttributes.get(searchAttributes.name);
  const state = typedSearchAttributes.get(searchAttributes.state) as StateName | undefined;
  return {
    ...key,
    ...(name !== undefined && { name }),
    state: stateOfStatus[status.name] ?? state ?? 'fetchingConnector',
    since: (closeTime ?? startTime).toISOString(),
  };
}
