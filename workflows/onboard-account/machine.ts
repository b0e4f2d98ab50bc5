/**
 * The state machine of an onboarding: its states, its events and the table of transitions.
 * The code here is pure: no Temporal, no clock, no `await`, no `throw`. States and events are plain JSON.
 */
import type { Intent } from '../connector';
import {
  MAX_CONNECTORS,
  type FinalOnboardingState,
  type Lack,
  type OnboardedConnector,
  type OnboardedCycle,
  type OnboardingFailure,
} from '../onboarding';
import type { FlowStatus, ScopeConnector } from '../ports';
import type { FinalStateName } from '../view';

/** One connector of the onboarding. */
export interface Item extends OnboardedConnector {
  /**
   * True if a caller has named the connector. In this case, the connector stays in the list even if Cyclr does not
   * return the connector.
   */
  listed?: boolean;
  /** True for a connector that a caller has named, until the onboarding has read the connector from Cyclr. */
  unread?: boolean;
}

/** The data of every state. */
export interface Facts {
  intent: Intent;
  /** True if the onboarding activates the cycle. */
  activates: boolean;
  items: Item[];
  cycle?: OnboardedCycle;
  /** True if the onboarding has read the scope from Cyclr. */
  hasRead?: boolean;
}

/**
 * The outage that has not ended yet. `operatorsTrouble`: endpoint and status of the failed call, if only an operator
 * can repair its cause.
 */
interface Trouble {
  outage?: { operatorsTrouble?: string };
}

export type State =
  | ({ name: 'readingScope' } & Facts & Trouble)
  | ({ name: 'startingFlows' } & Facts)
  | ({ name: 'awaitingFlows' } & Facts)
  | ({ name: 'activatingCycle' } & Facts & Trouble)
  | ({ name: 'cancellingFlows' } & Facts)
  | ({ name: 'completed' } & Facts)
  | ({ name: 'incomplete' } & Facts)
  | ({ name: 'cancelled' } & Facts)
  | ({ name: 'failed'; failure: OnboardingFailure } & Facts);
export type OnboardingStateName = State['name'];

export type EventBody =
  /** `asked`: the connectors that the onboarding knew when it called `readScope`. */
  | { type: 'scopeRead'; connectors: ScopeConnector[]; asked: number[]; lacks?: Lack[] }
  | { type: 'flowsStarted'; flows: FlowStatus[] }
  | { type: 'connectorFinished'; connectorId: number; state: FinalStateName; runId: string }
  | { type: 'connectorsAdded'; connectorIds: number[] }
  /**
   * The present status of flows that may have ended, or may have been started again, without a signal to the
   * onboarding.
   */
  | { type: 'flowsChecked'; flows: FlowStatus[] }
  | { type: 'cycleActivated' }
  /** Cyclr did not activate the cycle. */
  | { type: 'cycleBlocked'; lacks: Lack[] }
  | { type: 'cyclrUnavailable'; retryAfterMs?: number; operatorsTrouble?: string; reason?: string }
  | { type: 'outageOutlasted' }
  | { type: 'cancelled'; cancelFlows: boolean }
  | { type: 'flowsCancelled' }
  | { type: 'failed'; failure: OnboardingFailure };
/** `at`: the time of the event, in ISO 8601. */
export type Event = EventBody & { at: string };

type FinalName = FinalOnboardingState;
type ActiveName = Exclude<OnboardingStateName, FinalName>;
type In<N extends OnboardingStateName> = Extract<State, { name: N }>;
type On<T extends Event['type']> = Extract<Event, { type: T }>;
type Transition<N extends OnboardingStateName, T extends Event['type']> = (state: In<N>, event: On<T>) => State;
type Table = { [N in ActiveName]: { [T in Event['type']]?: Transition<N, T> } } & {
  [N in FinalName]: { [T in Event['type']]?: never };
};
type ActiveState = In<ActiveName>;

/** The state before the first read of the scope. */
export const initialState = (facts: Omit<Facts, 'items'>, listed: readonly number[] = []): State => ({
  name: 'readingScope',
  ...facts,
  items: [...new Set(listed)].map(unreadItem),
});

const unreadItem = (connectorId: number): Item => ({
  connectorId,
  name: `Connector ${connectorId}`,
  state: 'waiting',
  listed: true,
  unread: true,
});

const factsOf = ({ intent, activates, items, cycle, hasRead }: State): Facts => ({
  intent,
  activates,
  items,
  ...(cycle && { cycle }),
  ...(hasRead && { hasRead }),
});

