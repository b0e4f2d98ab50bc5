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
  await startDelivery(getClient(), taskQueue, { body: bodyOf(report, workflowExecution!), targets: names });
}

const INVALID_ARGUMENT = 3; // gRPC

/**
 * Starts the workflow `deliverEvent`. Temporal starts this workflow only once for each event id, so a repeated call
 * does nothing. If the event is too large for Temporal, logs an error and returns normally. If this function failed
 * instead, the run that sends the event could not end.
 */
export async function startDelivery(client: Client, taskQueue: string, delivery: Delivery): Promise<void> {
  try {
    await client.workflow.start<(delivery: Delivery) => Promise<void>>(DELIVERY_TYPE, {
      taskQueue,
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      ...deliveryStart(delivery),
    });
  } catch (err) {
    if (err instanceof WorkflowExecutionAlreadyStartedError) return;
    if ((err as { cause?: { code?: unknown } }).cause?.code !== INVALID_ARGUMENT) throw err;
    log.error('An event is lost: Temporal refuses its delivery', { eventId: delivery.body.data.id });
  }
}
