/**
 * The state machine of a flow: its states, its events and the table of transitions.
 * The code here is pure: no Temporal, no clock, no `await`, no `throw`. States and events are plain JSON.
 */
import { authMethodOf, missingFields } from '../connector';
import type { AuthMethod, Connector, Field, Intent, Sealed } from '../connector';
import { problemOf } from '../problems';
import type { Attempt, Failure, FinalStateName, Problem, StateName, Verification, WaitingStateName } from '../view';

type Values = { [targetName: string]: Sealed | string };

/** The members of a state that report a fault: the last problem, and the outage that has not ended yet. */
interface Trouble {
  problem?: Problem;
  /** `operatorsTrouble`: endpoint and status of the call that fails until an operator repairs the cause. */
  outage?: { operatorsTrouble?: string };
}

/** A state holds only the data that its next step needs. A secret of the user is in a state only in sealed form. */
export type State =
  | ({ name: 'fetchingConnector'; intent: Intent } & Trouble)
  | ({ name: 'awaitingProperties'; connector: Connector; verification?: Verification } & Trouble)
  | ({
      name: 'applyingProperties';
      connector: Connector;
      submissionId: string;
      values: Values;
      /**
       * Present if Cyclr has already accepted the credentials. In this case, the flow must not ask the user for
       * credentials again.
       */
      verification?: Verification;
      /** True if the activity sets only the fixed values of the policy, because no user sent an input. */
      byPolicy?: true;
    } & Trouble)
  | ({ name: 'awaitingCredentials'; connector: Connector } & Trouble)
  | ({ name: 'awaitingAuthorization'; connector: Connector; attempt?: Attempt } & Trouble)
  | ({
      name: 'applyingCredentials';
      connector: Connector;
      /** The state that accepted the input. If Cyclr refuses the input, the flow returns to this state. */
      from: WaitingStateName;
      method: AuthMethod;
      /**
       * The submission of the credentials. Absent for client credentials, because they need no input except the
       * properties.
       */
      submissionId?: string;
      credentials?: Sealed;
      attempt?: Attempt;
    } & Trouble)
  | ({
      name: 'verifyingAuthorization';
      connector: Connector;
      /** The id of the attempt that is verified. */
      attemptId: string;
      /** True if a newer attempt exists. In this case, the verification reads the connector only once. */
      superseded: boolean;
      attempt?: Attempt;
    } & Trouble)
  | { name: 'authenticated'; connector: Connector; verification: Verification }
  | { name: 'expired'; connector?: Connector; problem?: Problem }
  | { name: 'cancelled'; connector?: Connector }
  | { name: 'failed'; connector?: Connector; failure: Failure }
  | { name: 'unsupported'; connector: Connector };

/**
 * `by`: the person or program that acts. The state machine does not read `by`: only the timeline shows it. `id`: the id
 * of the submission or of the attempt. If an event type does not declare `id`, only the timeline shows the `id`.
 */
export type Event = (
  | { type: 'connectorFetched'; connector: Connector }
  | { type: 'propertiesSubmitted'; id: string; values: Values }
  | { type: 'propertiesApplied'; connector: Connector }
  | { type: 'credentialsSubmitted'; id: string; credentials: Sealed }
  | { type: 'credentialsApplied'; connector: Connector; verification?: Verification }
  | { type: 'linkMinted'; id: string; attempt: Attempt }
  | { type: 'authorizationReturned'; id: string; superseded: boolean }
  | { type: 'authorizationConfirmed'; connector: Connector; verification?: Verification }
  | { type: 'authorizationNotConfirmed'; connector: Connector }
  /** Cyclr refused the input. `connector`: the connector after the refusal, if the activity re-read it. */
  | { type: 'refused'; problem: Problem; connector?: Connector }
  /** The flow or the activity refused the input before it reached Cyclr. */
  | { type: 'inputRefused'; problem: Problem }
  /**
   * The connector was re-read while the flow waited for the user. `verification`: present if the re-read found new
   * credentials, and the worker checked them.
   */
  | { type: 'rechecked'; connector: Connector; intent: Intent; verification?: Verification }
  /** `taken`: the properties that Cyclr accepted before the failure. `operatorsTrouble`: see `Trouble`. */
  | { type: 'cyclrUnavailable'; retryAfterMs?: number; operatorsTrouble?: string; reason?: string; taken?: string[] }
  | { type: 'outageOutlasted' }
  /** The deadline has passed. `connector`: the connector as the last read returned it. */
  | { type: 'timedOut'; connector?: Connector }
  | { type: 'cancelled'; reason?: string }
  | { type: 'failed'; failure: Failure }
) & { id?: string; by?: string };

