import { explore, type Step } from './explore';
import {
  initialState,
  isFinal,
  transition,
  type EventBody,
  type Item,
  type State,
} from '../../../workflows/onboard-account/machine';
import type { FinalStateName } from '../../../workflows/view';

const at = '2030-01-01T00:00:00.000Z';
const FIRST = 1;
/** The id of a connector that a caller adds, or that appears in the scope later. */
const LATER = 2;
const ids = [FIRST, LATER];
const ends: FinalStateName[] = ['authenticated', 'expired'];
const runs = ['r1', 'r2'];
const lack = { reasonCode: 40 };

/** Cyclr's possible answers to a read of the scope. Each connector is absent, to be authenticated, or authenticated. */
function scopeReads({ items, cycle }: State): EventBody[] {
  const inScope = (connectorId: number) => [
    [],
    ...[false, true].map((authenticated) => [{ connectorId, name: 'Any', authenticated, needed: !authenticated }]),
  ];
  // A caller may have added the connector LATER after the request to Cyclr.
  const asked = new Set([items.map(({ connectorId }) => connectorId).join(), String(FIRST)]);
  return [...asked].flatMap((known) =>
    inScope(FIRST).flatMap((first) =>
      inScope(LATER).flatMap((later) =>
        (cycle ? [undefined, [lack]] : [undefined]).map((lacks): EventBody => ({
          type: 'scopeRead',
          connectors: [...first, ...later],
          asked: known.split(',').filter(Boolean).map(Number),
          ...(lacks && { lacks }),
        })),
      ),
    ),
  );
}

/** All statuses that a flow can have: open or ended, for each connector and each run. */
const flowStatuses = ids.flatMap((connectorId) =>
  runs.flatMap((runId) => (['running', ...ends] as const).map((state) => ({ connectorId, runId, state }))),
);

const ofFlows: EventBody[] = [
  ...flowStatuses.map((flow): EventBody => ({ type: 'flowsStarted', flows: [flow] })),
  ...flowStatuses.map((flow): EventBody => ({ type: 'flowsChecked', flows: [flow] })),
  ...flowStatuses.flatMap(({ state, ...flow }): EventBody[] =>
    state === 'running' ? [] : [{ type: 'connectorFinished', state, ...flow }],
  ),
];
const ofCycle: EventBody[] = [{ type: 'cycleActivated' }, { type: 'cycleBlocked', lacks: [lack] }];
const ofOutages: EventBody[] = [{ type: 'cyclrUnavailable' }, { type: 'outageOutlasted' }];
/** Each state must have a way to a final state without these events. */
const interruptions: EventBody[] = [
  { type: 'connectorsAdded', connectorIds: [LATER] },
  { type: 'cancelled', cancelFlows: false },
  { type: 'cancelled', cancelFlows: true },
  { type: 'failed', failure: { code: 'accessDenied', message: 'no' } },
];

const eventsIn = (state: State): EventBody[] => [
  ...(state.name === 'readingScope' ? scopeReads(state) : []),
  ...ofFlows,
  ...(state.cycle ? ofCycle : []),
  ...ofOutages,
  { type: 'flowsCancelled' },
  ...interruptions,
];

interface Sent extends Step<State> {
  before: State;
  event: EventBody;
}

const stepsOf = (state: State): Sent[] =>
  eventsIn(state).map((event) => ({
    before: state,
    event,
    label: event.type,
    isCertain: !interruptions.includes(event),
    next: transition(state, { ...event, at }),
  }));

const facts = { intent: 'authenticate', activates: false } as const;
const paused = { id: 'c', state: 'paused' } as const;
const starts = [
  initialState(facts, [FIRST]),
  initialState({ ...facts, intent: 'reauthenticate' }, [FIRST]),
  initialState(facts),
  initialState({ ...facts, cycle: paused }),
  initialState({ ...facts, activates: true, cycle: paused }),
];
const changes: Sent[] = [];
const { states, steps, stuck } = explore({
  starts,
  stepsOf,
  isFinal,
  checkStep: (before, step) => void (step.next === before || changes.push(step as Sent)),
});

const itemOf = ({ items }: State, id: number): Item | undefined => items.find(({ connectorId }) => connectorId === id);
const isOpen = ({ state, unread }: Item) => unread === true || state === 'waiting' || state === 'running';

describe('in all orders of events of an onboarding', () => {
  test('the exploration reaches all states, and ends', () => {
    process.stdout.write(`machine of an onboarding: ${states.length} states, ${steps} steps\n`);

    expect(new Set(states.map(({ name }) => name)).size).toBe(9);
  });

  test('from each reachable state, an onboarding can reach a final state without a cancellation and without a fatal error', () => {
    expect(stuck).toEqual([]);
  });

  test('a final state never changes', () => {
    expect(changes.filter(({ before }) => isFinal(before))).toEqual([]);
  });

  test('an onboarding is completed only if all connectors are authenticated, and the cycle is active if activateCycle was set', () => {
    const completed = states.filter(({ name }) => name === 'completed');
    const isRight = ({ items, activates, cycle }: State) =>
      items.every(({ state }) => state === 'authenticated') && (!activates || cycle?.state === 'active');

    expect(completed.length).toBeGreaterThan(0);
    expect(completed.filter((state) => !isRight(state))).toEqual([]);
  });

  test('an onboarding begins to activate its cycle only if activateCycle was set, and all connectors are authenticated', () => {
    const begins = changes.filter(({ before, next }) => before.name !== next.name && next.name === 'activatingCycle');
    const isRight = ({ activates, items }: State) => activates && items.every(({ state }) => state === 'authenticated');

    expect(begins.length).toBeGreaterThan(0);
    expect(begins.filter(({ next }) => !isRight(next))).toEqual([]);
  });

  test('only a cancellation, a fatal error or an outage of 24 hours ends an onboarding before all flows have ended', () => {
    const early = changes.filter(({ next }) => isFinal(next) && next.items.some(isOpen));
    const causes = new Set(early.map(({ event }) => event.type));

    expect([...causes].sort()).toEqual(['cancelled', 'failed', 'flowsCancelled', 'outageOutlasted']);
  });

  test('an onboarding lists each connector once, starts no flow again, and never changes the state authenticated of a connector', () => {
    const isWrong = ({ before, next }: Sent) =>
      ids.some((id) => {
        const [old, present] = [itemOf(before, id), itemOf(next, id)];
        const isStartedAgain = old !== undefined && old.state !== 'waiting' && present?.state === 'waiting';
        const isLost = old?.state === 'authenticated' && present?.state !== 'authenticated';
        return isStartedAgain || isLost || next.items.filter(({ connectorId }) => connectorId === id).length > 1;
      });

    expect(changes.filter(isWrong)).toEqual([]);
  });
});
