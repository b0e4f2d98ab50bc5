/** The checks after a run of many flows: checks of each flow, and checks of the whole stack. */
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { replay } from '../../temporal/replay';
import { workflowIdOf } from '../../workflows/connector';
import { flowChecks, type FlowCheck } from './checks';
import { untouchedFaults } from './cyclr-check';
import { evidenceOf, type RunEvidence } from './evidence';
import type { FlowRecord } from './flow-record';
import { failedTasks, histories } from './histories';
import { secretFaults } from './secret-check';
import type { OperatedFlow } from './operated-flows';
import type { Shared } from './planned-user';
import type { FaultStack } from './stack';

export interface CheckResult {
  name: string;
  /** A summary of the examined data. */
  examined: string;
  /** One text for each fault, with the flow or the place. Empty if the check passes. */
  faults: string[];
}

/** How long the check waits for Temporal's list of runs, which can be some seconds late. */
const LIST_MS = 30_000;
const codePath = join(__dirname, '..', '..', 'workflow-bundle.js');

/** Runs all checks. Needs a Temporal server and a worker that answer. */
export async function checkAll(
  { stack, secrets }: Shared,
  records: FlowRecord[],
  operated: OperatedFlow[],
): Promise<CheckResult[]> {
  const runs = await allRuns(
    stack,
    records.reduce((sum, { runs }) => sum + runs.length, 0),
  );
  const flows = Object.entries(flowChecks).map(([name, check]) => ({
    name,
    examined: `${records.length} flows, ${runs.length} runs`,
    faults: ofEach(stack, records, runs, check),
  }));
  const different: string[] = [];
  for await (const { workflowId, difference } of replay({ codePath }, runs))
    if (difference) different.push(`${workflowId}: ${difference}`);
  return [
    ...flows,
    { name: 'operated flows', examined: `${operated.length} flows`, faults: operatedFaults(operated, runs) },
    { name: 'unknown runs', examined: `${runs.length} runs`, faults: unknownRuns([...records, ...operated], runs) },
    { name: 'other connectors', ...untouched(stack, [...records, ...operated]) },
    { name: 'replay', examined: `${runs.length} histories`, faults: different },
    { name: 'secrets', ...secretFaults(stack, secrets, records, runs) },
    { name: 'processes', examined: 'all workers', faults: stack.unexpectedEnds },
  ];
}

async function allRuns({ client }: FaultStack, atLeast: number): Promise<RunEvidence[]> {
  const until = Date.now() + LIST_MS;
  let runs = await histories({ client });
  for (; runs.length < atLeast && Date.now() < until; runs = await histories({ client })) await delay(500);
  const evidence: RunEvidence[] = [];
  for (const run of runs) evidence.push(await evidenceOf(client, run));
  return evidence;
}

const ofEach = ({ stored }: FaultStack, records: FlowRecord[], runs: RunEvidence[], check: FlowCheck): string[] =>
  records.flatMap((record) => {
    const mine = runs.filter(({ workflowId }) => workflowId === workflowIdOf(record.key));
    return check(record, mine, stored).map((fault) => `${record.name}: ${fault}`);
  });

function operatedFaults(operated: OperatedFlow[], runs: RunEvidence[]): string[] {
  return operated.flatMap(({ key, faults }) => {
    const mine = runs.filter(({ workflowId }) => workflowId === workflowIdOf(key));
    const failures = mine.flatMap(({ history }) => failedTasks(history.events ?? []));
    return [...faults, ...failures.map((failure) => `${key.accountId}: ${failure}`)];
  });
}

type HasKey = Pick<FlowRecord, 'key'>;

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
