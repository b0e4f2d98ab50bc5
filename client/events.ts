/** Lists events from Temporal's visibility, reads one event with its body, and delivers an event again. */
import { WorkflowNotFoundError, type Client, type WorkflowExecutionDescription } from '@temporalio/client';
import { inputOf } from '../temporal/start-input';
import { deliveryStart } from '../workflows/deliver-event/start';
import {
  DELIVERY_TYPE,
  deliveryIdOf,
  eventTypes,
  isDelivery,
  type Delivery,
  type EventType,
} from '../workflows/events';
import { searchAttributes } from '../workflows/messages';
import { isAccountId } from '../workflows/connector';
import { endedByTemporal, isOpen, OPEN, withAccount } from '../workflows/visibility';
import { eventStates, type EventList, type EventState, type ListedEvent, type ShownEvent } from './answers';
import { ConnectorAuthError } from './connector-auth-error';
import { invalidInput, latestRuns, pageOfRuns, type Run } from './runs';

/** The filter of a list of events. Without a filter, the list has all events. */
export interface EventsRequest {
  accountId?: string;
  type?: EventType;
  state?: EventState;
  /** The `next` of the previous page. Absent for the first page. */
  page?: string;
  /** The highest number of items of a page, at most 1,000. The default is 50. */
  pageSize?: number;
}

const inQueries: Record<EventState, string> = {
  pending: OPEN,
  delivered: "ExecutionStatus = 'Completed'",
  undelivered: `ExecutionStatus IN (${endedByTemporal.map(({ inQueries }) => `'${inQueries}'`).join(', ')})`,
};

/**
 * One page of events, newest first. A redelivered event has several runs, and the list has only the latest run. So a
 * page with a `next` can have fewer items than `pageSize`, or no items. Fails: `invalidInput`.
 */
export async function eventList(
  client: Client,
  { page, pageSize = 50, ...filter }: EventsRequest = {},
): Promise<EventList> {
  const { runs, next } = await pageOfRuns(client, { query: queryOf(filter), page, pageSize });
  const isOwn = (run: Run) => filter.accountId === undefined || listed(run).accountId === filter.accountId;
  const latest = await latestRuns(client, runs.filter(isOwn), page);
  // A run without an event type in its search attributes is no event: the list leaves the run out. The latest run of
  // an event can have another state than the run that the query has found.
  const items = latest
    .map(listed)
    .filter(({ type }) => type !== undefined)
    .filter(({ state }) => filter.state === undefined || state === filter.state);
  return { items, ...(next !== undefined && { next }) };
}

/** One event with its body. Fails: `notStarted`. */
export async function shownEvent(client: Client, id: string): Promise<ShownEvent> {
  const { run, delivery } = await deliveryOf(client, id);
  const posts = (run.raw.pendingActivities ?? []).map(({ attempt, lastFailure }) => ({
    attempt: attempt ?? 1,
    ...(lastFailure?.message && { lastFailure: lastFailure.message }),
  }));
  return { ...listed(run), targets: delivery.targets, ...(posts.length > 0 && { posts }), body: delivery.body };
}

/**
 * Delivers an event again to its targets, with the same id and body. Changes nothing if a delivery of the event is
 * pending. Fails: `notStarted`.
 */
export async function redeliver(client: Client, id: string): Promise<ListedEvent> {
  const { run, delivery } = await deliveryOf(client, id);
  await client.workflow.start<(delivery: Delivery) => Promise<void>>(DELIVERY_TYPE, {
    ...deliveryStart(delivery),
    taskQueue: run.taskQueue,
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
  return listed(await client.workflow.getHandle(run.workflowId).describe());
}

async function deliveryOf(
  client: Client,
  id: string,
): Promise<{ run: WorkflowExecutionDescription; delivery: Delivery }> {
  try {
    const run = await client.workflow.getHandle(deliveryIdOf(id)).describe();
    const delivery = await inputOf<unknown>(client, run);
    if (run.type === DELIVERY_TYPE && isDelivery(delivery, run.workflowId)) return { run, delivery };
  } catch (err) {
    if (!(err instanceof WorkflowNotFoundError)) throw err;
  }
  throw new ConnectorAuthError('notStarted', 'Temporal has no event of this id.');
}

function listed(run: Run): ListedEvent {
  const { workflowId, status, startTime, closeTime, typedSearchAttributes } = run;
  return {
    id: workflowId.slice(deliveryIdOf('').length),
    type: typedSearchAttributes.get(searchAttributes.state) as EventType,
    accountId: typedSearchAttributes.get(searchAttributes.accountId) ?? '',
    state: isOpen(run) ? 'pending' : status.name === 'COMPLETED' ? 'delivered' : 'undelivered',
    sentAt: startTime.toISOString(),
    ...(closeTime && { endedAt: closeTime.toISOString() }),
  };
}

/**
 * Turns a filter into a visibility query. No value of the filter can change the structure of the query. Fails:
 * `invalidInput`.
 */
function queryOf({ accountId, type, state }: EventsRequest): string {
  if (accountId !== undefined && !isAccountId(accountId))
    throw invalidInput('accountId is not a valid account id of Cyclr');
  if (type !== undefined && !eventTypes.includes(type)) throw invalidInput('type is not a type of events');
  if (state !== undefined && !eventStates.includes(state))
    throw invalidInput(`state is not one of ${eventStates.join(', ')}`);
  return [
    `WorkflowType = '${DELIVERY_TYPE}'`,
    accountId !== undefined && withAccount(accountId),
    type && `ConnectorAuthState = '${type}'`,
    state && inQueries[state],
  ]
    .filter(Boolean)
    .join(' AND ');
}
