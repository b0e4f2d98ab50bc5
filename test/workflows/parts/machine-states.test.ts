import { explore, type Step } from './explore';
import { attempt, connector, kinds, withMissing } from '../../../scripts/faults/machine-samples';
import { authMethodOf, type Connector, type Field, type Intent } from '../../../workflows/connector';
import { isWaiting, transition, type Event, type State } from '../../../workflows/authenticate-connector/machine';
import { problemOf } from '../../../workflows/problems';
import { finalStates, stateNames } from '../../../workflows/view';

/** The values that the user sends. No waiting state and no final state may hold one of these values. */
const SEALED = 'a..sealed.c.d';
const IN_CLEAR = 'value-of-the-user';

const field: Field = { name: 'Domain', label: 'Domain', required: true, secret: false, stored: false };
const more: Connector[] = [
  connector('ApiKey', { policy: { digest: 'd1', checks: true } }),
  connector('OAuth1', { policy: { digest: 'd1', checks: true } }),
  connector('OAuth2', { oauth2Type: 'ClientCredentials', policy: { digest: 'd1', checks: true } }),
];

/** Returns all forms of a connector that Cyclr can report: with or without a missing property, authenticated or not. */
const readsOf = (kind: Connector): Connector[] =>
  [kind, withMissing(kind), { ...kind, fields: [{ ...field, stored: true }] }].flatMap((one) => [
    one,
    { ...one, authenticated: true },
  ]);

/** The forms of a connector whose stored credentials the third party has refused. */
const refusedReadsOf = (kind: Connector): Connector[] =>
  readsOf(kind)
    .filter(({ authenticated, policy }) => authenticated && policy?.checks)
    .map((one) => ({ ...one, refusedByCheck: true }));

const problems = [problemOf('refused'), problemOf('malformed')];
const isFinal = ({ name }: State): boolean => finalStates.includes(name);
const reads = ['connectorFetched', 'propertiesApplied', 'timedOut'] as const;

/** The events that need no input of the user. */
const eventsWithoutInput = (kind: Connector, intent: Intent): Event[] => [
  ...readsOf(kind).flatMap((connector): Event[] => [
    ...reads.map((type) => ({ type, connector })),
    { type: 'rechecked', connector, intent },
    { type: 'authorizationNotConfirmed', connector },
  ]),
  ...problems.map((problem): Event => ({ type: 'inputRefused', problem })),
  { type: 'cyclrUnavailable' },
  { type: 'cyclrUnavailable', taken: ['Domain'] },
  { type: 'cyclrUnavailable', operatorsTrouble: '403' },
  { type: 'outageOutlasted' },
  { type: 'linkMinted', id: 'a1', attempt },
];

/** The events of a flow. The connector is always authenticated in `credentialsApplied` and `authorizationConfirmed`. */
const eventsOf = (kind: Connector, intent: Intent): Event[] => [
  ...eventsWithoutInput(kind, intent),
  { type: 'propertiesSubmitted', id: 's1', values: { Domain: IN_CLEAR, Key: { sealed: SEALED } } },
  { type: 'credentialsSubmitted', id: 's2', credentials: { sealed: SEALED } },
  { type: 'authorizationReturned', id: 'a1', superseded: false },
  { type: 'refused', problem: problems[0]! },
  ...[...readsOf(kind), ...refusedReadsOf(kind)].map((connector): Event => ({
    type: 'refused',
    problem: problems[0]!,
    connector,
  })),
  ...readsOf(kind)
    .filter(({ authenticated }) => authenticated)
    .flatMap((connector): Event[] => [
      { type: 'credentialsApplied', connector },
      { type: 'authorizationConfirmed', connector, verification: 'unproven' },
    ]),
];
const interruptions: Event[] = [
  { type: 'cancelled' },
  { type: 'failed', failure: { code: 'connectorNotFound', message: 'gone' } },
];

const labelOf = (event: Event): string => {
  const { connector: of } = event as { connector?: Connector };
  const missing = of?.fields.some(({ stored }) => !stored) ? ' lacks' : '';
  return `${event.type}${of ? `(${of.authenticated ? 'authenticated' : 'not authenticated'}${missing})` : ''}`;
};

interface Sent extends Step<State> {
  event: Event;
}

const stepsBy =
  (events: readonly Event[]) =>
  (state: State): Sent[] =>
    events.map((event) => ({
      label: labelOf(event),
      event,
      isCertain: !interruptions.includes(event),
      next: transition(state, event),
    }));

const start = (intent: Intent): State => ({ name: 'fetchingConnector', intent });
const nameOf = ({ authType, oauth2Type = '', partnerSupplied, policy }: Connector, intent: Intent) =>
  `${intent} ${authType} ${oauth2Type}${partnerSupplied ? ' of a partner' : ''}${policy ? ' with a policy' : ''}`;

