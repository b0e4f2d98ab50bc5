/**
 * The state machine of a monitor: its states, its events and the table of transitions.
 * Pure: no Temporal, no clock, no `await`, no `throw`. States and events are plain JSON.
 */
import type { ConnectionState, Outcome } from '../connection';

/** The data of every state. */
export interface Facts {
  /** The connector's name. Absent before the first read. */
  connectorName?: string;
  lastOutcome?: Outcome;
}

/** The data of a connection that is broken. */
interface Broken {
  /**
   * True if Cyclr has reported `Authenticated: false` since the connection broke. Only after this report does
   * `Authenticated: true` mean that the connection works again.
   */
  denied: boolean;
}

/** `since`: when the connection entered the state. ISO 8601. */
export type State =
  /** Before the first read. */
  | ({ name: 'starting'; since: string } & Facts)
  | ({ name: 'connected'; since: string } & Facts)
  /** `isDue`: the policy has `reauthenticate: automatic`, and the monitor has not started the flow yet. */
  | ({ name: 'broken'; since: string; isDue?: true } & Facts & Broken)
  | ({ name: 'reauthenticating'; since: string } & Facts & Broken)
  | ({ name: 'gone'; since: string } & Facts);
export type MonitorStateName = State['name'];

export type EventBody =
  | {
      type: 'connectorRead';
      /** Cyclr's `Authenticated`. */
      authenticated: boolean;
      connectorName: string;
      /**
       * The end of the latest flow. Absent if the monitor already knows this end, if the flow is open, or if Temporal
       * has no run of the flow.
       */
      outcome?: Outcome;
      isFlowOpen?: true;
      /** When a call of a cycle failed to authenticate. Present only if the cycle has no other connector. */
      failedAt?: string;
      /** True if the policy has `reauthenticate: automatic`. */
      automatic?: true;
    }
  | { type: 'flowFinished'; outcome: Outcome }
  /** The flow of an automatic re-authentication was started, or was open already. */
  | { type: 'flowStarted'; runId: string }
  | { type: 'connectorGone' };
/** `at`: the time of the event, in ISO 8601. */
export type Event = EventBody & { at: string };

type In<N extends MonitorStateName> = Extract<State, { name: N }>;
type On<T extends Event['type']> = Extract<Event, { type: T }>;
type Transition<N extends MonitorStateName, T extends Event['type']> = (state: In<N>, event: On<T>) => State;
type Table = { [N in Exclude<MonitorStateName, 'gone'>]: { [T in Event['type']]?: Transition<N, T> } } & {
  gone: { [T in Event['type']]?: never };
};

/** The state before the first read. */
export const initialState = (at: string): State => ({ name: 'starting', since: at });

const factsOf = ({ connectorName, lastOutcome }: State): Facts => ({
  ...(connectorName !== undefined && { connectorName }),
  ...(lastOutcome && { lastOutcome }),
});

const isBroken = (state: State): state is In<'broken' | 'reauthenticating'> =>
  state.name === 'broken' || state.name === 'reauthenticating';

const connected = (state: State, at: string): State => ({ name: 'connected', since: at, ...factsOf(state) });

/**
 * The state after the end of a flow. The state does not change if the monitor already knows this end, or a newer end.
 */
function flowFinished(state: State, { outcome, at }: Omit<On<'flowFinished'>, 'type'>): State {
  const { lastOutcome } = state;
  if (lastOutcome && (lastOutcome.runId === outcome.runId || outcome.at < lastOutcome.at)) return state;
  const known: State = { ...state, lastOutcome: outcome };
  if (!isBroken(state) || outcome.at < state.since) return known;
  if (outcome.state === 'authenticated') return connected(known, at);
  return state.name === 'reauthenticating' ? brokenAgain({ ...state, lastOutcome: outcome }, at) : known;
}

/**
 * The state after a re-authentication has ended without success. The monitor starts no further re-authentication before
 * the next break.
 */
