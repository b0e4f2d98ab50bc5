/**
 * The workflow that handles Cyclr's messages about failed calls: its id, and the checks of its input. This file does
 * not import Temporal.
 */
import { isAccountId, isObject } from './connector';
import { MAX_WORKFLOW_ID } from './input';
import type { TransactionError } from './ports';

/** The workflow type that handles Cyclr's message about a failed call. */
export const TRANSACTION_ERROR_TYPE = 'transactionError';

/** Cyclr's message about a failed call contains this text if the connector must be authenticated again. */
export const AUTHENTICATION_FAILED = 'Failed to authenticate the connector';

/**
 * The workflow id depends on account and cycle. So while the workflow is open, further messages about the same cycle
 * start no second workflow.
 */
export const transactionErrorWorkflowIdOf = ({
  accountId,
  cycleId,
}: Pick<TransactionError, 'accountId' | 'cycleId'>): string =>
  `transaction-error/${encodeURIComponent(accountId)}/${encodeURIComponent(cycleId)}`;

const MAX_TEXT = 200;
const isShort = (value: unknown): boolean =>
  value === undefined || (typeof value === 'string' && value.length <= MAX_TEXT);

/**
 * The first fault of a start input. `undefined` if the input has no fault. A cycle id follows the rules of an account
 * id.
 */
export function faultOfTransactionError(input: unknown): string | undefined {
  if (!isObject(input)) return 'the input is not an object';
  const { accountId, cycleId, transactionId, at } = input;
  if (!isAccountId(accountId)) return 'accountId is not a valid account id of Cyclr';
  if (!isAccountId(cycleId)) return 'cycleId does not follow the rules of an account id';
  if (transactionErrorWorkflowIdOf({ accountId, cycleId }).length > MAX_WORKFLOW_ID)
    return 'accountId and cycleId are too long';
  return isShort(transactionId) && isShort(at)
    ? undefined
    : 'transactionId or at is not a text of at most 200 characters';
}
