/** The options with which an activity and the library start the workflow `monitorConnection`. */
import { connectionWorkflowIdOf, type MonitorInput } from '../connection';
import { fairnessOf } from '../fairness';
import { escapeMarkdown } from '../markdown';
import { searchAttributes } from '../messages';

/** The workflow id and arguments, and the facts for lists in Temporal Web. */
export const monitorStart = (input: MonitorInput, taskQueue: string) => {
  const { accountId, connectorId } = input;
  return {
    taskQueue,
    workflowId: connectionWorkflowIdOf(input),
    workflowTaskTimeout: '30s' as const, // a task with 10,000 signals takes longer than the default of 10 s
    priority: fairnessOf(accountId),
    args: [input] as [MonitorInput],
    staticSummary: `Monitor connector ${connectorId} of ${accountId}`,
    staticDetails:
      `Reads the account connector **${connectorId}** of the account **${escapeMarkdown(accountId)}** at intervals. ` +
      'The query `connection` shows whether integrations may run.',
    typedSearchAttributes: [
      { key: searchAttributes.accountId, value: accountId },
      { key: searchAttributes.connectorId, value: String(connectorId) },
    ],
  };
};
