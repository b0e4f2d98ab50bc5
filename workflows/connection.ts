/**
 * The shapes of a monitor: the start input, the arguments of its signals, its view. Wire format: you may add a field,
 * but never rename a field. A field without a value is left out. This file does not import Temporal, because HTTP
 * clients use these types.
 */
import { isAccountId, isConnectorId, isObject, type ConnectorKey, type Duration } from './connector';
import { durationMs, isBy, MAX_WORKFLOW_ID } from './input';
import { finalStates, type FinalStateName } from './view';

/** The workflow type of a monitor. */
export const MONITOR_TYPE = 'monitorConnection';

/**
 * The workflow id of a connector's monitor. Each connector has only one such workflow id, so at most one run of its
 * monitor is open at a time.
 */
export const connectionWorkflowIdOf = ({ accountId, connectorId }: ConnectorKey): string =>
  `connection/${encodeURIComponent(accountId)}/${connectorId}`;

/** The start input. */
export interface MonitorInput extends ConnectorKey {
  /**
   * The time between two reads: 1 minute to 90 days. The default is `monitor` of the policy, else MONITOR_EVERY of the
   * worker, else 24 hours.
   */
  every?: Duration;
}

/** The argument of the signal `check`. */
export interface MonitorCheck {
  /** Replaces the time between two reads. */
  every?: Duration;
}

/** The argument of the signal `reportFailure`: a call of an integration failed to authenticate. */
export interface FailureReport {
  cycleId?: string;
  transactionId?: string;
  /** When the call failed. ISO 8601. By default the time of the signal. */
  at?: string;
  /**
   * True if the cycle has no other connector. In this case, the failed call breaks the connection, even if Cyclr
   * reports the connector as authenticated.
   */
  onlyConnector?: boolean;
}

/**
 * `connected`: integrations may run. `broken`: Cyclr reports `Authenticated: false`, or a call failed to authenticate.
 * `reauthenticating`: broken, and a flow that the monitor started is open. `gone`: Cyclr no longer has the connector.
 */
export const connectionStates = ['connected', 'broken', 'reauthenticating', 'gone'] as const;
export type ConnectionState = (typeof connectionStates)[number];

/** The end of the latest flow of a connector. */
export interface Outcome {
  runId: string;
  state: FinalStateName;
  /** ISO 8601. */
  at: string;
  /** The person or program that acted last in the flow. */
  by?: string;
}

/** The answer of the query `connection`, and the result of a closed monitor. */
export interface ConnectionView extends ConnectorKey {
  /** Absent before the first read of Cyclr. */
  state?: ConnectionState;
  /** When the connection entered the state. ISO 8601. */
  since?: string;
  /** When the monitor last read the connector from Cyclr with success. Absent without a monitor. */
  checkedAt?: string;
  /** The connector's name. */
  name?: string;
  lastOutcome?: Outcome;
  /** Grows by one at each change of the view, except a change of `checkedAt`. 0 without a monitor. */
  revision: number;
}

const MIN_EVERY_MS = 60_000;
const DEFAULT_EVERY = '24 hours';

/** A signal `check` without a new interval causes no read if the monitor has read the connector within this time. */
const CHECK_PAUSE_MS = 10_000;

/** True if the last read is so recent that a signal `check` without a new interval causes no read. */
export const isReadRecent = (checkedAt: string | undefined, now: number): boolean =>
  checkedAt !== undefined && now - Date.parse(checkedAt) < CHECK_PAUSE_MS;

/** True if a value can be the time between two reads. */
export const isMonitorEvery = (value: unknown): value is Duration => durationMs(value) >= MIN_EVERY_MS;

/** The time between two reads in milliseconds. A duration below 1 minute counts as 1 minute. */
export const monitorEveryMs = (every: Duration = DEFAULT_EVERY): number => Math.max(durationMs(every), MIN_EVERY_MS);

/**
 * The first fault of a start input, as a text that quotes no part of the input. `undefined` if the input has no fault.
 */
export function faultOfMonitor(input: unknown): string | undefined {
  if (!isObject(input)) return 'the input is not an object';
  const { accountId, connectorId, every } = input;
  if (!isAccountId(accountId)) return 'accountId is not a valid account id of Cyclr';
  if (!isConnectorId(connectorId)) return 'connectorId is not a positive integer';
  if (connectionWorkflowIdOf({ accountId, connectorId }).length > MAX_WORKFLOW_ID)
    return `accountId is too long: the URL-encoded workflow id has more than ${MAX_WORKFLOW_ID} characters`;
  if (every !== undefined && !isMonitorEvery(every)) return 'every is not a duration of 1 minute to 90 days';
  return undefined;
}

/**
 * Checks a start input as {@link faultOfMonitor} does, and checks that the workflow id belongs to the input. With a
 * wrong id, one tenant could see the connection of another tenant.
 */
export const faultOfMonitorStart = (input: unknown, workflowId: string): string | undefined =>
  faultOfMonitor(input) ??
  (connectionWorkflowIdOf(input as MonitorInput) === workflowId
    ? undefined
    : 'the workflow id does not belong to this account and connector');

const MAX_ID = 200;

const DATE_AND_TIME = /^(\d{4}-\d\d-\d\d)[T ]([\d:.]+)(Z|[+-]\d\d:\d\d)?$/;

/**
 * Converts a time in ISO 8601 into the form of `toISOString`. Returns `undefined` if the value is no time in ISO 8601.
 * A time without a zone counts as UTC. Without this rule, two workers in different time zones would read the same text
 * as two different times.
 */
const timeOf = (value: unknown): string | undefined => {
  const [, date, timeOfDay, zone = 'Z'] = (typeof value === 'string' && DATE_AND_TIME.exec(value)) || [];
  const time = Date.parse(`${date}T${timeOfDay}${zone}`);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
};

/**
 * The outcome of a flow, from the argument of the signal `connectorFinished`. `now`: the time of the signal. If the
 * argument has no valid `at`, the outcome has this time. `undefined` if the argument is malformed, or names another
 * connector.
 */
export function outcomeOf(body: unknown, connectorId: number, now: string): Outcome | undefined {
  const given = isObject(body) ? body : {};
  const { state, runId, at, by } = given;
  const isState = finalStates.includes(state as FinalStateName);
  const isRunId = typeof runId === 'string' && runId !== '' && runId.length <= MAX_ID;
  if (given.connectorId !== connectorId || !isState || !isRunId) return undefined;
  return { runId, state: state as FinalStateName, at: timeOf(at) ?? now, ...(isBy(by) && by !== undefined && { by }) };
}

/**
 * Reads `at` and `onlyConnector` from the argument of `reportFailure`. If the argument has no valid `at`, `at` is
 * `now`, the time of the signal.
 */
export function failureIn(body: unknown, now: string): { at: string; onlyConnector: boolean } {
  const { at, onlyConnector } = isObject(body) ? body : {};
  return { at: timeOf(at) ?? now, onlyConnector: onlyConnector === true };
}
