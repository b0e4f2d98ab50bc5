/**
 * The record of a flow: the inputs that a user gave to the flow, and the answers that the user got. The checks compare
 * Cyclr and Temporal with this record.
 */
import { isDeepStrictEqual } from 'node:util';
import type { AccountConnector } from '../../sandbox/answers';
import type { ConnectorKey } from '../../workflows/connector';
import type { FailureCode, StateName, Verification, View, WaitingStateName } from '../../workflows/view';
import type { AnswerSource } from '../user/user';
import type { Transport } from '../user/transports';
import { authValueOf } from '../../activities/credentials';

/** The outcome that a run must have. */
export interface RunExpectation {
  /**
   * The final state, or the waiting state in which the user leaves the flow. There are several states if the outcome
   * depends on a race.
   */
  states: StateName[];
  failure?: FailureCode;
  verification?: Verification;
  /** True if the user cancels the run in Temporal. Temporal then closes the run as Canceled instead of Completed. */
  cancelledInTemporal?: boolean;
  /**
   * The waiting states that the run must enter, in this order, and each of them once. Absent if the user makes
   * mistakes.
   */
  waits?: WaitingStateName[];
}

export interface RunRecord {
  runId: string;
  expected: RunExpectation;
  /** The good value of each property that the user gave. */
  properties: Map<string, string>;
  /** The `AuthValue` of the good credentials that the user gave. */
  authValue?: string;
  /** Each `AuthValue` that a consent stored in Cyclr, in order. */
  granted: string[];
  /** The number of confirmations of each attempt, by the id of the attempt. */
  confirmations: Map<string, number>;
}

export interface FlowRecord {
  /** The name that the messages of the checks use for the flow. */
  name: string;
  key: ConnectorKey;
  /** One expectation for each planned run. */
  expected: RunExpectation[];
  runs: RunRecord[];
  /**
   * True if the user repeated a start after a lost answer. In this case, the flow may have one run more than planned.
   */
  startRepeated: boolean;
  /** The inputs that the flow asked for again, although Cyclr already had them. */
  askedAgain: string[];
  /** Wrong answers of the system to the user, one text for each. */
  problems: string[];
  lastView?: View;
}

export const newRecord = (name: string, key: ConnectorKey, expected: RunExpectation[]): FlowRecord => ({
  ...{ name, key, expected },
  ...{ runs: [], startRepeated: false, askedAgain: [], problems: [] },
});

/** Returns the present account connector in Cyclr. Undefined if Cyclr has no such connector. */
export type Stored = (key: ConnectorKey) => AccountConnector | undefined;

/** Wraps a transport to record starts, views and confirmations. `onLink` gets each attempt's id. */
export function recordedTransport(
  transport: Transport,
  record: FlowRecord,
  stored: Stored,
  onLink?: (attemptId: string) => void,
): Transport {
  return {
    ...transport,
    async start(key, options) {
      const started = await transport.start(key, options);
      recordStart(record, started.runId);
      return started;
    },
    async view(key) {
      const before = stored(key);
      const view = await transport.view(key);
      recordView(record, view);
      if (before) record.askedAgain.push(...askedAgain(record, view, before));
      return view;
    },
    async requestLink(key) {
      const link = await transport.requestLink(key);
      record.runs.at(-1)?.confirmations.set(link.attemptId ?? '', 0);
      onLink?.(link.attemptId ?? '');
      return link;
    },
    async returnFromConsent(key, link, location) {
      const { confirmations } = record.runs.at(-1)!;
      confirmations.set(link.attemptId ?? '', (confirmations.get(link.attemptId ?? '') ?? 0) + 1);
      return transport.returnFromConsent(key, link, location);
    },
  };
}

/**
 * Wraps a transport to record the new `AuthValue` of each consent. `transport` must itself repeat failed calls, so that
 * the wrapper records a repeated call only once.
 */
export function recordedConsents(transport: Transport, record: FlowRecord, stored: Stored): Transport {
  let before: string | null | undefined;
  return {
    ...transport,
    async requestLink(key) {
      const link = await transport.requestLink(key);
      before = stored(key)?.AuthValue;
      return link;
    },
    async returnFromConsent(key, link, location) {
      const after = stored(key)?.AuthValue;
      if (after && after !== before) record.runs.at(-1)!.granted.push(after);
      return transport.returnFromConsent(key, link, location);
    },
  };
}

/** Returns an answer source that gives the answers of `source`, which are good, and records them in the present run. */
export const recordedAnswers =
  (source: AnswerSource, record: FlowRecord): AnswerSource =>
  async (view) => {
    const answer = await source(view);
    const run = record.runs.at(-1)!;
    for (const [name, value] of Object.entries(answer?.values ?? {})) run.properties.set(name, value);
    if (answer?.credentials) run.authValue = authValueOf(answer.credentials);
    return answer;
  };

export function recordStart({ runs, expected }: FlowRecord, runId: string): void {
  if (runs.some((run) => run.runId === runId)) return;
  const next = expected[Math.min(runs.length, expected.length - 1)]!;
  runs.push({ runId, expected: next, properties: new Map(), granted: [], confirmations: new Map() });
}

/**
 * Records the view. Records a problem if the revision has decreased within a run, or if two different views have the
 * same revision. Does not check the revision 0, which the library gives to a view of a run without a result.
 */
function recordView(record: FlowRecord, view: View): void {
  const { lastView, problems } = record;
  record.lastView = view;
  if (lastView?.runId !== view.runId || view.revision === 0) return;
  if (view.revision < lastView.revision) problems.push(`revision ${view.revision} after ${lastView.revision}`);
  const isSame = isDeepStrictEqual(asInResult(view), asInResult(lastView));
  if (view.revision === lastView.revision && !isSame) problems.push(`two views of revision ${view.revision}`);
}

/** Returns the view without the icon and the description of the connector, as in the result of a run. */
export function asInResult({ connector, ...view }: View): View {
  const { icon: _icon, description: _description, ...kept } = connector ?? {};
  return { ...view, ...(connector && { connector: kept as typeof connector }) };
}

/** Returns the inputs that the view asks for, although Cyclr already had them when the view was read. */
function askedAgain(
  { runs }: FlowRecord,
  { runId, state, fields = [] }: View,
  { Authenticated, AuthValue, Properties }: AccountConnector,
): string[] {
  const authValue = runs.find((run) => run.runId === runId)?.authValue;
  const has = (name: string) => Properties.some(({ Name, Value }) => Name === name && Value !== '');
  const again = fields
    .filter(({ name, required, stored }) => required && !stored && has(name))
    .map(({ name }) => `the property ${name}`);
  if (state === 'awaitingCredentials' && Authenticated && AuthValue === authValue) again.push('the credentials');
  return again;
}