type In<N extends StateName> = Extract<State, { name: N }>;
type On<T extends Event['type']> = Extract<Event, { type: T }>;
type Transition<N extends StateName, T extends Event['type']> = (state: In<N>, event: On<T>) => State;
type ActiveStateName = Exclude<StateName, FinalStateName>;
type Table = { [N in ActiveStateName]: { [T in Event['type']]?: Transition<N, T> } } & {
  [N in FinalStateName]: { [T in Event['type']]?: never };
};

export type WaitingState = In<WaitingStateName>;
type ActiveState = In<ActiveStateName>;

const connectorOf = (state: State): { connector?: Connector } =>
  'connector' in state && state.connector ? { connector: state.connector } : {};

/** Transitions from every state that is not final. */
const always = {
  cancelled: (state: ActiveState): State => ({ name: 'cancelled', ...connectorOf(state) }),
  failed: (state: ActiveState, { failure }: On<'failed'>): State => ({
    name: 'failed',
    ...connectorOf(state),
    failure,
  }),
};

/**
 * The event `cyclrUnavailable` sets the problem and the outage of the state, but does not change the name of the state.
 * If the state already has the same outage, the event changes nothing.
 */
const cyclrUnavailable = (state: ActiveState, { operatorsTrouble }: On<'cyclrUnavailable'>): State =>
  state.outage && state.outage.operatorsTrouble === operatorsTrouble
    ? state
    : { ...state, problem: problemOf('cyclrUnavailable'), outage: { ...(operatorsTrouble && { operatorsTrouble }) } };

const expiredInOutage = (state: ActiveState): State => ({
  name: 'expired',
  ...connectorOf(state),
  problem: problemOf('cyclrUnavailable'),
});

const confirmed = ({
  connector,
  verification = 'notChecked',
}: {
  connector: Connector;
  verification?: Verification;
}): State => ({ name: 'authenticated', connector, verification });

/**
 * The state after Cyclr accepted the credentials: `awaitingProperties` if the connector now has a new required
 * property, otherwise `authenticated`. If a property was stored before, the flow does not ask for it again, even if
 * Cyclr's answer shows no stored value.
 */
function confirmedIfComplete(
  { connector: before }: { connector: Connector },
  event: { connector: Connector; verification?: Verification },
): State {
  const { connector, verification = 'notChecked' } = event;
  const wasStored = (name: string) => before.fields.some((field) => field.name === name && field.stored);
  const isComplete = missingFields(connector).every(({ name }) => wasStored(name));
  return isComplete ? confirmed(event) : awaitingProperties(connector, verification);
}

/**
 * Transitions from every waiting state. In a waiting state, an outage can begin only at the last read, which the flow
 * makes after the deadline.
 */
const waiting = {
  inputRefused: (state: ActiveState, { problem }: On<'inputRefused'>): State => ({ ...state, problem }),
  rechecked,
  // A re-read found new credentials, and the third party refused them. The re-read also ends an outage.
  refused: (
    { outage: _outage, ...state }: WaitingState,
    { problem, connector = state.connector }: On<'refused'>,
  ): State => ({ ...state, connector, problem }),
  // The event after a re-read that no input caused. The flow makes this re-read after a link has expired, and when the
  // deadline has passed.
  authorizationConfirmed: (_state: unknown, event: On<'authorizationConfirmed'>) => confirmed(event),
  timedOut: ({ connector }: WaitingState, event: On<'timedOut'>): State => ({
    name: 'expired',
    connector: event.connector ?? connector,
  }),
  cyclrUnavailable,
  outageOutlasted: expiredInOutage,
};

/**
 * Sets `stored` for each property that Cyclr accepted, so that the flow does not ask for this property again after an
 * outage.
 */
