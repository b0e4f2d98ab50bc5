import type { Client } from '@temporalio/client';
import { decodeFromPayloadsAtIndex } from '@temporalio/common/lib/internal-non-workflow';

/** The start input of a run, from its first event. `undefined` if the run was started without an input. */
export async function inputOf<Input>(
  client: Client,
  { workflowId, runId }: { workflowId: string; runId: string },
): Promise<Input | undefined> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  const payloads = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads;
  return decodeFromPayloadsAtIndex<Input>(client.options.loadedDataConverter, 0, payloads);
}
