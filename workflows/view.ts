/**
 * The public data of a flow: its states, the view, the timeline, the codes of problems and failures. Wire format: you
 * may add a field or a list entry, but never rename a field or an entry. Times are ISO 8601 strings. A field without a
 * value is left out. This file does not import Temporal, because HTTP clients and browsers use these types.
 */
import type { Connector, ConnectorKey, Field, Intent, Sealed } from './connector';

export const stateNames = [
  'fetchingConnector',
  'awaitingProperties',
  'applyingProperties',
  'awaitingCredentials',
  'awaitingAuthorization',
  'applyingCredentials',
  'verifyingAuthorization',
  'authenticated',
  'expired',
  'cancelled',
  'failed',
  'unsupported',
] as const;
export type StateName = (typeof stateNames)[number];

const waiting = [
  'awaitingProperties',
  'awaitingCredentials',
  'awaitingAuthorization',
] as const satisfies readonly StateName[];
const final = [
  'authenticated',
  'expired',
  'cancelled',
  'failed',
  'unsupported',
] as const satisfies readonly StateName[];
export type WaitingStateName = (typeof waiting)[number];
export type FinalStateName = (typeof final)[number];

/** The states in which the user must act. */
export const waitingStates: readonly StateName[] = waiting;
/** The states in which a run ends. */
export const finalStates: readonly StateName[] = final;

/**
 * Why an input was refused, or why Cyclr did not authenticate the connector. The connect page shows its own text for
 * each code.
 */
export const problemCodes = [
  'malformed',
  'notNow',
  'notSealed',
  'notOpenable',
  'wrongKind',
  'unknownProperty',
  'missingProperty',
  'refused',
  'notAuthorized',
  'cyclrUnavailable',
] as const;
export type ProblemCode = (typeof problemCodes)[number];

/**
 * The latest problem, which the user or the operator can correct. The view keeps the problem until the flow enters another
 * state.
 */
export interface Problem {
  code: ProblemCode;
  message: string;
  /** The properties that have the problem. Absent if the problem does not belong to a property. */
  fields?: { name: string; code: ProblemCode }[];
}

/** Why a flow ended as `failed`. */
export const failureCodes = ['invalidInput', 'connectorNotFound', 'accessDenied', 'terminated', 'timedOut'] as const;
export type FailureCode = (typeof failureCodes)[number];

export interface Failure {
  code: FailureCode;
  message: string;
}

/**
 * How the authentication of an `authenticated` connector was verified. `checked`: a call to the third party succeeded.
 * `notChecked`: Cyclr accepted the input, but no call to the third party has tested the credentials. `unproven`: the
 * flow asked the user to consent again, but found no change of the value that Cyclr stores.
 */
export const verifications = ['checked', 'notChecked', 'unproven'] as const;
export type Verification = (typeof verifications)[number];

/** One link to the third party's consent. */
export interface Attempt {
  id: string;
  requestedAt: string;
  expiresAt: string;
}

/** A link to the third party's consent, sealed to the `replyKey` of its request. */
export interface AuthorizationLink {
  attemptId: string;
  expiresAt: string;
  link: Sealed;
}

/** The public data of a flow: only the fields of an allow-list, none of which is secret. */
export interface View extends ConnectorKey {
  runId: string;
  intent: Intent;
  state: StateName;
  connector?: Omit<Connector, 'authenticated' | 'fields' | 'policy' | 'identity' | 'refusedByCheck'>;
  /**
   * In `awaitingProperties`: all properties that can be set, in display order. In `awaitingCredentials` of the auth
   * type AuthFields: the fields of the policy.
   */
  fields?: Field[];
  problem?: Problem;
  /** When the present waiting state ends as `expired`. */
  deadline?: string;
  attempt?: Attempt;
  /** Present in the state `authenticated`. */
  verification?: Verification;
  /** In the state `authenticated`, if the policy has `identity`: the name of the linked account at the third party. */
  identity?: string;
  failure?: Failure;
  /**
   * Cyclr's `Authenticated` at the last read; absent before the first read. Always `true` in the state `authenticated`.
   */
  connected?: boolean;
  /** When the flow entered the state. */
  since: string;
  /** Grows by one at each visible change. */
  revision: number;
}

/**
 * One transition, or one fact that does not change the state, such as a refused input or an unknown signal. For a fact
 * that does not change the state, `from` equals `to`. For a refused input, `note` is the problem's code.
 */
export interface TimelineEntry {
  at: string;
  from: StateName;
  event: string;
  to: StateName;
  /** The id of the submission or the attempt. */
  id?: string;
  by?: string;
  note?: string;
  /**
   * The number of signals or re-reads for which this entry stands, if the flow refused several equal signals in a row,
   * or several re-reads in a row ended in the same operator's trouble. Absent if the number is 1.
   */
  count?: number;
}

export interface Timeline {
  entries: TimelineEntry[];
  /** The number of older entries that the flow has dropped from the timeline. */
  dropped?: number;
}

/** The result of a closed run: the final view without icon and description, and the timeline. */
export interface FlowResult extends View {
  timeline: Timeline;
}
