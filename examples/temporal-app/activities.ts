import { activityInfo, getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import { ConnectorAuth, subscribe, workflowIdOf, type ConnectorKey, type StateName } from 'cyclr-connect';

export async function fetchOrders(accountId: string): Promise<string[]> {
  return [`order 1 of ${accountId}`, `order 2 of ${accountId}`];
}

/**
 * Starts the flow of a connector, or finds the open flow. Subscribes the calling workflow to the end of the flow, or
 * returns the final state if the flow has already ended. Safe to repeat.
 */
export async function connect(key: ConnectorKey): Promise<StateName | undefined> {
  const { workflowExecution, taskQueue } = activityInfo();
  const { workflowId, runId } = workflowExecution!;
  const client = getClient();
  const auth = new ConnectorAuth(client, { taskQueue });
  // With this key, a repeated call finds the run that the first call has started, even if this run has ended.
  await auth.start(key, { by: 'acme-app', idempotencyKey: runId });
  try {
    await client.workflow.getHandle(workflowIdOf(key)).signal(subscribe, { workflowId });
    return undefined;
  } catch (err) {
    if (!(err instanceof WorkflowNotFoundError)) throw err;
    return (await auth.view(key)).state;
  }
}
