/**
 * The order of things: every state an authentication can be in, everything that can happen, and the table of arrows.
 * Pure: no Temporal, no clock, no `await`, no `throw`. States and events are plain JSON.
 */
import type { AuthMethod, Connector, Field, Intent, Sealed } from '../connector';
import { authMethodOf, missingFields } from '../connector';
import type { Attempt, Failure, FinalStateName, Problem, StateName, Verification, WaitingStateName } from '../view';
import { problemOf } from '../problems';

/** A state holds exactly what its next step needs; what a user typed is in it only sealed. */
export type State =
  | { name: 'fetchingConnector'; intent: Intent; problem?: Problem }
  | { name: 'awaitingProperties'; connector: Connector; problem?: Problem }
  | {
      name: 'applyingProperties';
      connector: Connector;
      submissionId: string;
      values: { [targetName: string]: Sealed | string };
      problem?: Problem;
    }
  | { name: 'awaitingCredentials'; connector: Connector; problem?: Problem }
  | { name: 'awaitingAuthorization'; connector: Connector; attempt?: Attempt; problem?: Problem }
  | {
      name: 'applyingCredentials';
      connector: Connector;
      /** Where the input came from, and where a refusal leads back to. */
      from: WaitingStateName;
      method: AuthMethod;
      /** Absent where the properties are enough. */
      submissionId?: string;
      credentials?: Sealed;
      attempt?: Attempt;
      problem?: Problem;
    }
  | {
      name: 'verifyingAuthorization';
      connector: Connector;
      /** The attempt that came back, and whether a newer one has taken its place: then one look is enough. */
      attemptId: string;
      superseded: boolean;
      attempt?: Attempt;
      problem?: Problem;
    }
  | { name: 'authenticated'; connector: Connector; verification: Verification }
  | { name: 'expired'; connector?: Connector; problem?: Problem }
  | { name: 'cancelled'; connector?: Connector }
  | { name: 'failed'; connector?: Connector; failure: Failure }
  | { name: 'unsupported'; connector: Connector };

/** What happened. `id` (the submission or the attempt) and `by` are for the timeline. */
export type Event = (
  | { type: 'connectorFetched'; connector: Connector }
  | { type: 'propertiesSubmitted'; id: string; values: { [targetName: string]: Sealed | string } }
  | { type: 'propertiesApplied'; connector: Connector }
  | { type: 'credentialsSubmitted'; id: string; credentials: Sealed }
  | { type: 'credentialsApplied'; connector: Connector }
  | { type: 'linkMinted'; id: string; attempt: Attempt }
  | { type: 'authorizationReturned'; id: string; superseded: boolean }
  | { type: 'authorizationConfirmed'; connector: Connector; verification?: Verification }
  | { type: 'authorizationNotConfirmed' }
  /** Cyclr did not take it; `connector` where some of it was taken. */
  | { type: 'refused'; problem: Problem; connector?: Connector }
  /** It can't be used, and did not reach Cyclr. */
  | { type: 'inputRefused'; problem: Problem }
  /** `taken` are the properties that Cyclr took before. */
  | { type: 'cyclrUnavailable'; retryAfterMs?: number; operatorsTrouble?: boolean; taken?: string[] }
  | { type: 'outageOutlasted' }
  | { type: 'timedOut' }
  | { type: 'cancelled'; reason?: string }
  | { type: 'failed'; failure: Failure }
) & { id?: string; by?: string };

type In<N extends StateName> = Extract<State, { name: N }>;
type On<T extends Event['type']> = Extract<Event, { type: T }>;
type Arrow<N extends StateName, T extends Event['type']> = (state: In<N>, event: On<T>) => State;
type Table = { [N in StateName]: { [T in Event['type']]?: Arrow<N, T> } };

type ActiveState = In<Exclude<StateName, FinalStateName>>;
const connectorOf = (state: State): { connector?: Connector } =>
  'connector' in state && state.connector ? { connector: state.connector } : {};

/** What can happen to every authentication that has not ended. */
const always = {
  cancelled: (state: ActiveState): State => ({ name: 'cancelled', ...connectorOf(state) }),
  failed: (state: ActiveState, { failure }: On<'failed'>): State => ({
    name: 'failed',
    ...connectorOf(state),
    failure,
  }),
};

/** What can happen wherever somebody is waited for. */
const waiting = {
  inputRefused: (state: ActiveState, { problem }: On<'inputRefused'>): State => ({ ...state, problem }),
  timedOut: (state: ActiveState): State => ({ name: 'expired', ...connectorOf(state) }),
};

/** What can happen wherever Cyclr is called. A second outage in a row is nothing new. */
const working = {
  cyclrUnavailable: (state: ActiveState): State =>
    state.problem?.code === 'cyclrUnavailable' ? state : { ...state, problem: problemOf('cyclrUnavailable') },
};
/** What Cyclr took is not asked for again, however long it is away then. */
const knowing = (state: In<'applyingProperties'>, taken: string[]): In<'applyingProperties'> => {
  const isNews = ({ name, stored }: Field) => !stored && taken.includes(name);
  const { fields } = state.connector;
  if (!fields.some(isNews)) return state;
  const known = fields.map((field) => (isNews(field) ? { ...field, stored: true } : field));
  return { ...state, connector: { ...state.connector, fields: known } };
};
const outlasted = (state: ActiveState): State => ({
  name: 'expired',
  ...connectorOf(state),
  problem: problemOf('cyclrUnavailable'),
});

