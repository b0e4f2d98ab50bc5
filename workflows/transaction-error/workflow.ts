import { ApplicationFailure, proxyActivities, sleep, workflowInfo } from '@temporalio/workflow';
import { activityRetry, type MonitorActivities, type TransactionError } from '../ports';
import { faultOfTransactionError, transactionErrorWorkflowIdOf } from '../transaction-errors';

/**
 * The workflow stays open for at least this time. While it is open, Temporal starts no second workflow for the same
 * cycle. So thousands of messages about one cycle have the effect of one message.
 */
const OPEN_FOR_MS = 60_000;

const { reportTransactionError } = proxyActivities<MonitorActivities>({
  startToCloseTimeout: '30s',
  summary: 'Report a failed call to the monitors of the cycle',
  retry: activityRetry,
});

/**
 * Handles Cyclr's message that a call of a cycle failed to authenticate. The monitors of the cycle's connectors then
 * read these connectors. Stays open for at least 60 s. Fails: `invalidInput`, or with the failure of the activity.
 */
export async function transactionError(input: TransactionError): Promise<void> {
  const isOwn = faultOfTransactionError(input) === undefined && transactionErrorWorkflowIdOf(input) === workflowInfo().workflowId; // prettier-ignore
  if (!isOwn)
    throw ApplicationFailure.nonRetryable('The id of the workflow is not the id of the cycle', 'invalidInput');
  const reported = reportTransactionError(input);
  reported.catch(() => undefined); // `await reported` below throws the error
  await sleep(OPEN_FOR_MS, { summary: 'Limit of the time in which further messages count as this one' });
  await reported;
}
