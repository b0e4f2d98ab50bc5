/** The checks at the end of a fault run: checks of each flow, and checks of the whole stack. */
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { replay } from '../../temporal/replay';
import { connectionWorkflowIdOf } from '../../workflows/connection';
import { workflowIdOf } from '../../workflows/connector';
import { DELIVERY_TYPE, deliveryIdOf } from '../../workflows/events';
import { FLOW_TYPE } from '../../workflows/flow-start';
import { ONBOARDING_TYPE } from '../../workflows/onboarding';
import { finalStates } from '../../workflows/view';
import { each } from '../each';
import { flowChecks, timelineFaults, type FlowCheck } from './checks';
import { untouchedFaults } from './cyclr-check';
import { eventFaults } from './event-check';
import type { EventLog } from './event-log';
import { evidenceOf, type RunEvidence } from './evidence';
import type { FlowRecord } from './flow-record';
import { failedTasks, histories } from './histories';
import { authenticatedIn, monitorFaults } from './monitor-check';
import { onboardingFaults, type PlayedOnboarding } from './onboardings';
import { secretFaults } from './secret-check';
import type { OperatedFlow } from './operated-flows';
import type { Shared } from './planned-user';
import type { FaultStack } from './stack';

export interface CheckResult {
  name: string;
  /** A summary of the examined data. */
  examined: string;
  /** One text for each fault. The text names the flow or the place that has the fault. Empty if the check passes. */
  faults: string[];
}

/** How long {@link allRuns} repeats its reads. Temporal's list of runs can be some seconds late. */
const LIST_MS = 30_000;
/**
 * How long the check waits for the end of the deliveries. After each failed post of an event, the worker waits before
 * it repeats the post: 5 s, then 10 s, 20 s and 40 s.
 */
const DELIVERIES_MS = 5 * 60_000;
const READ_AT_ONCE = 10;
const codePath = join(__dirname, '..', '..', 'workflow-bundle.js');

/** The flows and onboardings of a fault run, and the received events. */
export interface Played {
  log: EventLog;
  records: FlowRecord[];
  operated: OperatedFlow[];
  onboarded: PlayedOnboarding[];
}

/** Runs all checks. Needs a Temporal server and a worker that answer. */
export async function checkAll({ stack, secrets }: Shared, played: Played): Promise<CheckResult[]> {
  const { log, records, operated, onboarded } = played;
  await deliveriesEnd(stack);
  const early = [...log.events.keys()];
  const all = await allRuns(stack, records, early);
  const runs = all.filter(({ type }) => type === FLOW_TYPE);
  const flows = Object.entries(flowChecks).map(([name, check]) => ({
    name,
    examined: `${records.length} flows, ${runs.length} runs`,
    faults: ofEach(stack, records, runs, check),
  }));
  const different: string[] = [];
  for await (const { workflowId, difference } of replay({ codePath }, all))
    if (difference) different.push(`${workflowId}: ${difference}`);
  const keys = [...records, ...operated, ...onboarded.flatMap(({ flows }) => flows.map((key) => ({ key })))];
  return [
    ...flows,
    { name: 'operated flows', examined: `${operated.length} flows`, faults: operated.flatMap(({ faults }) => faults) },
    {
      name: 'onboardings',
      examined: `${onboarded.length} onboardings`,
      faults: onboarded.flatMap((one) => onboardingFaults(log, one)),
    },
    {
      name: 'events',
      examined: `${log.events.size} events, ${all.length} runs`,
      faults: eventFaults(log, all, early),
    },
    { name: 'monitors', ...(await monitorFaults(stack, all)) },
    ...otherRuns(records, all),
    { name: 'unknown runs', examined: `${runs.length} runs`, faults: unknownRuns(keys, runs) },
    { name: 'other connectors', ...untouched(stack, keys) },
    { name: 'replay', examined: `${all.length} histories`, faults: different },
    { name: 'secrets', ...secretFaults(stack, secrets, records, all) },
    { name: 'processes', examined: 'all workers', faults: stack.unexpectedEnds },
  ];
}

