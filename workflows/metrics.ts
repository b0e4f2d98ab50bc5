/**
 * The metrics of the workflows. The worker records the metrics, but not during a replay. The values of each label are a
 * closed list, so that neither a user nor Cyclr can add a time series.
 */
import { metricMeter } from '@temporalio/workflow';
import type { EventType } from './events';
import type { ProblemCode, Verification } from './view';

type Labels = { [name: string]: string };

const count = (name: string, description: string, labels: Labels, times = 1): void =>
  metricMeter.createCounter(name, '1', description).add(times, labels);

/** Counts inputs that a workflow refused. */
export const countRefusedInputs = (code: ProblemCode, times = 1): void =>
  count('cyclr_connect_refused_inputs_total', 'Inputs that a workflow refused', { code }, times);

/** The reasons of an operator's trouble: kinds of `activities/cyclr/errors.ts`, and `policy`. */
const troubleReasons = ['forbidden', 'clientRefused', 'accessDenied', 'tooLarge', 'policy'] as const;

/** Counts a failed call to Cyclr whose cause only an operator can repair. A reason outside the list counts as `other`. */
export function countOperatorsTrouble(reason: unknown): void {
  const known = troubleReasons.find((one) => one === reason) ?? 'other';
  count('cyclr_connect_operators_trouble_total', 'Failed calls to Cyclr whose cause only an operator can mend', {
    reason: known,
  });
}

/** Counts a request for a link to the third party's consent. */
export const countLink = (result: 'made' | 'superseded' | 'unavailable' | 'operatorsTrouble'): void =>
  count('cyclr_connect_links_total', 'Requests for a link to the consent', { result });

/** Counts an event as delivered if each of its targets has accepted the event, and as undelivered otherwise. */
export const countEvent = (type: EventType, result: 'delivered' | 'undelivered'): void =>
  count('cyclr_connect_events_total', 'Events by type and result', { type, result });

/**
 * Counts a read of a connector by its monitor. `overdue`: the read failed, and the last read with success is older than
 * 1.5 times the time between two reads.
 */
export const countMonitorRead = (result: 'read' | 'failed' | 'overdue'): void =>
  count('cyclr_connect_monitor_reads_total', 'Reads of connections by monitors', { result });

const authTypes = ['ApiKey', 'Basic', 'OAuth1', 'OAuth2', 'AuthFields', 'None'] as const;

/** The label of an auth type: `unread` before the first read of the connector, `other` for a type outside the list. */
const authTypeLabel = (authType: string | undefined): string =>
  authType === undefined ? 'unread' : (authTypes.find((one) => one === authType) ?? 'other');

/** A change of a flow's state. */
export interface Transition {
  from: string;
  to: string;
  authType: string | undefined;
  /** The time that the flow spent in the state `from`. */
  seconds: number;
}

/** Records that a flow has left a state. */
export function recordTransition({ from, to, authType, seconds }: Transition): void {
  count('cyclr_connect_transitions_total', 'Changes of state', { from, to, auth_type: authTypeLabel(authType) });
  const description = 'Seconds between the entry into a state and its end';
  metricMeter
    .createHistogram('cyclr_connect_state_seconds', 'float', 's', description)
    .record(seconds, { state: from });
}

/** Counts the end of a flow. `verification`: `none` unless the flow ended as `authenticated`. */
export const countOutcome = (state: string, authType: string | undefined, verification: Verification | 'none'): void =>
  count('cyclr_connect_outcomes_total', 'Ends of flows', { state, auth_type: authTypeLabel(authType), verification });
