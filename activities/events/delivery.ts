/** Starts the workflow that delivers an event. */
import { activityInfo, getClient, log } from '@temporalio/activity';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { deliveryStart } from '../../workflows/deliver-event/start';
import { bodyOf, DELIVERY_TYPE, type Delivery, type EventReport } from '../../workflows/events';
import { isNotify } from '../../workflows/input';
import { targetNamed, targetsOf, type Targets } from './targets';

type Client = ReturnType<typeof getClient>;

/** Starts the delivery of an event that the calling workflow reports. Does nothing if the event has no target. */
export async function sendEvent(targets: Targets, report: EventReport): Promise<void> {
  const { workflowExecution, taskQueue } = activityInfo();
  const notify = isNotify(report.notify) ? (report.notify ?? []) : [];
  const unknown = notify.filter((name) => !targetNamed(targets, name));
  if (unknown.length > 0) log.warn('Unknown targets of an event', { targets: unknown });
  const names = targetsOf(targets, report.type, notify);
  if (names.length === 0) return;
  const body = bodyOf(report, workflowExecution!);
  if (!(await startDelivery(getClient(), taskQueue, { body, targets: names })))
    log.error('An event is lost: it is too large for Temporal', { eventId: body.data.id });
}

/**
 * True if Temporal refuses a start because the argument is too large ("Blob data size exceeds limit."). A start that
 * Temporal refuses for another reason can succeed later, for example after the registration of a search attribute.
 */
const isTooLarge = (err: unknown): boolean =>
  err instanceof Error && err.cause instanceof Error && /size exceeds limit/i.test(err.cause.message);

/**
 * Starts the workflow `deliverEvent`. Temporal starts this workflow only once for each event id, so a repeated call
 * does nothing. Returns false if the event is too large for Temporal: if this function failed instead, the run that
 * sends the event could not end. After any other error, this function fails, so that Temporal retries the activity.
 */
export async function startDelivery(client: Client, taskQueue: string, delivery: Delivery): Promise<boolean> {
  try {
    await client.workflow.start<(delivery: Delivery) => Promise<void>>(DELIVERY_TYPE, {
      taskQueue,
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      ...deliveryStart(delivery),
    });
  } catch (err) {
    if (isTooLarge(err)) return false;
    if (!(err instanceof WorkflowExecutionAlreadyStartedError)) throw err;
  }
  return true;
}
