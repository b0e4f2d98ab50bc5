/**
 * Events: signed messages to other systems, about flows, onboardings and connections. Wire format: you may add a type
 * or a field, but never rename a type or a field. This file does not import Temporal, because HTTP clients use these
 * types.
 */
import type { ConnectionView } from './connection';
import { isObject } from './connector';
import type { OnboardedConnector, OnboardingProgress } from './onboarding';
import type { FlowResult, View } from './view';

/** The types of events, with the meaning of each. The final types (see {@link isFinalType}) report the end of a run. */
export const eventTypes = [
  /**
   * The flow began to wait for the user. If the view has a new problem code, such as after a refused input, the flow
   * sends `connector.problem` instead.
   */
  'connector.waiting',
  /** One of the durations in `remindAfter` has passed, and the flow has not left the waiting state. */
  'connector.reminder',
  /** The view has a new problem code, such as after a refused input or at the beginning of an outage. */
  'connector.problem',
  'connector.authenticated',
  'connector.expired',
  'connector.cancelled',
  'connector.failed',
  'connector.unsupported',
  /** A connector of an onboarding has reached a final state. */
  'onboarding.progress',
  'onboarding.completed',
  'onboarding.incomplete',
  'onboarding.cancelled',
  'onboarding.failed',
  /** Cyclr no longer reports the connector as authenticated, or a call of an integration failed to authenticate. */
  'connection.broken',
  /** The connector is authenticated again. */
  'connection.restored',
  /** Cyclr no longer has the connector. */
  'connection.gone',
] as const;
export type EventType = (typeof eventTypes)[number];

const nonFinal: readonly EventType[] = [
  'connector.waiting',
  'connector.reminder',
  'connector.problem',
  'onboarding.progress',
  'connection.broken',
  'connection.restored',
];

/** True if an event of this type is the last event of its run. */
export const isFinalType = (type: EventType): boolean => !nonFinal.includes(type);

/**
 * The data of an event of a flow: the view without icon and description. The data of a final event also has the
 * timeline.
 */
export type ConnectorEventData = View | FlowResult;
/**
 * The progress of an onboarding. The event `onboarding.progress` has only the connector that has reached a final state,
 * instead of all connectors.
 */
export type OnboardingEventData =
  OnboardingProgress | (Omit<OnboardingProgress, 'connectors'> & { connector: OnboardedConnector });
/** The connection, as its monitor knows it. */
export type ConnectionEventData = ConnectionView;
export type EventData = ConnectorEventData | OnboardingEventData | ConnectionEventData;

/** The members that `data` has in each event. */
export interface EventIdentity {
  /** `{runId}.{sequence}`, or `{runId}.final` for a final event. A repeated delivery of the event has the same id. */
  id: string;
  /** The number of the event in its run, from 1 on. Absent in the final event of a run that Temporal ended. */
  sequence?: number;
  accountId: string;
  workflowId: string;
  runId: string;
}

/** The body of a delivery, as JSON. */
export interface EventBody {
  type: EventType;
  /** When the event happened. ISO 8601. */
  timestamp: string;
  data: EventIdentity & EventData;
}

/** The part of an event that the workflow knows. The activity `sendEvent` adds the ids. */
export interface EventReport {
  type: EventType;
  timestamp: string;
  sequence?: number;
  data: EventData;
  /** The names of the targets in `notify` of the start input. */
  notify?: string[];
}

/** The argument of the workflow `deliverEvent`. */
export interface Delivery {
  body: EventBody;
  /** The names of the targets. Only the workers know the addresses and secrets of the targets. */
  targets: string[];
}

/** The name of the target that `WEBHOOK_URL` sets. */
export const defaultTarget = 'default';

/** The body of an event of the run. */
export const bodyOf = (
  { type, timestamp, sequence, data }: EventReport,
  { workflowId, runId }: { workflowId: string; runId: string },
): EventBody => {
  const { accountId, ...rest } = data;
  const id = `${runId}.${isFinalType(type) ? 'final' : sequence}`;
  const identity = { id, ...(sequence !== undefined && { sequence }), accountId, workflowId, runId };
  return { type, timestamp, data: { ...identity, ...rest, runId } };
};

/** The workflow type of the delivery of an event. */
export const DELIVERY_TYPE = 'deliverEvent';

/** The id of the workflow that delivers an event. */
export const deliveryIdOf = (eventId: string): string => `event/${eventId}`;

/** The highest number of targets of an event: the target `default`, and 10 targets in `notify` of a start input. */
const MAX_TARGETS = 11;

/** True if a value can be the argument of the workflow `deliverEvent` with this workflow id. */
export function isDelivery(value: unknown, workflowId: string): value is Delivery {
  const { body, targets } = isObject(value) ? value : {};
  const { type, data } = isObject(body) ? body : {};
  const { id } = isObject(data) ? data : {};
  return (
    typeof type === 'string' &&
    typeof id === 'string' &&
    deliveryIdOf(id) === workflowId &&
    Array.isArray(targets) &&
    targets.length <= MAX_TARGETS &&
    targets.every((target) => typeof target === 'string')
  );
}

/**
 * The task queue of the activity that posts events. With this separate queue, a slow receiver does not take an activity
 * slot from a flow.
 */
export const eventsQueueOf = (taskQueue: string): string => `${taskQueue}-events`;
