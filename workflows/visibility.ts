/** Flows in Temporal's visibility: workflow types, parts of queries, and the state of a closed run. */
import { connectionWorkflowIdOf, MONITOR_TYPE } from './connection';
import { isAccountId, workflowIdOf } from './connector';
import { DELIVERY_TYPE } from './events';
import { FLOW_TYPE } from './flow-start';
import { ONBOARDING_TYPE } from './onboarding';
import { TRANSACTION_ERROR_TYPE } from './transaction-errors';
import type { Failure, StateName } from './view';

/** All workflow types of this project: the exports of `workflows/index.ts`. */
export const workflowTypes: readonly string[] = [
  FLOW_TYPE,
  ONBOARDING_TYPE,
  DELIVERY_TYPE,
  MONITOR_TYPE,
  TRANSACTION_ERROR_TYPE,
];

/** All workflow types use the same search attributes, so each query for flows names the type. */
export const OF_FLOWS = `WorkflowType = '${FLOW_TYPE}'`;
/**
 * The part of a query that finds open runs. This part does not use ExecutionStatus, because a paused run is open, too.
 */
export const OPEN = 'CloseTime IS NULL';

/**
 * The part of a query that finds the flows of an account, by the beginning of the workflow id and by the search
 * attribute. `undefined` for a malformed account id.
 */
export const ofAccount = (accountId: string): string | undefined =>
  isAccountId(accountId) ? withIdsOf(accountId, workflowIdOf({ accountId, connectorId: 0 })) : undefined;

/** The query for the monitors of an account, as in {@link ofAccount}. */
export const monitorsOfAccount = (accountId: string): string =>
  `WorkflowType = '${MONITOR_TYPE}' AND ${withIdsOf(accountId, connectionWorkflowIdOf({ accountId, connectorId: 0 }))}`;

/**
 * On SQLite (server 1.32), STARTS_WITH does not tell `acme` from `ACME`, so the query also compares the search
 * attribute. A flow that was started without this search attribute gets it at its first wait.
 */
function withIdsOf(accountId: string, workflowId: string): string {
  const ids = `WorkflowId STARTS_WITH "${workflowId.slice(0, -1)}"`;
  const isOfAccount = withAccount(accountId);
  return isOfAccount === undefined ? ids : `${ids} AND (${isOfAccount} OR CyclrAccountId IS NULL)`;
}

/**
 * The part of a query that compares the search attribute of the account. `undefined` for an id that SQLite (server 1.32)
 * does not find: with a double quote, a backslash, or a single quote at an end.
 */
export const withAccount = (accountId: string): string | undefined =>
  /["\\]|^'|'$/.test(accountId) ? undefined : `CyclrAccountId = '${accountId.replaceAll("'", "''")}'`;

/**
 * The statuses of closed runs, except Completed, each with the state of the flow that it means. The search attributes
 * of a run with one of these statuses can still show the flow's state before the end.
 */
export const endedByTemporal: readonly { status: string; inQueries: string; state: StateName }[] = [
  { status: 'CANCELLED', inQueries: 'Canceled', state: 'cancelled' },
  { status: 'TERMINATED', inQueries: 'Terminated', state: 'failed' },
  { status: 'TIMED_OUT', inQueries: 'TimedOut', state: 'failed' },
  { status: 'FAILED', inQueries: 'Failed', state: 'failed' },
];

/** A run as `describe` and lists of Temporal's client return it. */
interface WithStatus {
  status: { name: string };
}

/** True if a run is open. A paused run is open, because an operator can resume it. */
export const isOpen = ({ status: { name } }: WithStatus): boolean => name === 'RUNNING' || name === 'PAUSED';

/** The failure of a run that Temporal ended without a result. */
export const failureWithoutResult = ({ status: { name } }: WithStatus) =>
  ({
    code: name === 'TIMED_OUT' ? 'timedOut' : 'terminated',
    message: `Temporal ended the run: ${name}`,
  }) as const satisfies Failure;
