/** All workflows of the worker: the workflows of cyclr-connect, and the application's own workflow. */
import { proxyActivities } from '@temporalio/workflow';
import type * as activities from './activities';

export * from 'cyclr-connect/workflows';

const { fetchOrders } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' });

export async function importOrders(accountId: string): Promise<number> {
  return (await fetchOrders(accountId)).length;
}