const withStored = (state: In<'applyingProperties'>, taken: string[]): In<'applyingProperties'> => {
  const isNew = ({ name, stored }: Field) => !stored && taken.includes(name);
  const { fields } = state.connector;
  if (!fields.some(isNew)) return state;
  const updated = fields.map((field) => (isNew(field) ? { ...field, stored: true } : field));
  return { ...state, connector: { ...state.connector, fields: updated } };
};

const awaitingProperties = (connector: Connector, verification?: Verification): In<'awaitingProperties'> => ({
  name: 'awaitingProperties',
  connector,
  ...(verification && { verification }),
});

type Refusal = { problem: Problem; connector?: Connector };
const backToProperties = (state: In<'applyingProperties'>, { problem, connector }: Refusal): State => ({
  ...awaitingProperties(connector ?? state.connector, state.verification),
  problem,
});
const backToInput = (
  { from, connector, attempt }: In<'applyingCredentials'>,
  { problem, connector: reread }: Refusal,
): State => ({
  name: from,
  connector: reread ?? connector,
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
/** The next state after all required properties are stored, by the auth method of the connector. */
function byAuthMethod(connector: Connector): State {
  const method = authMethodOf(connector);
  switch (method) {
    case 'apiKey':
    case 'basic':
    case 'tokens':
    case 'fields':
      return { name: 'awaitingCredentials', connector };
    case 'consent':
      return { name: 'awaitingAuthorization', connector };
    case 'clientCredentials':
      return { name: 'applyingCredentials', connector, from: 'awaitingProperties', method };
    case 'none':
      // With the method `none`, the flow sets the fixed values of the policy here. With every other supported method, a
      // later activity sets the fixed values.
      if (connector.policy?.lacksValues)
        return { name: 'applyingProperties', connector, submissionId: 'policy', values: {}, byPolicy: true };
      return { name: 'authenticated', connector, verification: 'notChecked' };
    case 'unsupported':
      return { name: 'unsupported', connector };
  }
}

/**
 * The connector after the activity has set the fixed values of the policy. This function removes `lacksValues`, so that
 * the flow sets the fixed values only once after each read. If Cyclr stores a fixed value in another form than the
 * policy has, each read sets `lacksValues` again.
 */
function withFixedValues(connector: Connector): Connector {
  if (!connector.policy?.lacksValues) return connector;
  const { lacksValues: _lacksValues, ...policy } = connector.policy;
  return { ...connector, policy };
}

/**
 * The next state after the properties were set and read. `verification`: present if Cyclr accepted the credentials
 * before.
 */
function byProperties(connector: Connector, verification?: Verification): State {
  if (missingFields(connector).length > 0) return awaitingProperties(connector, verification);
  return verification && isAuthenticated(connector) ? confirmed({ connector, verification }) : byAuthMethod(connector);
}

/**
 * The connector after a re-read. If the third party refused the credentials that Cyclr has stored, they stay refused,
 * although Cyclr reports the connector as authenticated. Only new credentials or a new consent end this refusal.
 */
const withRefusal = (before: Connector, connector: Connector): Connector =>
  before.refusedByCheck && before.authenticated && connector.authenticated && connector.policy?.checks
    ? { ...connector, refusedByCheck: true }
    : connector;

const isAuthenticated = ({ authenticated, refusedByCheck }: Connector): boolean => authenticated && !refusedByCheck;

/** The next state after the connector was read without an input of the user. */
function byConnector(connector: Connector, intent: Intent, verification?: Verification): State {
  if (isAuthenticated(connector) && intent === 'authenticate') return confirmed({ connector, verification });
  const method = authMethodOf(connector);
  const asksFirst = intent === 'reauthenticate' && method === 'clientCredentials';
  const needsProperties = asksFirst || missingFields(connector).length > 0;
  // The flow does not ask for the properties of an unsupported connector, because properties alone cannot authenticate
  // the connector.
  return needsProperties && method !== 'unsupported' ? awaitingProperties(connector) : byAuthMethod(connector);
}

/** The state after a re-read. If the name of the state does not change, the state keeps its problem and its attempt. */
function rechecked(state: WaitingState, { connector: reread, intent, verification }: On<'rechecked'>): State {
  const connector = withRefusal(state.connector, reread);
  const earlier = state.name === 'awaitingProperties' ? state.verification : undefined;
  const next = earlier ? byProperties(connector, earlier) : byConnector(connector, intent, verification);
  // If the flow waits for properties although all required properties are stored, the user must send the properties
  // again. The reason: Cyclr refused a value, or the flow re-authenticates a connector that needs only its properties.
  const isRefused = state.name === 'awaitingProperties' && missingFields(state.connector).length === 0;
  if (next.name !== state.name && (next.name === 'authenticated' || !isRefused)) return next;
  return withConnector(state, connector);
}

const withConnector = (state: WaitingState, connector: Connector): State =>
  JSON.stringify(connector) === JSON.stringify(state.connector) ? state : { ...state, connector };

const table: Table = {
  fetchingConnector: {
    ...always,
    cyclrUnavailable,
    connectorFetched: ({ intent }, { connector }) => byConnector(connector, intent),
    outageOutlasted: expiredInOutage,
  },
  awaitingProperties: {
    ...always,
    ...waiting,
    propertiesSubmitted: ({ connector, verification }, { id, values }) => ({
      name: 'applyingProperties',
      connector,
      submissionId: id,
      values,
      ...(verification && { verification }),
    }),
  },
  applyingProperties: {
    ...always,
    cyclrUnavailable: (state, event) => cyclrUnavailable(withStored(state, event.taken ?? []), event),
    propertiesApplied: ({ connector: before, verification }, { connector: reread }) => {
      const connector = withRefusal(before, reread);
      const missing = missingFields(connector).map(({ name }) => name);
      const next = byProperties(withFixedValues(connector), verification);
      return missing.length > 0 ? { ...next, problem: problemOf('missingProperty', missing) } : next;
    },
    refused: backToProperties,
    inputRefused: backToProperties,
    outageOutlasted: (state) =>
      state.byPolicy ? expiredInOutage(state) : backToProperties(state, { problem: problemOf('cyclrUnavailable') }),
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
  },
  applyingCredentials: {
    ...always,
    cyclrUnavailable,
    credentialsApplied: confirmedIfComplete,
    // `authorizationConfirmed` and `authorizationNotConfirmed` come from the re-reads after Cyclr stored the
    // credentials: see `applyingCredentials` in workflow.ts.
    authorizationConfirmed: confirmedIfComplete,
    authorizationNotConfirmed: (state, { connector }) =>
      backToInput(state, { problem: problemOf('notAuthorized'), connector }),
    refused: backToInput,
    inputRefused: backToInput,
    outageOutlasted: (state) => backToInput(state, { problem: problemOf('cyclrUnavailable') }),
  },
  verifyingAuthorization: {
    ...always,
    cyclrUnavailable,
    authorizationConfirmed: confirmedIfComplete,
    authorizationNotConfirmed: ({ attempt }, { connector }) => ({
      name: 'awaitingAuthorization',
      connector,
      ...(attempt && { attempt }),
      problem: problemOf('notAuthorized'),
    }),
    refused: ({ connector: before, attempt }, { problem, connector }) => ({
      name: 'awaitingAuthorization',
      connector: connector ?? before,
      ...(attempt && { attempt }),
      problem,
    }),
    outageOutlasted: expiredInOutage,
  },
  authenticated: {},
  expired: {},
  cancelled: {},
  failed: {},
  unsupported: {},
};

/** Returns the next state. If the state has no transition for the event, returns the same state object. */
export function transition(state: State, event: Event): State {
  const next = table[state.name][event.type];
  return next ? next(state as never, event as never) : state;
}

/** True if a flow in this state has ended. */
export const isFinal = ({ name }: State): boolean => Object.keys(table[name]).length === 0;

/** The outage of the state. `undefined` if the state has no outage. */
export const outageIn = (state: State): { operatorsTrouble?: string } | undefined =>
  'outage' in state ? state.outage : undefined;

/** True if the flow waits for the user in this state. */
export const isWaiting = (state: State): state is WaitingState => 'timedOut' in table[state.name];
