/**
 * The answers of the library, except the view and the timeline, and the codes of its errors. No import of Temporal
 * here: `client/http/` uses these types.
 */
import type { ConnectorKey, Intent } from '../workflows/connector';
import type { ProblemCode, StateName } from '../workflows/view';

/** The answer of a start. */
export interface Started {
  workflowId: string;
  runId: string;
  /** False if the flow was running already. */
  started: boolean;
  /** The intent of the running flow. */
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
   * The last waiting or final state of the flow, or its working state in an outage; before that `fetchingConnector`.
   */
  state: StateName;
  /** Present if the flow waits for Cyclr or for an operator. */
  problem?: Trouble;
  /** When `state` was entered. ISO 8601. */
  since: string;
  /** Cyclr's `Authenticated`, from the latest run that has read the connector. */
  connected?: boolean;
  runId: string;
}

/** A page of connectors of one account. */
export interface ConnectorList {
  items: ListedConnector[];
  /** The `page` of the next page, if there is one. */
  next?: string;
}

/** A page of flows over all accounts. */
export type FlowList = ConnectorList;

/**
 * - the code of a problem: the flow rejected the input, and the history of the flow does not show the input;
 * - `invalidInput`: the key or an option of a start is malformed;
 * - `notStarted`: Temporal has no flow of this connector: no flow was started, or retention has removed it;
 * - `alreadyRunning`: a re-authentication was requested while an authentication is running;
 * - `closed`: the flow has ended;
 * - `noWorker`: Temporal answers, but no worker does;
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
