import { readFileSync } from 'node:fs';
import type { Outcome } from '../../../workflows/connection';
import {
  eventTypeOf,
  initialState,
  isFinal,
  transition,
  type EventBody,
  type MonitorStateName,
  type State,
} from '../../../workflows/monitor-connection/machine';
import { nextReadAt } from '../../../workflows/monitor-connection/schedule';
import { connectionWorkflowIdOf, failureIn } from '../../../workflows/connection';
import { testMatrix } from '../../support/matrix';

const since = '2030-01-01T00:00:00.000Z';
const at = '2030-01-02T00:00:00.000Z';
const before = '2029-12-31T00:00:00.000Z';

const outcome = (state: Outcome['state'], runId = 'new', when = at): Outcome => ({ runId, state, at: when });
const read = (authenticated: boolean, more: object = {}): EventBody => ({
  type: 'connectorRead',
  authenticated,
  connectorName: 'Any',
  ...more,
});
const finished = (state: Outcome['state'], runId?: string, when?: string): EventBody => ({
  type: 'flowFinished',
  outcome: outcome(state, runId, when),
});
const after = (state: State, ...events: EventBody[]): State =>
  events.reduce<State>((from, event) => transition(from, { ...event, at }), state);

const known = { connectorName: 'Any', lastOutcome: outcome('authenticated', 'old', before) };
const starting = initialState(since);
const connected: State = { name: 'connected', since, ...known };
const denied: State = { name: 'broken', since, denied: true, ...known };
const failed: State = { name: 'broken', since, denied: false, ...known };
const reauthenticating: State = { name: 'reauthenticating', since, denied: true, ...known };
const gone: State = { name: 'gone', since, ...known };

/** The events of the matrix, by the names that the matrix uses. */
const named: { [name: string]: EventBody } = {
  'read true': read(true, { isFlowOpen: true }),
  'read false': read(false, { isFlowOpen: true }),
  'read true, after a failure': read(true, { isFlowOpen: true, failedAt: at }),
  'flow authenticated': finished('authenticated'),
  'flow expired': finished('expired'),
  flowStarted: { type: 'flowStarted', runId: 'new' },
  connectorGone: { type: 'connectorGone' },
};
const states = [starting, connected, failed, reauthenticating, gone];
const always = { 'flow authenticated': '', 'flow expired': '', connectorGone: 'gone' } as const;
/**
 * The next state for each state and event. An event without an entry changes nothing. An event with the entry ''
 * changes only the data.
 */
const matrix: Record<MonitorStateName, { [event: string]: MonitorStateName | '' }> = {
  starting: { ...always, 'read true': 'connected', 'read false': 'broken', 'read true, after a failure': 'broken' },
  connected: { ...always, 'read false': 'broken', 'read true, after a failure': 'broken' },
  broken: { ...always, 'read false': '', 'flow authenticated': 'connected', flowStarted: 'reauthenticating' },
  reauthenticating: {
    ...always,
    'read true': 'connected',
    'read true, after a failure': 'connected',
    'flow authenticated': 'connected',
    'flow expired': 'broken',
  },
  gone: {},
};

const rowOf = (from: MonitorStateName) =>
  Object.fromEntries(Object.entries(matrix[from]).map(([event, to]) => [event, to || from]));

testMatrix({
  states,
  events: Object.keys(named).map((type) => ({ type })),
  matrix: {
    starting: rowOf('starting'),
    connected: rowOf('connected'),
    broken: rowOf('broken'),
    reauthenticating: rowOf('reauthenticating'),
    gone: rowOf('gone'),
  },
  transition: (state, { type }) => transition(state, { ...named[type]!, at }),
});

test('the matrix has a row for each tested state, and only the state gone is final', () => {
  expect(states.map(({ name }) => name)).toEqual(Object.keys(matrix));
  expect(states.filter(isFinal).map(({ name }) => name)).toEqual(['gone']);
});

test('the diagram in docs/monitoring.md has exactly the transitions of the matrix that change the state', () => {
  const [, diagram = ''] = readFileSync('docs/monitoring.md', 'utf8').split('stateDiagram-v2');
  const drawn = [...diagram.split('```')[0]!.matchAll(/^ +(\w+) --> (\w+)/gm)].map(([, from, to]) => `${from} ${to}`);
  const inMatrix = Object.entries(matrix).flatMap(([from, row]) =>
    Object.values(row).flatMap((to) => (to === from || to === '' ? [] : [`${from} ${to}`])),
  );
  expect([...new Set(drawn)].sort()).toEqual([...new Set(inMatrix)].sort());
});

