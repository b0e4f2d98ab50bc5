import { explore, type Step } from './explore';
import type { Outcome } from '../../../workflows/connection';
import {
  eventTypeOf,
  initialState,
  isFinal,
  transition,
  type EventBody,
  type State,
} from '../../../workflows/monitor-connection/machine';

const timeOf = (seconds: number): string => new Date(seconds * 1000).toISOString();
/** The time in seconds at which the connection entered its state: `since` in each explored state. */
const SINCE = 10;
const at = timeOf(20);
/**
 * The values of `outcome.at` and `failedAt` in the events. A state holds the times 5, 10 or 15 (see `withoutTime`). The
 * values are before, between and after these times, and one value is equal to `SINCE`.
 */
const times = [3, 7, SINCE, 12, 20].map(timeOf);

const outcomes = times.flatMap((time) =>
  ['r1', 'r2'].flatMap((runId) =>
    (['authenticated', 'expired'] as const).map((state): Outcome => ({ runId, state, at: time })),
  ),
);
const reads = [true, false].flatMap((authenticated) =>
  [{}, { isFlowOpen: true } as const, { automatic: true } as const].flatMap((more) =>
    [{}, ...times.map((failedAt) => ({ failedAt })), ...outcomes.map((outcome) => ({ outcome }))].map(
      (cause): EventBody => ({ type: 'connectorRead', authenticated, connectorName: 'Any', ...more, ...cause }),
    ),
  ),
);
const events: EventBody[] = [
  ...reads,
  ...outcomes.map((outcome): EventBody => ({ type: 'flowFinished', outcome })),
  { type: 'flowStarted', runId: 'r1' },
  { type: 'flowStarted', runId: 'r2' },
  { type: 'connectorGone' },
];

/** Replaces the times of a state by fixed times in the same order, so that the number of states is finite. */
function withoutTime(state: State): State {
  const { since, lastOutcome } = state;
  if (!lastOutcome) return { ...state, since: timeOf(SINCE) };
  const place = lastOutcome.at < since ? 5 : lastOutcome.at === since ? SINCE : 15;
  return { ...state, since: timeOf(SINCE), lastOutcome: { ...lastOutcome, at: timeOf(place) } };
}

interface Sent extends Step<State> {
  before: State;
  event: EventBody;
}

const stepsOf = (before: State): Sent[] =>
  events.map((event) => ({
    before,
    event,
    label: JSON.stringify(event),
    isCertain: event.type !== 'connectorGone',
    next: withoutTime(transition(before, { ...event, at })),
  }));

const isWorking = ({ name }: State): boolean => name === 'connected';
const isBroken = ({ name }: State): boolean => name === 'broken' || name === 'reauthenticating';
/** True if a flow has authenticated the connection after the break. */
const isRestoredByFlow = (event: EventBody): boolean =>
  'outcome' in event && event.outcome?.state === 'authenticated' && event.outcome.at >= timeOf(SINCE);
const all: Sent[] = [];
const { states, steps, stuck } = explore({
  starts: [initialState(timeOf(SINCE))],
  stepsOf,
  isFinal: (state) => isFinal(state) || isWorking(state),
  checkStep: (_before, step) => void all.push(step as Sent),
});

describe('in all orders of reads, reports and ends of flows of a monitor', () => {
  test('the exploration reaches all states, and ends', () => {
    process.stdout.write(`machine of a monitor: ${states.length} states, ${steps} steps\n`);

    expect(new Set(states.map(({ name }) => name)).size).toBe(5);
  });

  test('from each state of a broken connection, the connection can become connected again without the event connectorGone', () => {
    expect(stuck).toEqual([]);
  });

  test('a connection that is gone never changes', () => {
    expect(all.filter(({ before, next }) => isFinal(before) && next.name !== 'gone')).toEqual([]);
  });

  test('a connection breaks only if Cyclr reports it as not authenticated, or if a call failed after the connection became connected', () => {
    const isAllowed = ({ event }: Sent) =>
      event.type === 'connectorRead' &&
      (!event.authenticated || (event.failedAt !== undefined && event.failedAt >= timeOf(SINCE)));
    const breaks = all.filter(({ before, next }) => isWorking(before) && isBroken(next));

    expect(breaks.length).toBeGreaterThan(0);
    expect(breaks.filter((step) => !isAllowed(step))).toEqual([]);
  });

  test('a broken connection works again only if Cyclr reports it first as not authenticated and later as authenticated, or if a later flow authenticates the connector', () => {
    const isProven = ({ before, event }: Sent) =>
      isRestoredByFlow(event) ||
      (event.type === 'connectorRead' && event.authenticated && 'denied' in before && before.denied);
    const restored = all.filter(({ before, next }) => isBroken(before) && isWorking(next));

    expect(restored.length).toBeGreaterThan(0);
    expect(restored.filter((step) => !isProven(step))).toEqual([]);
  });

  test('a connection leaves the state reauthenticating at the next read that finds no open flow', () => {
    const endless = all.filter(
      ({ before, event, next }) =>
        before.name === 'reauthenticating' &&
        event.type === 'connectorRead' &&
        !event.isFlowOpen &&
        next.name === 'reauthenticating',
    );

    expect(endless).toEqual([]);
  });

  test('one break of a connection causes at most one automatic re-authentication', () => {
    const isDue = (state: State) => state.name === 'broken' && state.isDue === true;
    // One read can find that a flow has authenticated the connection, and that Cyclr reports the connection as not
    // authenticated. The result of this read counts as a second break.
    const again = all.filter(
      ({ before, event, next }) => isDue(next) && !isDue(before) && isBroken(before) && !isRestoredByFlow(event),
    );

    expect(again).toEqual([]);
  });

  test('a monitor sends one event when its connection changes between working and broken, one event at its end, and no other event', () => {
    const wrong = all.filter(({ before, next }) => {
      const type = eventTypeOf(before, next);
      if (next.name === 'gone') return type !== (before.name === 'gone' ? undefined : 'connection.gone');
      if (isBroken(before) === isBroken(next)) return type !== undefined;
      return type !== (isBroken(next) ? 'connection.broken' : 'connection.restored');
    });

    expect(wrong).toEqual([]);
  });
});