/** Replaces the items. Returns the same state object if no item has changed. */
const withItems = <S extends State>(state: S, items: Item[]): S =>
  items.length === state.items.length && items.every((item, index) => item === state.items[index])
    ? state
    : { ...state, items };

const isIn = (state: Item['state']) => (item: Item) => item.state === state;

/**
 * Chooses the next state by the items. As long as an item is unread, the onboarding reads the scope. After that, the
 * onboarding starts the waiting flows, and then awaits the open flows. When all flows have ended, the onboarding reads
 * the scope once more, because the scope can have a new connector. `wasRead`: true if the onboarding has just read the
 * scope.
 */
function proceed(state: State, wasRead = false): State {
  const { items } = state;
  if (items.some(({ unread }) => unread)) return { name: 'readingScope', ...factsOf(state) };
  if (items.some(isIn('waiting'))) return { name: 'startingFlows', ...factsOf(state) };
  if (items.some(isIn('running'))) return { name: 'awaitingFlows', ...factsOf(state) };
  return wasRead ? concluded(state) : { name: 'readingScope', ...factsOf(state) };
}

/**
 * The next state after the flows of all connectors have ended, and the last read of the scope has found no new
 * connector.
 */
function concluded(state: State): State {
  const facts = factsOf(state);
  if (!facts.items.every(isIn('authenticated'))) return { name: 'incomplete', ...facts };
  if (!facts.activates || facts.cycle?.state === 'active') return { name: 'completed', ...facts };
  return { name: facts.cycle?.state === 'blocked' ? 'incomplete' : 'activatingCycle', ...facts };
}

function scopeRead(state: In<'readingScope'>, { connectors, asked, lacks, at }: On<'scopeRead'>): State {
  const found = new Map(connectors.map((connector) => [connector.connectorId, connector]));
  const known = new Set(state.items.map(({ connectorId }) => connectorId));
  const wasAsked = new Set(asked);
  const reread = (item: Item) =>
    item.unread && !wasAsked.has(item.connectorId) ? item : rereadItem(state, item, found.get(item.connectorId), at);
  const items = [
    ...state.items.flatMap((item) => reread(item) ?? []),
    ...connectors.filter(({ connectorId, needed }) => needed && !known.has(connectorId)).map(waitingItem),
  ];
  return proceed({ ...state, items, hasRead: true, ...cycleWith(state, lacks) }, true);
}

const waitingItem = ({ connectorId, name }: ScopeConnector): Item => ({ connectorId, name, state: 'waiting' });

/** The item after a read of the scope. `undefined` for a connector that is no longer in the scope. */
function rereadItem({ intent }: Facts, item: Item, found: ScopeConnector | undefined, at: string): Item | undefined {
  const { unread: _unread, ...read } = { ...item, ...(found && { name: found.name }) };
  if (item.state === 'running' || item.state === 'authenticated') return read;
  // The connector needs no flow, because it is already authenticated.
  if (found?.authenticated && intent === 'authenticate') return { ...read, state: 'authenticated', since: at };
  return item.listed || found?.needed ? read : undefined;
}

/** The cycle with the prerequisites that it lacks. An active cycle stays active. */
function cycleWith({ cycle }: Facts, lacks: Lack[] = []): { cycle?: OnboardedCycle } {
  if (!cycle || cycle.state === 'active') return {};
  return { cycle: lacks.length > 0 ? blocked(cycle, lacks) : { id: cycle.id, state: 'paused' } };
}

const blocked = ({ id }: OnboardedCycle, lacks: Lack[]): OnboardedCycle => ({
  id,
  state: 'blocked',
  ...(lacks.length > 0 && { lacks }),
});

/**
 * The state after the start of the flows. The event gives each item the run and the status of its flow. Three kinds of
 * items do not change: unread items, authenticated items, and items that already have the run of this event. (The
 * signal about the end of a run can arrive before this event, so an item can already have a final state.)
 */
function flowsStarted(state: State, { flows, at }: On<'flowsStarted'>): State {
  const started = new Map(flows.map((flow) => [flow.connectorId, flow]));
  const items = state.items.map((item) => {
    const flow = started.get(item.connectorId);
    const isKnown = item.unread || item.state === 'authenticated' || flow?.runId === item.runId;
    return flow && !isKnown ? withFlow(item, flow, at) : item;
  });
  return proceed({ ...state, items });
}

const withFlow = (item: Item, { runId, state }: FlowStatus, at: string): Item => ({
  ...item,
  state,
  ...(runId !== undefined && { runId }),
  since: at,
});

/**
 * The state after the end of a flow. Changes nothing if the connector is unknown, unread or already authenticated, or
 * if the onboarding already knows the end of the run. If the connector is unread, this onboarding has not started its
 * flow: an earlier onboarding with the same id has started it.
 */
