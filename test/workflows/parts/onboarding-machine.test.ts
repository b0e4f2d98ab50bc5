import { readFileSync } from 'node:fs';
import {
  initialState,
  isFinal,
  transition,
  type Event,
  type EventBody,
  type Item,
  type OnboardingStateName,
  type State,
} from '../../../workflows/onboard-account/machine';
import { MAX_CONNECTORS } from '../../../workflows/onboarding';
import { testMatrix } from '../../support/matrix';

const at = '2030-01-01T00:00:00.000Z';
const item = (connectorId: number, state: Item['state'], more: Partial<Item> = {}): Item => ({
  connectorId,
  name: `Connector ${connectorId}`,
  state,
  ...more,
});
const facts = { intent: 'authenticate' as const, activates: false };
const inState = (name: Exclude<OnboardingStateName, 'failed'>, ...items: Item[]): State => ({ name, ...facts, items });
const scopeItem = (connectorId: number, authenticated = false, needed = !authenticated) => ({
  connectorId,
  name: 'Any',
  authenticated,
  needed,
});
const after = (state: State, ...events: EventBody[]): State =>
  events.reduce<State>((from, event) => transition(from, { ...event, at }), state);
const statesOf = ({ items }: State) => items.map(({ state }) => state);

const running = item(1, 'running', { runId: 'r1' });
const failure = { code: 'accessDenied', message: 'no' } as const;

/** One sample of each state. */
const states: State[] = [
  inState('readingScope', item(1, 'waiting', { listed: true, unread: true })),
  inState('startingFlows', item(1, 'waiting')),
  inState('awaitingFlows', running),
  { ...inState('activatingCycle', item(1, 'authenticated')), cycle: { id: 'c', state: 'paused' }, activates: true },
  inState('cancellingFlows', running),
  inState('completed'),
  inState('incomplete', item(1, 'expired')),
  inState('cancelled', running),
  { name: 'failed', ...facts, items: [], failure },
];

/** One sample of each event. */
const events: Event[] = [
  { type: 'scopeRead', connectors: [scopeItem(1)], asked: [1], at },
  { type: 'flowsStarted', flows: [{ connectorId: 1, runId: 'r1', state: 'running' }], at },
  { type: 'connectorFinished', connectorId: 1, state: 'authenticated', runId: 'r1', at },
  { type: 'connectorsAdded', connectorIds: [2], at },
  { type: 'flowsChecked', flows: [{ connectorId: 1, runId: 'r1', state: 'failed' }], at },
  { type: 'cycleActivated', at },
  { type: 'cycleBlocked', lacks: [{ reasonCode: 40 }], at },
  { type: 'cyclrUnavailable', at },
  { type: 'outageOutlasted', at },
  { type: 'cancelled', cancelFlows: false, at },
  { type: 'flowsCancelled', at },
  { type: 'failed', failure, at },
];

const always = { cancelled: 'cancelled', failed: 'failed' } as const;
/** The next state for each state and event. An event without an entry changes nothing. */
const matrix: Record<OnboardingStateName, { [event in Event['type']]?: OnboardingStateName }> = {
  readingScope: {
    ...always,
    scopeRead: 'startingFlows',
    connectorsAdded: 'readingScope',
    cyclrUnavailable: 'readingScope',
    outageOutlasted: 'incomplete',
  },
  startingFlows: {
    ...always,
    flowsStarted: 'awaitingFlows',
    connectorFinished: 'startingFlows',
    connectorsAdded: 'startingFlows',
  },
  awaitingFlows: {
    ...always,
    connectorFinished: 'readingScope',
    connectorsAdded: 'readingScope',
    flowsChecked: 'readingScope',
  },
  activatingCycle: {
    ...always,
    cycleActivated: 'completed',
    cycleBlocked: 'incomplete',
    connectorsAdded: 'activatingCycle',
    cyclrUnavailable: 'activatingCycle',
    outageOutlasted: 'incomplete',
  },
  cancellingFlows: { connectorFinished: 'cancellingFlows', flowsCancelled: 'cancelled' },
  completed: {},
  incomplete: {},
  cancelled: {},
  failed: {},
};

testMatrix({ states, events, matrix, transition });

test('the matrix has every state, and only the final states have no event', () => {
  expect(new Set(states.map(({ name }) => name))).toEqual(new Set(Object.keys(matrix)));
  const final = states.filter(isFinal).map(({ name }) => name);
  expect(final).toEqual(['completed', 'incomplete', 'cancelled', 'failed']);
});

test('the diagram in docs/onboarding.md has exactly the transitions of the matrix that change the state', () => {
  const [, diagram = ''] = readFileSync('docs/onboarding.md', 'utf8').split('stateDiagram-v2');
  const drawn = [...diagram.split('```')[0]!.matchAll(/^ +(\w+) --> (\w+)/gm)].map(([, from, to]) => `${from} ${to}`);
  const inMatrix = Object.entries(matrix).flatMap(([from, row]) =>
    Object.values(row).flatMap((to) => (to === from ? [] : [`${from} ${to}`])),
  );
  // Transitions that need an onboarding with other `items` than the samples have.
  const more = [
    'readingScope awaitingFlows',
    'readingScope completed',
    'readingScope activatingCycle',
    'startingFlows readingScope',
    'activatingCycle readingScope',
    ...['readingScope', 'startingFlows', 'awaitingFlows', 'activatingCycle'].map((from) => `${from} cancellingFlows`),
  ];
  expect([...new Set(drawn)].sort()).toEqual([...new Set([...inMatrix, ...more])].sort());
});

