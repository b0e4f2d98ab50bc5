/**
 * The activities of monitors: they read connections and cycles from Cyclr, and start and signal workflows in Temporal.
 */
import { Context, log } from '@temporalio/activity';
import { connectionWorkflowIdOf, MONITOR_TYPE, type Outcome } from '../workflows/connection';
import { type ConnectorKey, type ConnectorPolicy, type Duration } from '../workflows/connector';
import { FLOW_TYPE, flowStartOptions } from '../workflows/flow-start';
import { connectorFinished, reportFailure, subscribe } from '../workflows/messages';
import { monitorStart } from '../workflows/monitor-connection/start';
import type { ConnectionRead, MonitorActivities, TransactionError } from '../workflows/ports';
import type { FinalStateName, FlowResult } from '../workflows/view';
import { isOpen, monitorsOfAccount, OPEN } from '../workflows/visibility';
import type { CyclrClient } from './cyclr/client';
import { isOfKind } from './cyclr/errors';
import { factsOf, type Targets } from './events/targets';
import { mapped } from './failures';
import { ignoreNotFound, isOther, latestRun, resultOf, statusOf } from './onboarding';

/** The `by` of a re-authentication that a monitor starts. The timeline shows this value. */
const BY = 'monitor';
const MAX_NAME = 200;

export interface MonitorParts {
  cyclr: CyclrClient;
  targets?: Targets;
  /**
   * The time between two reads of a connection whose policy has no `monitor`. If `monitorEvery` is absent, such a
   * connection is not monitored.
   */
  monitorEvery?: Duration;
}

export const monitorActivities = (parts: MonitorParts): MonitorActivities => ({
  readConnection: (key, knownRunId) => mapped(() => readConnection(parts, key, knownRunId)),
  startReauthentication,
  reportToMonitor,
  reportTransactionError: (error) => mapped(() => reportTransactionError(parts.cyclr, error)),
});

/**
 * The time between two reads of a connection: `monitor` of the policy, or `monitorEvery` of the worker if the policy
 * has no `monitor`. `undefined` if the connection is not monitored.
 */
export const monitorEveryOf = (
  { monitorEvery }: Pick<MonitorParts, 'monitorEvery'>,
  policy: Pick<ConnectorPolicy, 'monitor'> | undefined,
): Duration | undefined => (policy?.monitor === 'off' ? undefined : (policy?.monitor ?? monitorEvery));

async function readConnection(parts: MonitorParts, key: ConnectorKey, knownRunId?: string): Promise<ConnectionRead> {
  // This function reads the outcome of the latest flow before it reads the connector. In the other order, the flow
  // could authenticate the connector between the two reads. The monitor would then get the outcome `authenticated`
  // together with an older `Authenticated: false`, and would report a break.
  const latest = await latestOutcome(key, knownRunId);
  const { connector } = await parts.cyclr.read(key);
  const { name, authType, policy } = connector;
  const every = monitorEveryOf(parts, policy);
  return {
    connectorName: [...name].slice(0, MAX_NAME).join(''),
    // A connector that needs no authentication counts as authenticated. Cyclr can report such a connector as not
    // authenticated, and no flow could change this report.
    authenticated: connector.authenticated || authType === 'None',
    ...latest,
    ...(every !== undefined && { every }),
    ...(policy?.reauthenticate === 'automatic' && { automatic: true as const }),
    ...factsOf(parts.targets ?? {}, 'connection'),
  };
}

async function latestOutcome(
  key: ConnectorKey,
  knownRunId?: string,
): Promise<Pick<ConnectionRead, 'outcome' | 'isFlowOpen'>> {
  const { client } = Context.current();
  const run = await latestRun(client, key);
  if (!run || run.runId === knownRunId) return {};
  if (isOpen(run)) return { isFlowOpen: true };
  const { runId, state } = await statusOf(client, key.connectorId, run);
  const at = (run.closeTime ?? run.startTime).toISOString();
  const by = run.status.name === 'COMPLETED' ? lastActor(await resultOf(client, run)) : undefined;
  return { outcome: { runId: runId!, state: state as FinalStateName, at, ...(by !== undefined && { by }) } };
}

/** The person or program that acted last in a flow. */
const lastActor = ({ timeline }: FlowResult): string | undefined =>
  timeline.entries.findLast(({ by }) => by !== undefined)?.by;

async function startReauthentication(
  key: ConnectorKey,
  { subscriber }: { subscriber: string },
): Promise<{ runId: string }> {
  const { client, info } = Context.current();
  const input = { ...key, intent: 'reauthenticate' as const, by: BY };
  const { signaledRunId } = await client.workflow.signalWithStart(FLOW_TYPE, {
    ...flowStartOptions(input, info.taskQueue, {}),
    signal: subscribe,
    signalArgs: [{ workflowId: subscriber }],
  });
  return { runId: signaledRunId };
}

async function reportToMonitor(key: ConnectorKey, outcome: Outcome): Promise<void> {
  const { client, info } = Context.current();
  const message = { connectorId: key.connectorId, ...outcome };
  if (outcome.state !== 'authenticated') {
    const monitor = client.workflow.getHandle(connectionWorkflowIdOf(key));
    await monitor.signal(connectorFinished, message).catch(ignoreNotFound);
    return;
  }
  await client.workflow.signalWithStart(MONITOR_TYPE, {
    ...monitorStart(key, info.taskQueue),
    signal: connectorFinished,
    signalArgs: [message],
  });
}

async function reportTransactionError(cyclr: CyclrClient, error: TransactionError): Promise<void> {
  const { accountId, cycleId, ...report } = error;
  const { client } = Context.current();
  // Cyclr's message about a transaction error has two ids of the account, and this activity runs once for each id.
  // Flows and monitors use only one of the two ids, and Cyclr would refuse a call with the other id. So this function
  // calls Cyclr only if a monitor uses the given id.
  const { count } = await client.workflow.count(`${monitorsOfAccount(accountId)} AND ${OPEN}`);
  if (count === 0) return;
  const { ids, isWhole } = await connectorsOf(cyclr, { accountId, cycleId });
  if (ids.length === 0) log.warn('A failed call names a cycle whose connectors are unknown');
  const onlyConnector = isWhole && ids.length === 1;
  for (const connectorId of ids) {
    const monitor = client.workflow.getHandle(connectionWorkflowIdOf({ accountId, connectorId }));
    await monitor.signal(reportFailure, { cycleId, ...report, onlyConnector }).catch(ignoreNotFound);
  }
}

/**
 * The ids of the cycle's connectors. If Cyclr's answer has no list of connectors, or no entry of the list can be read,
 * returns the ids that the unmet prerequisites of the cycle name. `isWhole` is false if the cycle can have further
 * connectors.
 */
async function connectorsOf(
  cyclr: CyclrClient,
  { accountId, cycleId }: Pick<TransactionError, 'accountId' | 'cycleId'>,
): Promise<{ ids: number[]; isWhole: boolean }> {
  const listed = await cyclr.getCycleConnectors({ accountId }, cycleId).catch((err: unknown) => {
    if (isOfKind(err, 'unreadable') || isOfKind(err, 'notFound')) return undefined;
    throw err;
  });
  if (listed && (listed.isWhole || listed.ids.length > 0)) return { ...listed, ids: [...new Set(listed.ids)] };
  const prerequisites = await cyclr.getPrerequisites({ accountId }, cycleId);
  const named = prerequisites.filter((one) => !isOther(one)).map(({ ObjectId }) => Number(ObjectId));
  return { ids: [...new Set(named)], isWhole: false };
}