function connectorFinished<S extends State>(state: S, { at, ...flow }: On<'connectorFinished'>): S {
  const isOf = (item: Item) => item.connectorId === flow.connectorId && canEnd(item, flow);
  return withItems(
    state,
    state.items.map((item) => (isOf(item) ? withFlow(item, flow, at) : item)),
  );
}

const canEnd = ({ state, runId, unread }: Item, flow: FlowStatus): boolean =>
  !unread && (state === 'waiting' || state === 'running' || (state !== 'authenticated' && runId !== flow.runId));

/** Adds connectors. Changes nothing if the onboarding would have more than 500 connectors. */
function connectorsAdded<S extends State>(state: S, { connectorIds }: On<'connectorsAdded'>): S {
  const known = new Set(state.items.map(({ connectorId }) => connectorId));
  const added = [...new Set(connectorIds)].filter((id) => !known.has(id)).map(unreadItem);
  return state.items.length + added.length > MAX_CONNECTORS ? state : withItems(state, [...state.items, ...added]);
}

/** The final states that a connector leaves again when a new run of its flow is open. */
const reopenable: readonly Item['state'][] = ['expired', 'failed', 'cancelled'];

function flowsChecked<S extends State>(state: S, { flows, at }: On<'flowsChecked'>): S {
  const checked = new Map(flows.map((flow) => [flow.connectorId, flow]));
  const recheck = (item: Item): Item => {
    const flow = checked.get(item.connectorId);
    if (!flow || (flow.state === item.state && flow.runId === item.runId)) return item;
    const isReopened = flow.state === 'running' && reopenable.includes(item.state) && flow.runId !== item.runId;
    return item.state === 'running' || isReopened ? withFlow(item, flow, at) : item;
  };
  return withItems(state, state.items.map(recheck));
}

/** If the event has changed an item, goes to the next state that {@link proceed} chooses. */
const thenProceed =
  <E extends Event>(change: (state: State, event: E) => State) =>
  (state: In<'awaitingFlows'>, event: E): State => {
    const changed = change(state, event);
    return changed === state ? state : proceed(changed);
  };

/**
 * The event `cyclrUnavailable` sets the outage of the state, but does not change the name of the state. If the state
 * already has the same outage, the event changes nothing.
 */
const cyclrUnavailable = (
  state: In<'readingScope' | 'activatingCycle'>,
  { operatorsTrouble }: On<'cyclrUnavailable'>,
): State =>
  state.outage && state.outage.operatorsTrouble === operatorsTrouble
    ? state
    : { ...state, outage: { ...(operatorsTrouble && { operatorsTrouble }) } };

const incomplete = (state: ActiveState): State => ({ name: 'incomplete', ...factsOf(state) });

/** Transitions from every state that is not final, except `cancellingFlows`. */
const always = {
  connectorFinished,
  connectorsAdded,
  flowsChecked,
  cancelled: (state: ActiveState, { cancelFlows }: On<'cancelled'>): State => ({
    name: cancelFlows ? 'cancellingFlows' : 'cancelled',
    ...factsOf(state),
  }),
  failed: (state: ActiveState, { failure }: On<'failed'>): State => ({ name: 'failed', ...factsOf(state), failure }),
};

const table: Table = {
  readingScope: { ...always, scopeRead, cyclrUnavailable, outageOutlasted: incomplete },
  startingFlows: { ...always, flowsStarted },
  awaitingFlows: {
    ...always,
    connectorFinished: thenProceed(connectorFinished),
    connectorsAdded: thenProceed(connectorsAdded),
    flowsChecked: thenProceed(flowsChecked),
  },
  activatingCycle: {
    ...always,
    cycleActivated: (state) => proceed({ ...state, cycle: { id: state.cycle!.id, state: 'active' } }, true),
    cycleBlocked: (state, { lacks }) => proceed({ ...state, cycle: blocked(state.cycle!, lacks) }, true),
    cyclrUnavailable,
    outageOutlasted: incomplete,
  },
  cancellingFlows: {
    connectorFinished,
    flowsCancelled: (state) => ({ name: 'cancelled', ...factsOf(state) }),
  },
  completed: {},
  incomplete: {},
  cancelled: {},
  failed: {},
};

/**
 * Returns the next state. If the state has no transition for the event, or if the event changes nothing, returns the
 * same object.
 */
export function transition(state: State, event: Event): State {
  const next = table[state.name][event.type];
  return next ? next(state as never, event as never) : state;
}

/** True if an onboarding in this state has ended. */
export const isFinal = ({ name }: State): boolean => Object.keys(table[name]).length === 0;
