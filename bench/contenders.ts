/**
 * The two workflows that the bench compares, with a start function for each: the flow of this project (`ours`) and the
 * baseline in minimal-workflow.ts (`minimal`). Both workflows accept the same two signals.
 */
import type { Client } from '@temporalio/client';
import { ConnectorAuth } from '../client/connector-auth';
import type { ConnectorKey } from '../workflows/connector';

export type ContenderName = 'ours' | 'minimal';
export const contenderNames: readonly ContenderName[] = ['ours', 'minimal'];

export const minimalTaskQueue = 'bench-minimal';

export interface Execution {
  workflowId: string;
  runId: string;
}

type Start = (key: ConnectorKey) => Promise<Execution>;

/**
 * Returns, for each workflow, a function that starts one execution. The function for `ours` uses the library, which
 * adds a summary and search attributes.
 */
export function startsOf(client: Client): Record<ContenderName, Start> {
  const auth = new ConnectorAuth(client);
  return {
    ours: (key) => auth.start(key),
    minimal: async (key) => {
      const workflowId = `minimal/${key.accountId}/${key.connectorId}`;
      const handle = await client.workflow.start('minimal', { taskQueue: minimalTaskQueue, workflowId, args: [key] });
      return { workflowId, runId: handle.firstExecutionRunId };
    },
  };
}

/** Starts the workflow `empty`, with the workflow task timeout that the library sets for our flows. */
export async function startEmpty(client: Client, { accountId, connectorId }: ConnectorKey): Promise<Execution> {
  const workflowId = `empty/${accountId}/${connectorId}`;
  const options = { taskQueue: minimalTaskQueue, workflowId, workflowTaskTimeout: '30 seconds' } as const;
  const handle = await client.workflow.start('empty', options);
  return { workflowId, runId: handle.firstExecutionRunId };
}

/** Returns the final state from the result of our flow or of the minimal workflow. */
export const endOf = (result: unknown): unknown => (Object(result) as { state?: unknown }).state ?? result;
