/**
 * The answers of the library, except the view and the timeline, and the codes of its errors. This file does not import
 * Temporal, because `client/http/` uses these types.
 */
import type { ConnectionView } from '../workflows/connection';
import type { ConnectorKey, Intent } from '../workflows/connector';
import type { EventBody, EventType } from '../workflows/events';
import type { ProblemCode, StateName, TimelineEntry } from '../workflows/view';

/** The answer of a call that starts a flow. */
export interface Started {
  workflowId: string;
  runId: string;
  /** False if the call started no run, but found the open run or the run with the same idempotency key. */
  started: boolean;
  /** The intent of the run `runId`: the run authenticates or re-authenticates the connector. */
  intent: Intent;
}

/**
 * A link to the third party's consent. Any person who opens the link can act for the user: show the link to this user
 * only.
 */
export interface Link {
  attemptId: string;
  url: string;
  /** ISO 8601. */
  expiresAt: string;
}

/**
 * The values of the search attribute `ConnectorAuthProblem`. `cyclrUnavailable`: Cyclr does not answer.
 * `operatorsTrouble`: Cyclr refuses the client id and secret or the IP address of the worker, or the connector is too
 * large.
 */
export const troubles = ['cyclrUnavailable', 'operatorsTrouble'] as const;
export type Trouble = (typeof troubles)[number];

export interface ListedConnector extends ConnectorKey {
  /** The connector's name. Absent before the first read of the connector. */
  name?: string;
  /**
   * The last state in the flow's search attributes: a waiting state, a final state, or the working state in which an
   * outage began or ended. Before the first of these states, the value is `fetchingConnector`.
   */
  state: StateName;
  /** Present if the flow waits for Cyclr or for an operator. */
  problem?: Trouble;
  /** When the flow entered `state`. ISO 8601. */
  since: string;
  /**
   * The value of Cyclr's `Authenticated` when this run last read the connector. In the list of one account, if this run
   * has not read the connector yet: the value when an earlier run last read the connector.
   */
  connected?: boolean;
  runId: string;
}

/** A page of connectors of one account. */
export interface ConnectorList {
  items: ListedConnector[];
  /** The value of `page` in the request for the next page. Absent on the last page. */
  next?: string;
}

/**
 * An item of the list of connections. The data of an item are the search attributes of one run: of the connector's
 * monitor, if the monitor is open or has ended as `gone`; otherwise, of the latest run of the connector's flow. If this
 * latest run has not read Cyclr yet, `state` comes from the latest run that has read Cyclr.
 */
export type ListedConnection = Omit<ConnectionView, 'checkedAt' | 'revision'>;

/** A page of connections of one account. */
export interface ConnectionList {
  items: ListedConnection[];
  /** The value of `page` in the request for the next page. Absent on the last page. */
  next?: string;
}

/**
 * The states of an event. `pending`: the delivery continues. `delivered`: each target has accepted the event.
 * `undelivered`: a target did not accept the event within 3 days, or answered 410.
 */
export const eventStates = ['pending', 'delivered', 'undelivered'] as const;
export type EventState = (typeof eventStates)[number];

/** An event with the state of its latest delivery. */
export interface ListedEvent {
  id: string;
  type: EventType;
  accountId: string;
  state: EventState;
  /** When the latest delivery started. ISO 8601. */
  sentAt: string;
  /** When the latest delivery ended. */
  endedAt?: string;
}

/** A page of events. */
export interface EventList {
  items: ListedEvent[];
  /** The value of `page` in the request for the next page. Absent on the last page. */
  next?: string;
}

export interface ShownEvent extends ListedEvent {
  /** The names of the targets. */
  targets: string[];
  /**
   * One item for each target to which the worker still posts the event. `attempt`: the number of the current activity
   * attempt. `lastFailure`: the message of the failure of the previous activity attempt.
   */
  posts?: { attempt: number; lastFailure?: string }[];
  body: EventBody;
}

/** A page of flows over all accounts. */
export type FlowList = ConnectorList;

/**
 * The codes of a `ConnectorAuthError`:
 * - the code of a problem: the flow rejected the input, and the history of the flow does not show the input;
 * - `invalidInput`: an argument of the call is malformed, for example the account id or an option of a start;
 * - `notStarted`: Temporal has no flow, onboarding or event with this id, because it was never started or retention has
 *   removed it;
 * - `alreadyRunning`: a re-authentication was requested while an authentication is running;
 * - `closed`: the flow or the onboarding has ended;
 * - `noWorker`: Temporal answers, but no worker answers;
 * - `paused`: an operator has paused the flow in Temporal; the error's `state` is the last known state;
 * - `batchRunning`: Temporal runs another batch operation in the namespace;
 * - `temporalUnavailable`: Temporal does not answer, or answers with an unexpected error.
 */
export type ConnectorAuthErrorCode =
  | ProblemCode
  | 'invalidInput'
  | 'notStarted'
  | 'alreadyRunning'
  | 'closed'
  | 'noWorker'
  | 'paused'
  | 'batchRunning'
  | 'temporalUnavailable';

/**
 * One entry of the audit. Usually, this is an entry of a timeline. If the timeline of a run can't be read, the audit
 * has an entry for the start of the run, and an entry for its end if the run has ended (`event`: `started`, `ended`).
 */
export interface AuditEntry extends ConnectorKey, Pick<TimelineEntry, 'at' | 'event' | 'id' | 'by' | 'note' | 'count'> {
  runId: string;
  /** The state before the event. */
  from?: StateName;
  /** The state after the event. */
  to?: StateName;
}