type Back = { problem: Problem; connector?: Connector };
const toProperties = (state: { connector: Connector }, { problem, connector }: Back): State => ({
  name: 'awaitingProperties',
  connector: connector ?? state.connector,
  problem,
});
const backToInput = ({ from, connector, attempt }: In<'applyingCredentials'>, { problem }: Back): State => ({
  name: from,
  connector,
  ...(attempt && { attempt }),
  problem,
});
const submitted = (
  state: In<'awaitingCredentials' | 'awaitingAuthorization'>,
  { id, credentials }: On<'credentialsSubmitted'>,
): State => ({
  name: 'applyingCredentials',
  connector: state.connector,
  from: state.name,
  method: state.name === 'awaitingAuthorization' ? 'tokens' : authMethodOf(state.connector),
  submissionId: id,
  credentials,
  ...('attempt' in state && { attempt: state.attempt }),
});
const confirmed = (
  _state: unknown,
  { connector, verification = 'notChecked' }: { connector: Connector; verification?: Verification },
): State => ({ name: 'authenticated', connector, verification });

const table: Table = {
  fetchingConnector: {
    ...always,
    ...working,
    connectorFetched: ({ intent }, { connector }) => {
      if (connector.authenticated && intent === 'authenticate') return confirmed(null, { connector });
      const asksFirst = intent === 'reauthenticate' && authMethodOf(connector) === 'clientCredentials';
      return asksFirst || missingFields(connector).length > 0
        ? { name: 'awaitingProperties', connector }
        : byMethod(connector);
    },
    outageOutlasted: outlasted,
  },
  awaitingProperties: {
    ...always,
    ...waiting,
    propertiesSubmitted: ({ connector }, { id, values }) => ({
      name: 'applyingProperties',
      connector,
      submissionId: id,
      values,
    }),
  },
  applyingProperties: {
    ...always,
    cyclrUnavailable: (state, { taken = [] }) => working.cyclrUnavailable(knowing(state, taken)),
    propertiesApplied: (_state, { connector }) => {
      const missing = missingFields(connector).map(({ name }) => name);
      return missing.length > 0
        ? { name: 'awaitingProperties', connector, problem: problemOf('missingProperty', missing) }
        : byMethod(connector);
    },
    refused: toProperties,
    inputRefused: toProperties,
    outageOutlasted: (state) => toProperties(state, { problem: problemOf('cyclrUnavailable') }),
  },
  awaitingCredentials: { ...always, ...waiting, credentialsSubmitted: submitted },
  awaitingAuthorization: {
    ...always,
    ...waiting,
    credentialsSubmitted: submitted,
    linkMinted: (state, { attempt }) => ({ ...state, attempt }),
    authorizationReturned: ({ connector, attempt }, { id, superseded }) => ({
      name: 'verifyingAuthorization',
      connector,
      attemptId: id,
      superseded,
      ...(attempt && { attempt }),
    }),
    // A look without a return: when a link has run out, and before the deadline ends the wait.
    authorizationConfirmed: confirmed,
  },
  applyingCredentials: {
    ...always,
    ...working,
    credentialsApplied: confirmed,
    // Where Cyclr authenticates only at its next call, it is asked until it has.
    authorizationConfirmed: confirmed,
    authorizationNotConfirmed: (state) => backToInput(state, { problem: problemOf('notAuthorized') }),
    refused: backToInput,
    inputRefused: backToInput,
    outageOutlasted: (state) => backToInput(state, { problem: problemOf('cyclrUnavailable') }),
  },
  verifyingAuthorization: {
    ...always,
    ...working,
    authorizationConfirmed: confirmed,
    authorizationNotConfirmed: ({ connector, attempt }) => ({
      name: 'awaitingAuthorization',
      connector,
      ...(attempt && { attempt }),
      problem: problemOf('notAuthorized'),
    }),
    outageOutlasted: outlasted,
  },
  authenticated: {},
  expired: {},
  cancelled: {},
  failed: {},
  unsupported: {},
};

/** Where a connector that has its properties goes, by its auth type. */
function byMethod(connector: Connector): State {
  const method = authMethodOf(connector);
  switch (method) {
    case 'apiKey':
    case 'basic':
    case 'tokens':
      return { name: 'awaitingCredentials', connector };
    case 'consent':
      return { name: 'awaitingAuthorization', connector };
    case 'clientCredentials':
      return { name: 'applyingCredentials', connector, from: 'awaitingProperties', method };
    case 'none':
      return { name: 'authenticated', connector, verification: 'notChecked' };
    case 'unsupported':
      return { name: 'unsupported', connector };
  }
}

/** The next state. An event without an arrow from here changes nothing: the same object comes back. */
export function transition(state: State, event: Event): State {
  const arrow = table[state.name][event.type];
  return arrow ? arrow(state as never, event as never) : state;
}

/** Whether an authentication in this state has ended. */
export const isFinal = ({ name }: State): boolean => Object.keys(table[name]).length === 0;

export type WaitingState = In<WaitingStateName>;

/** Whether this state waits for somebody, and not for Cyclr. */
export const isWaiting = (state: State): state is WaitingState => 'timedOut' in table[state.name];