const brokenAgain = (state: In<'reauthenticating'>, at: string): State => ({
  name: 'broken',
  since: at,
  denied: state.denied,
  ...factsOf(state),
});

function connectorRead(before: State, event: On<'connectorRead'>): State {
  const { outcome, connectorName, at } = event;
  const state = withName(outcome ? flowFinished(before, { outcome, at }) : before, connectorName);
  if (state.name === 'reauthenticating') return reauthenticationRead(state, event);
  if (!event.authenticated) return state.name === 'broken' ? denied(state) : broken(state, event, true);
  if (isFailed(state, event.failedAt) && !isBroken(state)) return broken(state, event, false);
  return state.name === 'starting' || (state.name === 'broken' && state.denied) ? connected(state, at) : state;
}

/**
 * True if a call failed after the state was entered, and no flow has authenticated the connector after this failure.
 */
function isFailed(state: State, failedAt: string | undefined): boolean {
  if (failedAt === undefined) return false;
  const { lastOutcome } = state;
  const isRepaired = lastOutcome?.state === 'authenticated' && failedAt < lastOutcome.at;
  return !isRepaired && (state.name === 'starting' || failedAt >= state.since);
}

function reauthenticationRead(state: In<'reauthenticating'>, event: On<'connectorRead'>): State {
  if (event.authenticated && state.denied) return connected(state, event.at);
  const read = event.authenticated ? state : denied(state);
  // If no flow is open, the monitor will get no end of a flow. Without this transition, the monitor would stay in
  // `reauthenticating` for ever.
  return event.isFlowOpen ? read : brokenAgain(read, event.at);
}

const withName = <S extends State>(state: S, connectorName: string): S =>
  state.connectorName === connectorName ? state : { ...state, connectorName };

const denied = <S extends In<'broken' | 'reauthenticating'>>(state: S): S =>
  state.denied ? state : { ...state, denied: true };

const broken = (state: State, { at, automatic }: On<'connectorRead'>, isDenied: boolean): State => ({
  name: 'broken',
  since: at,
  denied: isDenied,
  ...(automatic && { isDue: automatic }),
  ...factsOf(state),
});

/**
 * The state after the monitor has started or found a flow. If the monitor already knows the end of this run, the
 * connection stays broken.
 */
function flowStarted({ isDue: _due, ...state }: In<'broken'>, { runId, at }: On<'flowStarted'>): State {
  return state.lastOutcome?.runId === runId ? state : { ...state, name: 'reauthenticating', since: at };
}

const always = {
  connectorRead,
  flowFinished,
  connectorGone: (state: State, { at }: On<'connectorGone'>): State => ({ name: 'gone', since: at, ...factsOf(state) }),
};

const table: Table = {
  starting: always,
  connected: always,
  broken: { ...always, flowStarted },
  reauthenticating: always,
  gone: {},
};

/**
 * Returns the next state. If the state has no transition for the event, or if the event changes nothing, returns the
 * same object.
 */
export function transition(state: State, event: Event): State {
  const next = table[state.name][event.type];
  return next ? (next as (state: State, event: Event) => State)(state, event) : state;
}

/** True if the monitor ends in this state. */
export const isFinal = ({ name }: State): boolean => Object.keys(table[name]).length === 0;

/** The public name of a state; `undefined` before the first read. */
export const connectionStateOf = ({ name }: State): ConnectionState | undefined =>
  name === 'starting' ? undefined : name;

/** The type of the event that reports a change of the state. `undefined` if no event reports the change. */
export function eventTypeOf(
  before: State,
  after: State,
): 'connection.broken' | 'connection.restored' | 'connection.gone' | undefined {
  if (after.name === before.name) return undefined;
  if (after.name === 'gone') return 'connection.gone';
  if (isBroken(after)) return isBroken(before) ? undefined : 'connection.broken';
  return isBroken(before) ? 'connection.restored' : undefined;
}
