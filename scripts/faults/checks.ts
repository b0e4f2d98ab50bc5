/** The checks of flows that ran while processes and connections failed. */
import { transition } from '../../workflows/authenticate-connector/machine';
import { workflowIdOf } from '../../workflows/connector';
import { finalStates, type StateName, type TimelineEntry } from '../../workflows/view';
import { isWaiting } from '../user/expectations';
import { cyclrFaultsOf } from './cyclr-check';
import type { RunEvidence } from './evidence';
import type { FlowRecord, RunExpectation, RunRecord, Stored } from './flow-record';
import { failedTasks } from './histories';
import { allEvents, allStates } from './machine-samples';

/**
 * Returns the faults of one flow, as texts. Returns an empty list if the flow passes. `runs`: the evidence of all runs
 * under the flow's workflow id.
 */
export type FlowCheck = (record: FlowRecord, runs: RunEvidence[], stored: Stored) => string[];

export const flowChecks = {
  /** Checks that each run has the planned outcome. */
  outcomes: (record, runs) => outcomeFaults(record, runs),
  /** Checks that the connector in Cyclr has the last good values of the user. */
  Cyclr: (record, _runs, stored) => cyclrFaultsOf(record, stored(record.key)),
  'task failures': (_record, runs) => runs.flatMap(({ history }) => failedTasks(history.events ?? [])),
  /** Checks that each timeline is a path through the state machine. */
  timelines: (record, runs) => runs.flatMap((run) => timelineFaults(run, expectationOf(record, run))),
  'asked again': ({ askedAgain }) => [...new Set(askedAgain)],
  verifications: (record, runs) => verificationFaults(record, runs),
  /** Checks that no user got an unexpected error, or a view with a wrong revision. */
  'answers to users': ({ problems }) => problems,
} satisfies { [name: string]: FlowCheck };

/** Returns all faults of one flow, each with the name of its check. */
export function faultsOf(record: FlowRecord, runs: RunEvidence[], stored: Stored): string[] {
  const mine = runs.filter(({ workflowId }) => workflowId === workflowIdOf(record.key));
  const checks: [string, FlowCheck][] = Object.entries(flowChecks);
  return checks.flatMap(([name, check]) => check(record, mine, stored).map((fault) => `${name}: ${fault}`));
}

const expectationOf = ({ runs }: FlowRecord, { runId }: RunEvidence): RunExpectation | undefined =>
  runs.find((run) => run.runId === runId)?.expected;

/**
 * Compares the runs in Temporal with the record of the user. If the answer to a start is lost, the user repeats the
 * start. In this case, Temporal may have one run that is not in the record.
 */
function outcomeFaults({ expected, runs: recorded, startRepeated }: FlowRecord, runs: RunEvidence[]): string[] {
  const others = runs.filter(({ runId }) => !recorded.some((run) => run.runId === runId));
  const ofOthers = { states: expected.flatMap(({ states }) => states), failure: expected[0]?.failure };
  const missing = expected.length - recorded.length;
  const more = recorded.length + others.length - expected.length;
  return [
    ...(missing > 0 ? [`${missing} runs were not started`] : []),
    ...(others.length > 0 && !startRepeated ? [`${others.length} runs more than the user started`] : []),
    ...(more > (startRepeated ? 1 : 0) ? [`${more} runs more than planned`] : []),
    ...others.flatMap((run) => runFaults(run, ofOthers)),
    ...recorded.flatMap(({ runId, expected }) => {
      const run = runs.find((one) => one.runId === runId);
      return run ? runFaults(run, expected) : [`no history of the run ${runId}`];
    }),
  ];
}