describe('after the scope was read', () => {
  test('an authenticated connector is done, and the other connectors wait for the start of their flows', () => {
    const state = after(initialState(facts, [1, 2, 2]), {
      type: 'scopeRead',
      connectors: [scopeItem(1, true, true), scopeItem(2)],
      asked: [1, 2],
    });

    expect(state.name).toBe('startingFlows');
    expect(statesOf(state)).toEqual(['authenticated', 'waiting']);
  });

  test('an onboarding with the intent reauthenticate also starts the flow of an authenticated connector', () => {
    const start = initialState({ ...facts, intent: 'reauthenticate' }, [1]);

    const state = after(start, { type: 'scopeRead', connectors: [scopeItem(1, true, true)], asked: [1] });

    expect(statesOf(state)).toEqual(['waiting']);
  });

  test('a flow that has ended is not started again, and the flow of a new connector is started', () => {
    const state = after(inState('readingScope', item(1, 'expired')), {
      type: 'scopeRead',
      connectors: [scopeItem(1), scopeItem(2)],
      asked: [1],
    });

    expect(state.name).toBe('startingFlows');
    expect(statesOf(state)).toEqual(['expired', 'waiting']);
  });

  test.each([
    ['leaves the scope', {}, []],
    ['stays failed if a caller has listed the connector', { listed: true }, ['failed']],
  ])(
    'if the flow of a connector failed, and a read of the scope does not find the connector, the connector %s',
    (_name, more, expected) => {
      const state = after(inState('readingScope', item(1, 'failed', more)), {
        type: 'scopeRead',
        connectors: [],
        asked: [1],
      });

      expect(statesOf(state)).toEqual(expected);
      expect(isFinal(state)).toBe(true);
    },
  );

  test('after a read of the scope, the onboarding reads a connector that was added during this read', () => {
    const state = after(
      initialState(facts, [1]),
      { type: 'connectorsAdded', connectorIds: [2] },
      { type: 'scopeRead', connectors: [scopeItem(1, true, true)], asked: [1] },
    );

    expect(state.name).toBe('readingScope');
    expect(state.items[1]).toMatchObject({ connectorId: 2, unread: true });
  });
});

test('if the end of a flow is reported before the start of this flow, the connector keeps the final state of the flow', () => {
  const state = after(
    inState('startingFlows', item(1, 'waiting')),
    { type: 'connectorFinished', connectorId: 1, state: 'unsupported', runId: 'r1' },
    { type: 'flowsStarted', flows: [{ connectorId: 1, runId: 'r1', state: 'running' }] },
  );

  expect(statesOf(state)).toEqual(['unsupported']);
});

test('a late end of an earlier run does not replace the run that the onboarding has started', () => {
  const state = inState('startingFlows', item(1, 'waiting'), item(2, 'waiting'));

  const next = after(
    state,
    { type: 'connectorFinished', connectorId: 1, state: 'cancelled', runId: 'r0' },
    { type: 'connectorFinished', connectorId: 2, state: 'expired', runId: 'r2' },
    {
      type: 'flowsStarted',
      flows: [
        { connectorId: 1, runId: 'r1', state: 'running' },
        { connectorId: 2, runId: 'r2', state: 'running' },
      ],
    },
  );

  expect(next.items).toMatchObject([
    { state: 'running', runId: 'r1' },
    { state: 'expired', runId: 'r2' },
  ]);
});

test('before the onboarding has read a connector, the end of a flow of an earlier onboarding does not change the connector', () => {
  const end = { type: 'connectorFinished', connectorId: 1, state: 'cancelled', runId: 'r0' } as const;

  const state = after(initialState(facts, [1]), end, { type: 'scopeRead', connectors: [scopeItem(1)], asked: [1] });

  expect(state.name).toBe('startingFlows');
  expect(statesOf(state)).toEqual(['waiting']);
});

test('the end of an unknown connector, and a second end of the same run, do not change an onboarding', () => {
  const state = inState('awaitingFlows', running, item(2, 'expired', { runId: 'r2' }));

  expect(after(state, { type: 'connectorFinished', connectorId: 9, state: 'expired', runId: 'r9' })).toBe(state);
  expect(after(state, { type: 'connectorFinished', connectorId: 2, state: 'failed', runId: 'r2' })).toBe(state);
});

test('new connectors are not added if the onboarding would then have more than 500 connectors', () => {
  const state = inState('awaitingFlows', running);
  const connectorIds = Array.from({ length: MAX_CONNECTORS }, (_, index) => index + 2);

  expect(after(state, { type: 'connectorsAdded', connectorIds })).toBe(state);
  expect(after(state, { type: 'connectorsAdded', connectorIds: connectorIds.slice(1) }).items).toHaveLength(500);
});

describe('the hourly check of the flows of an onboarding', () => {
  const check = (known: Item, found: { state: Item['state']; runId: string }) =>
    after(inState('awaitingFlows', running, known), {
      type: 'flowsChecked',
      flows: [{ connectorId: known.connectorId, ...found } as never],
    }).items[1];

  test.each(['expired', 'failed', 'cancelled'] as const)(
    'a check of the flows sets a connector that was %s back to running if its flow has a new run',
    (was) => {
      const known = item(2, was, { runId: 'old' });

      expect(check(known, { state: 'running', runId: 'new' })).toMatchObject({ state: 'running', runId: 'new' });
      expect(check(known, { state: 'running', runId: 'old' })).toBe(known);
    },
  );

  test('a check of the flows does not change a connector that is authenticated', () => {
    const known = item(2, 'authenticated', { runId: 'old' });

    expect(check(known, { state: 'running', runId: 'new' })).toBe(known);
  });
});