/** Waits until no delivery is open, for at most `DELIVERIES_MS`. */
async function deliveriesEnd({ client }: FaultStack): Promise<void> {
  const query = `WorkflowType = '${DELIVERY_TYPE}' AND ExecutionStatus = 'Running'`;
  for (const until = Date.now() + DELIVERIES_MS; Date.now() < until; await delay(500))
    if ((await client.workflow.count(query)).count === 0) return;
}

/**
 * Reads all runs. Repeats the reads while a run is missing in Temporal's list, or is still open although it will close by
 * itself. After `LIST_MS`, returns the last result.
 */
async function allRuns({ client }: FaultStack, records: FlowRecord[], early: string[]): Promise<RunEvidence[]> {
  const ids = [...records.flatMap(({ runs }) => runs.map(({ runId }) => runId)), ...early.map(deliveryIdOf)];
  for (let until: number | undefined; ; await delay(500)) {
    const runs = await each(await histories({ client }), READ_AT_ONCE, (run) => evidenceOf(client, run));
    until ??= Date.now() + LIST_MS;
    const listed = new Set(runs.flatMap(({ workflowId, runId }) => [workflowId, runId]));
    const wanted = [...ids, ...authenticatedIn(runs).map(connectionWorkflowIdOf)];
    if ((wanted.every((id) => listed.has(id)) && !runs.some(isEnding)) || Date.now() > until) return runs;
  }
}

/**
 * True for an open run that will close by itself: a delivery, an onboarding, or a flow in a final state. A flow shows
 * its final state before it has sent its last event and closes.
 */
const isEnding = ({ type, closings, view }: RunEvidence): boolean =>
  closings.length === 0 &&
  (type === DELIVERY_TYPE || type === ONBOARDING_TYPE || (view !== undefined && finalStates.includes(view.state)));

const ofEach = ({ stored }: FaultStack, records: FlowRecord[], runs: RunEvidence[], check: FlowCheck): string[] =>
  records.flatMap((record) => {
    const mine = runs.filter(({ workflowId }) => workflowId === workflowIdOf(record.key));
    return check(record, mine, stored).map((fault) => `${record.name}: ${fault}`);
  });

type HasKey = Pick<FlowRecord, 'key'>;

/** Checks the runs that the checks of the records leave out: other workflow types, and flows without a record. */
function otherRuns(records: HasKey[], all: RunEvidence[]): CheckResult[] {
  const known = new Set(records.map(({ key }) => workflowIdOf(key)));
  const others = all.filter(({ workflowId }) => !known.has(workflowId));
  const flows = others.filter(({ type }) => type === FLOW_TYPE);
  const ofRuns = (runs: RunEvidence[], check: (run: RunEvidence) => string[]) =>
    runs.flatMap((run) => check(run).map((fault) => `${run.workflowId}: ${fault}`));
  return [
    {
      name: 'other tasks',
      examined: `${others.length} runs`,
      faults: ofRuns(others, ({ history }) => failedTasks(history.events ?? [])),
    },
    {
      name: 'other timelines',
      examined: `${flows.length} runs`,
      faults: ofRuns(flows, (run) => timelineFaults(run)),
    },
  ];
}

function unknownRuns(records: HasKey[], runs: RunEvidence[]): string[] {
  const known = new Set(records.map(({ key }) => workflowIdOf(key)));
  return runs.filter(({ workflowId }) => !known.has(workflowId)).map(({ workflowId }) => `${workflowId} has a run`);
}

function untouched({ sandbox }: FaultStack, records: HasKey[]): Omit<CheckResult, 'name'> {
  const known = new Set(records.map(({ key }) => `${key.accountId}/${key.connectorId}`));
  const others = sandbox
    .accounts()
    .flatMap(({ accountId, connectors }) => connectors.map(({ id }) => ({ accountId, id })))
    .filter(({ accountId, id }) => !known.has(`${accountId}/${id}`));
  const faults = others.flatMap(({ accountId, id }) =>
    untouchedFaults(sandbox.connectorOf(accountId, id)).map((fault) => `connector ${id}: ${fault}`),
  );
  return { examined: `${others.length} connectors without a flow`, faults };
}
