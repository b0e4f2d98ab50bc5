import { ApplicationFailure, log, proxyActivities, workflowInfo } from '@temporalio/workflow';
import { eventsQueueOf, isDelivery, type Delivery, type EventBody } from '../events';
import { countEvent } from '../metrics';
import { postBudget, postRetry, type EventActivities } from '../ports';

/**
 * Delivers one event to its targets. Completes when each target has accepted the event with a 2xx answer. Fails as
 * `undelivered` if a target did not accept the event within 3 days, or answered 410. Fails as `invalidInput` if the
 * argument is malformed.
 */
export async function deliverEvent(delivery: Delivery): Promise<void> {
  if (!isDelivery(delivery, workflowInfo().workflowId))
    throw ApplicationFailure.nonRetryable('The argument is no delivery of the event of this workflow id', 'invalidInput'); // prettier-ignore
  const { body, targets } = delivery;
  const { postEvent } = proxyActivities<EventActivities>({
    taskQueue: eventsQueueOf(workflowInfo().taskQueue),
    startToCloseTimeout: '30s',
    scheduleToCloseTimeout: postBudget,
    summary: 'Post an event to its target',
    retry: postRetry,
  });
  const posts = await Promise.allSettled(targets.map((target) => postEvent({ target, body })));
  const missed = targets.filter((_, index) => posts[index]?.status === 'rejected');
  report(body, missed);
  if (missed.length > 0)
    throw ApplicationFailure.nonRetryable(`Not taken by: ${missed.join(', ')}`, 'undelivered', missed);
}

function report({ type, data }: EventBody, missed: readonly string[]): void {
  const result = missed.length > 0 ? 'undelivered' : 'delivered';
  countEvent(type, result);
  if (result === 'undelivered') log.error('An event is undelivered', { type, eventId: data.id, targets: missed });
}