describe('a broken connection', () => {
  test('a broken connection that Cyclr reported as not authenticated is connected again when Cyclr reports it as authenticated', () => {
    expect(after(denied, read(true)).name).toBe('connected');
  });

  test('after a failed call, a broken connection is connected again only if Cyclr reports it first as not authenticated, and then as authenticated', () => {
    expect(after(failed, read(true))).toBe(failed);
    expect(after(failed, read(false), read(true)).name).toBe('connected');
  });

  test('a broken connection stays broken if a flow ended as authenticated before the break', () => {
    const state = after(denied, finished('authenticated', 'other', '2029-12-31T12:00:00.000Z'));

    expect(state).toMatchObject({ name: 'broken', lastOutcome: { runId: 'other' } });
  });

  test('a broken connection gets one automatic re-authentication, and no second re-authentication if the first ends as expired', () => {
    const state = after(connected, read(false, { automatic: true }));

    expect(state).toMatchObject({ name: 'broken', isDue: true });
    const ended = after(state, { type: 'flowStarted', runId: 'new' }, finished('expired'));
    expect(ended).toMatchObject({ name: 'broken', lastOutcome: { state: 'expired' } });
    expect(ended).not.toHaveProperty('isDue');
    expect(after(ended, read(false, { automatic: true }))).toBe(ended);
  });

  test('a broken connection stays broken if the flow that the monitor started has ended before the event flowStarted', () => {
    const state = after(failed, finished('expired', 'new'), { type: 'flowStarted', runId: 'new' });

    expect(state).toMatchObject({ name: 'broken', lastOutcome: { runId: 'new' } });
  });

  test('a connection in the state reauthenticating becomes broken if a read finds no open flow', () => {
    expect(after(reauthenticating, read(false)).name).toBe('broken');
    expect(after(reauthenticating, read(false, { outcome: outcome('failed') }))).toMatchObject({
      name: 'broken',
      lastOutcome: { state: 'failed' },
    });
    expect(after(reauthenticating, read(false, { outcome: outcome('authenticated') })).name).toBe('broken');
  });
});

test('a failed call that is older than the last authentication does not break the connection', () => {
  expect(after(connected, read(true, { failedAt: before }))).toBe(connected);
});

test('a failed call does not break the connection if a flow has ended as authenticated after the call', () => {
  const later = '2030-01-03T00:00:00.000Z';
  const repaired = after(connected, finished('authenticated', 'new', later));

  expect(after(repaired, read(true, { failedAt: at }))).toBe(repaired);
  expect(after(connected, read(true, { failedAt: at, outcome: outcome('authenticated', 'new', later) }))).toEqual(
    repaired,
  );
  expect(after(connected, finished('expired', 'new', later), read(true, { failedAt: at })).name).toBe('broken');
});

test('a repeated read, a repeated end of a flow, and an older end of a flow do not change the connection', () => {
  const state = after(connected, read(true), finished('expired'));

  expect(after(state, read(true), finished('expired'))).toBe(state);
  expect(after(state, finished('failed', 'other', before))).toBe(state);
});

test.each([
  ['connected', 'broken', 'connection.broken'],
  ['starting', 'broken', 'connection.broken'],
  ['broken', 'reauthenticating', undefined],
  ['reauthenticating', 'broken', undefined],
  ['reauthenticating', 'connected', 'connection.restored'],
  ['broken', 'connected', 'connection.restored'],
  ['starting', 'connected', undefined],
  ['broken', 'gone', 'connection.gone'],
])('the change from %s to %s sends the event %s', (from, to, type) => {
  const of = (name: string) => states.find((state) => state.name === name)!;

  expect(eventTypeOf(of(from), of(to))).toBe(type);
});

test.each([
  ['2030-01-01T09:00:00.1234567', '2030-01-01T09:00:00.123Z'],
  ['2030-01-01 09:00:00', '2030-01-01T09:00:00.000Z'],
  ['2030-01-01T09:00:00+02:00', '2030-01-01T07:00:00.000Z'],
  ['2030-01-01T09:00:00Z', '2030-01-01T09:00:00.000Z'],
  ['1/31/2030 9:00:00 AM', at],
  ['2030-01-01T25:00:00', at],
  [7, at],
])(
  'failureIn reads the time %j of a report as %s: a time without an offset is UTC, and an unreadable time is the time of the signal',
  (given, time) => {
    expect(failureIn({ at: given }, at).at).toBe(time);
  },
);

describe('the reads of 10,000 connections in a day', () => {
  const DAY_MS = 86_400_000;
  const start = Date.parse('2030-01-01T00:00:00.000Z');
  const times = Array.from({ length: 10_000 }, (_, index) =>
    nextReadAt(connectionWorkflowIdOf({ accountId: `account-${index % 100}`, connectorId: index }), DAY_MS, start),
  );
  const largest = (bucketMs: number): number => {
    const counts = new Map<number, number>();
    for (const time of times) {
      const bucket = Math.floor((time - start) / bucketMs);
      counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
    }
    return Math.max(...counts.values());
  };

  test('the reads are spread over the day: no hour has more than 1.25 times the mean number of reads, and no minute has more than 3 times the mean number', () => {
    expect(times.every((time) => time > start && time <= start + DAY_MS)).toBe(true);
    expect(largest(3_600_000)).toBeLessThanOrEqual((10_000 / 24) * 1.25);
    expect(largest(60_000)).toBeLessThanOrEqual((10_000 / 1440) * 3);
  });

  test('a daily read of a connection is at the same time on each day', () => {
    const id = connectionWorkflowIdOf({ accountId: 'acme', connectorId: 1 });
    const first = nextReadAt(id, DAY_MS, start);

    expect(nextReadAt(id, DAY_MS, first)).toBe(first + DAY_MS);
    expect(nextReadAt(id, DAY_MS, first - 1)).toBe(first);
  });
});