/** Explores the state machine for one kind of connector, and collects the steps that authenticate the connector. */
function exploreFlow(kind: Connector, intent: Intent) {
  const events = [...eventsOf(kind, intent), ...interruptions];
  const authentications: Sent[] = [];
  const checkStep = (before: State, step: Step<State>): void => {
    if (before.name !== 'authenticated' && step.next.name === 'authenticated') authentications.push(step as Sent);
  };
  const found = explore({ starts: [start(intent)], stepsOf: stepsBy(events), isFinal, checkStep });
  return { kind, intent, name: nameOf(kind, intent), events, authentications, ...found };
}

const flows = [...kinds, ...more].flatMap((kind) =>
  (['authenticate', 'reauthenticate'] as const).map((intent) => exploreFlow(kind, intent)),
);

/** Returns the states of all flows that violate a rule, each with the kind of its connector. */
const violations = (breaks: (state: State, events: readonly Event[]) => boolean): string[] =>
  flows.flatMap(({ name, states, events }) =>
    states.filter((state) => breaks(state, events)).map((state) => `${name}: ${JSON.stringify(state)}`),
  );

describe('in all orders of events of a flow, for each kind of connector', () => {
  test('the exploration reaches all states, and ends', () => {
    const states = flows.flatMap((flow) => flow.states);
    const steps = flows.reduce((sum, flow) => sum + flow.steps, 0);
    process.stdout.write(`machine of a flow: ${states.length} states, ${steps} steps\n`);

    expect(new Set(states.map(({ name }) => name))).toEqual(new Set(stateNames));
  });

  test('from each reachable state, a flow can reach a final state without a cancellation and without a fatal error', () => {
    expect(flows.flatMap(({ name, stuck }) => stuck.map((path) => `${name}: ${path.join(', ')}`))).toEqual([]);
  });

  test('the deadline ends each waiting state as expired', () => {
    const survives = (state: State) => isWaiting(state) && transition(state, { type: 'timedOut' }).name !== 'expired';

    expect(violations(survives)).toEqual([]);
  });

  test('the event outageOutlasted ends each state that is not final', () => {
    const end: Event = { type: 'outageOutlasted' };
    const survives = (state: State) => !isFinal(state) && transition(state, end).name === state.name;

    expect(violations(survives)).toEqual([]);
  });

  test('a waiting or final state holds no value of the user, sealed or not', () => {
    const holdsValue = (state: State) =>
      (isWaiting(state) || isFinal(state)) && [SEALED, IN_CLEAR].some((value) => JSON.stringify(state).includes(value));

    expect(violations(holdsValue)).toEqual([]);
  });

  test('a final state never changes', () => {
    const changes = (state: State, events: readonly Event[]) =>
      isFinal(state) && events.some((event) => transition(state, event) !== state);

    expect(violations(changes)).toEqual([]);
  });

  test('a flow is authenticated only if Cyclr reports the connector as authenticated, or if the auth method is none', () => {
    const unproven = flows
      .filter(({ kind }) => authMethodOf(kind) !== 'none')
      .flatMap(({ authentications }) => authentications);
    const wrong = unproven.filter(({ event }) => !('connector' in event && event.connector?.authenticated));

    expect(unproven.length).toBeGreaterThan(0);
    expect(wrong).toEqual([]);
  });

  test('after the third party refused the credentials, a flow is authenticated only after Cyclr accepted new credentials or a consent', () => {
    // These events come after a new PUT or a new consent. In the workflow, the connector of `authorizationNotConfirmed`
    // is not authenticated.
    const verdicts = ['credentialsApplied', 'authorizationConfirmed', 'authorizationNotConfirmed'];
    // Cyclr still stores the refused credentials, so it reports the connector as authenticated.
    const isStillRefused = (event: Event) => {
      const of = 'connector' in event ? event.connector : undefined;
      return !of || (event.type === 'refused' ? of.refusedByCheck : of.authenticated && !verdicts.includes(event.type));
    };
    for (const { kind, states, events } of flows.filter(({ kind }) => kind.policy?.checks)) {
      const starts = states.filter((state) => isWaiting(state) && state.connector.refusedByCheck);
      const stepsOf = stepsBy(events.filter(isStillRefused));
      const found = explore({ starts, stepsOf, isFinal });

      expect(starts.length).toBeGreaterThan(0);
      expect([kind, found.states.filter(({ name }) => name === 'authenticated')]).toEqual([kind, []]);
    }
  });

  test('only a connector with the auth method none is re-authenticated without an input', () => {
    for (const { kind } of flows) {
      const stepsOf = stepsBy(eventsWithoutInput(kind, 'reauthenticate'));
      const { states } = explore({ starts: [start('reauthenticate')], stepsOf, isFinal });

      expect(states.some(({ name }) => name === 'authenticated')).toBe(authMethodOf(kind) === 'none');
    }
  });
});