function runFaults({ view, error, closings }: RunEvidence, expected: RunExpectation): string[] {
  if (!view) return [`the view of a run can't be read: ${error}`];
  const { state, failure, problem, verification } = view;
  const byUser = expected.cancelledInTemporal ? 'workflowExecutionCanceled' : 'workflowExecutionCompleted';
  const byState = state === 'failed' ? 'workflowExecutionFailed' : byUser;
  const closing = finalStates.includes(state) ? byState : '';
  return [
    ...(expected.states.includes(state) ? [] : [`state ${state} instead of ${expected.states.join(' or ')}`]),
    ...(failure?.code === expected.failure ? [] : [`failure ${failure?.code} instead of ${expected.failure}`]),
    ...(closings.join() === closing ? [] : [`state ${state}, closed by: ${closings.join() || 'no event'}`]),
    ...(state === 'authenticated' && problem ? [`authenticated, with the problem ${problem.code}`] : []),
    ...(expected.verification === undefined || verification === expected.verification
      ? []
      : [`verification ${verification} instead of ${expected.verification}`]),
  ];
}

/** All transitions of the state machine as texts, each with a state, an event, and the state after the event. */
const arrows = new Set(
  allStates.flatMap((state) =>
    allEvents.map((event) => `${state.name} ${event.type} ${transition(state, event).name}`),
  ),
);
const withoutTransition = ['inputRefused', 'unknownSignal', 'reappliedInput'];
/** A timeline has at most this number of entries, the newest ones. */
const KEPT_ENTRIES = 200;

/** Checks that the timeline is a path through the state machine, and that no submission was accepted twice. */
export function timelineFaults({ timeline }: RunEvidence, expected?: RunExpectation): string[] {
  const isWhole = timeline.length < KEPT_ENTRIES;
  let state: StateName = isWhole ? 'fetchingConnector' : timeline[0]!.from;
  const faults: string[] = [];
  for (const { from, event, to } of timeline) {
    if (from !== state) faults.push(`an entry begins in ${from}, but the entry before ends in ${state}`);
    const stays = from === to && withoutTransition.includes(event);
    if (!stays && !arrows.has(`${from} ${event} ${to}`)) faults.push(`no such transition: ${from} ${event} ${to}`);
    state = to;
  }
  const waits = timeline.flatMap(({ from, to }) => (from !== to && isWaiting(to) ? [to] : []));
  const wanted = expected?.waits;
  if (wanted && waits.join() !== wanted.join())
    faults.push(`the flow waited in ${waits.join()} instead of ${wanted.join()}`);
  return [...faults, ...usedTwice(timeline)];
}

function usedTwice(timeline: TimelineEntry[]): string[] {
  const accepted = timeline.filter(({ event }) => event === 'propertiesSubmitted' || event === 'credentialsSubmitted');
  const ids = accepted.map(({ id }) => id);
  const repeated = new Set(ids.filter((id, index) => ids.indexOf(id) < index));
  return [...repeated].map((id) => `the submission ${id} was accepted twice`);
}

/**
 * Returns the sender of the event `authorizationReturned`: a user (who used the library, or a session of the service),
 * or a callback. Returns undefined for any other sender.
 */
function senderOf(by = ''): 'user' | 'callback' | undefined {
  if (by === 'user' || /^session:[0-9a-f-]{36}$/.test(by)) return 'user';
  return by === 'callback' ? by : undefined;
}

/**
 * Checks each OAuth attempt: all its callbacks together cause at most one verification, and each confirmation of the
 * user causes at most one more.
 */
function verificationFaults({ runs: recorded }: FlowRecord, runs: RunEvidence[]): string[] {
  const returns = runs.flatMap(({ timeline }) => timeline.filter(({ event }) => event === 'authorizationReturned'));
  const count = (id: string, by: string) =>
    returns.filter((entry) => entry.id === id && senderOf(entry.by) === by).length;
  const foreign = returns.filter(({ by }) => senderOf(by) === undefined);
  const ofAttempt = ([id, confirmations]: [string, number]) => [
    ...(count(id, 'callback') > 1 ? [`${count(id, 'callback')} verifications by callbacks of ${id}`] : []),
    ...(count(id, 'user') > confirmations ? [`more verifications than confirmations of ${id}`] : []),
  ];
  return [
    ...foreign.map(({ id, by }) => `a verification for ${id} by ${by}`),
    ...recorded.flatMap(({ confirmations }: RunRecord) => [...confirmations].flatMap(ofAttempt)),
  ];
}
