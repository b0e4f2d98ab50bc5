/** Histories as the SDK gives them to a flow: how long, how big, whether it is a replay. */
import type { WorkflowInfo } from '@temporalio/workflow';
import { READ_AHEAD, ReadAhead } from '../../../workflows/read-ahead';

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

/** Does these one after the other. */
function does(...tasks: Task[]): void {
  const readAhead = new ReadAhead();
  for (const { length, size = 100 * length, replay = false, jobs = [signal], commands = [] } of tasks) {
    const info = { historyLength: length, historySize: size, unsafe: { isReplaying: replay } };
    readAhead.beforeActivation(jobs, info as WorkflowInfo);
    readAhead.afterActivation(commands);
  }
}

const first = { length: 3, commands: [call, upsert] };

test('tasks that follow one another as close as can be are no reading ahead', () => {
  does(
    first,
    { length: 10, jobs: [answered], commands: [timer] },
    { length: 15, jobs: [signal], commands: [noTimer, call] },
    { length: 20, jobs: [timedOut] },
  );
});

test('a history that is longer and not bigger was read ahead: the next task is done again', () => {
  const queried = { length: 7, size: 300, jobs: [answered] };

  does({ ...first, replay: true }, queried);

  expect(() => does({ ...first, replay: true }, queried, { length: 18, jobs: [signal] })).toThrow(READ_AHEAD);
});

test('where no server tells the size, nothing is told by it', () => {
  does({ ...first, size: 0, replay: true }, { length: 8, size: 0 }, { length: 18, size: 0 });
});

describe('where a query has read the start of a task that failed later', () => {
  const queried = { length: 10, jobs: [answered], commands: [upsert] };

  test('the task that is done again comes too soon', () => {
    expect(() => does(first, queried, { length: 13, jobs: [update] })).toThrow(READ_AHEAD);
  });

  test('and so it does with what has arrived meanwhile', () => {
    expect(() => does(first, queried, { length: 15, jobs: [signal, signal] })).toThrow(READ_AHEAD);
    expect(() => does(first, queried, { length: 15, jobs: [answered] })).toThrow(READ_AHEAD);
  });

  test.each([
    ['a call', [call]],
    ['a timer', [timer]],
    ['a call, beside the end of another one,', [endOfCall, call, call]],
    ['a call, beside the end of a timer,', [noTimer, call]],
    ['the acceptance of an update', [accepted]],
  ])('%s in the history is missed', (_, commands) => {
    expect(() => does(first, { ...queried, commands }, { length: 13, jobs: [update] })).toThrow(READ_AHEAD);
  });
});

test.each([
  ['a timer', [timer, noTimer]],
  ['a call', [call, endOfCall]],
])('%s that is cancelled at once is not missed in the history', (_, commands) => {
  does(first, { length: 10, jobs: [answered], commands }, { length: 13, jobs: [update] });
});

test('a task of several steps is one task', () => {
  const steps = [
    { length: 10, jobs: [answered], commands: [upsert] },
    { length: 10, jobs: [answered], commands: [call] },
  ];

  does(first, ...steps, { length: 15, jobs: [update] });

  expect(() => does(first, ...steps, { length: 14, jobs: [update] })).toThrow(READ_AHEAD);
});

test('an update that was rejected leaves no trace', () => {
  const rejecting = { length: 13, jobs: [update], commands: [rejected] };

  does(first, { length: 9, commands: [] }, rejecting, rejecting, { length: 13, jobs: [signal] });
  does(first, { length: 9, commands: [] }, rejecting, { length: 14, jobs: [signal] }, { length: 18, jobs: [signal] });
});

test('a replay is what it is', () => {
  does({ ...first, replay: true }, { length: 5, replay: true }, { length: 6 });
});
