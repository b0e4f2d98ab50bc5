/**
 * ReadAhead detects a query that has applied the events of a pending workflow task. ReadAhead compares the length and
 * the size of the history at each activation.
 */
import type { WorkflowInfo } from '@temporalio/workflow';
import { READ_AHEAD } from '../../../workflows/problems';
import { needsGuard, ReadAhead } from '../../../workflows/read-ahead';

interface Task {
  length: number;
  size?: number;
  replay?: boolean;
  jobs?: object[];
  commands?: object[];
}

const signal = { signalWorkflow: {} };
const update = { doUpdate: {} };
const answered = { resolveActivity: { result: { completed: {} } } };
const timedOut = { resolveActivity: { result: { failed: {} } } };
const upsert = { upsertWorkflowSearchAttributes: {} };
const call = { scheduleActivity: {} };
const timer = { startTimer: {} };
const noTimer = { cancelTimer: {} };
const endOfCall = { requestCancelActivity: {} };
const accepted = { updateResponse: { accepted: {} } };
const rejected = { updateResponse: { rejected: {} } };

/** Passes the activations and their commands to ReadAhead, one after the other. */
function run(...tasks: Task[]): void {
  const readAhead = new ReadAhead();
  for (const { length, size = 100 * length, replay = false, jobs = [signal], commands = [] } of tasks) {
    const info = { historyLength: length, historySize: size, unsafe: { isReplaying: replay } };
    readAhead.beforeActivation(jobs, info as WorkflowInfo);
    readAhead.afterActivation(commands);
  }
}

const first = { length: 3, commands: [call, upsert] };

test('ReadAhead accepts workflow tasks with the smallest possible number of new events between them', () => {
  run(
    first,
    { length: 10, jobs: [answered], commands: [timer] },
    { length: 15, jobs: [signal], commands: [noTimer, call] },
    { length: 20, jobs: [timedOut] },
  );
});

test('a query fails with READ_AHEAD if, since the previous activation, historyLength has grown and historySize is the same', () => {
  const queried = { length: 7, size: 300, jobs: [answered] };

  expect(() => run({ ...first, replay: true }, queried)).toThrow(READ_AHEAD);
});

test('ReadAhead accepts a historySize that stays 0, because some servers do not report the size', () => {
  run({ ...first, size: 0, replay: true }, { length: 8, size: 0 }, { length: 18, size: 0 });
});

describe('queries after a failed workflow task', () => {
  const queried = { length: 10, jobs: [answered], commands: [upsert] };

  test('after a query has applied the events of a failed workflow task, the next workflow task fails, because the history has too few new events', () => {
    expect(() => run(first, queried, { length: 13, jobs: [update] })).toThrow(READ_AHEAD);
  });

  test('after a query has applied the events of a failed workflow task, the next workflow task fails, even if new signals or results have arrived', () => {
    expect(() => run(first, queried, { length: 15, jobs: [signal, signal] })).toThrow(READ_AHEAD);
    expect(() => run(first, queried, { length: 15, jobs: [answered] })).toThrow(READ_AHEAD);
  });

  test.each([
    ['an activity', [call]],
    ['a timer', [timer]],
    ['an activity (the failed workflow task also cancels another activity)', [endOfCall, call, call]],
    ['an activity (the failed workflow task also cancels a timer)', [noTimer, call]],
    ['an accepted update', [accepted]],
  ])(
    'after a query has applied the events of a failed workflow task, the next workflow task fails if the history lacks the event of %s',
    (_, commands) => {
      expect(() => run(first, { ...queried, commands }, { length: 13, jobs: [update] })).toThrow(READ_AHEAD);
    },
  );
});

test.each([
  ['a timer', [timer, noTimer]],
  ['an activity', [call, endOfCall]],
])('%s that one workflow task starts and cancels needs no event in the history', (_, commands) => {
  run(first, { length: 10, jobs: [answered], commands }, { length: 13, jobs: [update] });
});

test('ReadAhead counts the new events of all activations of one workflow task together', () => {
  const steps = [
    { length: 10, jobs: [answered], commands: [upsert] },
    { length: 10, jobs: [answered], commands: [call] },
  ];

  run(first, ...steps, { length: 15, jobs: [update] });

  expect(() => run(first, ...steps, { length: 14, jobs: [update] })).toThrow(READ_AHEAD);
});

test('a workflow task that only rejects updates needs no new event in the history', () => {
  const rejecting = { length: 13, jobs: [update], commands: [rejected] };

  run(first, { length: 9, commands: [] }, rejecting, rejecting, { length: 13, jobs: [signal] });
  run(first, { length: 9, commands: [] }, rejecting, { length: 14, jobs: [signal] }, { length: 18, jobs: [signal] });
});

test('ReadAhead accepts a workflow task during a replay, even if the history has too few new events', () => {
  run({ ...first, replay: true }, { length: 5, replay: true }, { length: 6 });
});

test.each([
  ['1.20.3', true],
  ['1.24.0', true],
  ['1.19.0', false],
  ['1.25.0', false],
  ['2.20.0', false],
])('in a bundle with SDK %s, runs need the guard ReadAhead: %s', (version, needed) => {
  expect(needsGuard(version)).toBe(needed);
});

test('runs do not need the guard ReadAhead if cyclrConnectQueryGuard is off', () => {
  globalThis.cyclrConnectQueryGuard = 'off';
  const isNeeded = needsGuard('1.24.0');
  globalThis.cyclrConnectQueryGuard = undefined;

  expect(isNeeded).toBe(false);
});
