/** All workflows of the worker: the workflows of cyclr-connect, and the application's own workflow. */
import { ApplicationFailure, condition, defineSignal, proxyActivities, setHandler } from '@temporalio/workflow';
import type { ConnectorFinished, ConnectorKey, StateName } from 'cyclr-connect';
import type * as activities from './activities';

export * from 'cyclr-connect/workflows';

const { connect, fetchOrders } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' });
const connectorFinished = defineSignal<[ConnectorFinished]>('connectorFinished');

/** Waits until a connector is authenticated, then fetches the orders of its account. Returns the number of orders. */
export async function importOrders(key: ConnectorKey): Promise<number> {
  let state: StateName | undefined;
  setHandler(connectorFinished, (finished) => {
    state = finished.state;
  });
  // A flow that an operator has terminated sends no signal, so this workflow asks again once a day.
  do {
    state = (await connect(key)) ?? state;
  } while (!(await condition(() => state !== undefined, '1 day')));
  if (state !== 'authenticated')
    throw ApplicationFailure.nonRetryable(`connector ${key.connectorId} has ended as ${state}`);
  return (await fetchOrders(key.accountId)).length;
}
