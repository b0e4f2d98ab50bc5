/** The options with which an activity, a worker or a redelivery starts the workflow `deliverEvent`. */
import { isAccountId } from '../connector';
import { deliveryIdOf, type Delivery } from '../events';
import { fairnessOf } from '../fairness';
import { searchAttributes } from '../messages';

/** The workflow id, the arguments, and the search attributes and summary that Temporal Web shows in lists. */
export const deliveryStart = (delivery: Delivery) => {
  const { type, data } = delivery.body;
  // A run with a malformed input gets no account id, because the id can be wrong.
  const accountId = isAccountId(data.accountId) ? data.accountId : undefined;
  return {
    workflowId: deliveryIdOf(data.id),
    args: [delivery] as [Delivery],
    ...(accountId !== undefined && { priority: fairnessOf(accountId) }),
    staticSummary: accountId === undefined ? type : `${type} of ${accountId}`,
    typedSearchAttributes: [
      ...(accountId === undefined ? [] : [{ key: searchAttributes.accountId, value: accountId }]),
      { key: searchAttributes.state, value: type },
    ],
  };
};
