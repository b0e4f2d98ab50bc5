/** The activities of an onboarding: they read the scope from Cyclr, and start, check and cancel flows in Temporal. */
import { Context } from '@temporalio/activity';
import { isConnectorId, workflowIdOf } from '../workflows/connector';
import { FLOW_TYPE, flowStartOptions, type FlowMemo } from '../workflows/flow-start';
import { cancel, searchAttributes, subscribe } from '../workflows/messages';
import { MAX_CONNECTORS, type Lack, type OnboardingKey } from '../workflows/onboarding';
import type {
  FlowRun,
  FlowStatus,
  FlowsToCheck,
  FlowsToStart,
  OnboardingActivities,
  ScopeAnswer,
  ScopeConnector,
  ScopeRequest,
} from '../workflows/ports';
import type { FinalStateName, FlowResult } from '../workflows/view';
import { endedByTemporal, isOpen, OF_FLOWS, ofAccount, OPEN } from '../workflows/visibility';
import type { ActivityAttempt } from './attempt';
import type { CyclrClient } from './cyclr/client';
import { isOfKind } from './cyclr/errors';
import type { ListedConnector, Prerequisite } from './cyclr/wire';
import { factsOf, type Targets } from './events/targets';
import { flowsOpen, invalidInput, mapped } from './failures';

/** The highest number of calls to Temporal at the same time. */
const AT_ONCE = 20;
/**
 * The time limit of the call that lists the open flows. The limit is below the heartbeat timeout of the activity,
 * because the activity sends no heartbeat during the call.
 */
const VISIBILITY_MS = 5_000;
const UNAUTHENTICATED = 20; // the ReasonCode of a connector that is not authenticated
const MAX_NAME = 200;

type Client = Context['client'];

export const onboardingActivities = (cyclr: CyclrClient, targets: Targets): OnboardingActivities => ({
  readScope: (key, request) =>
    mapped(async (attempt) => ({
      ...(await readScope(cyclr, key, request, attempt)),
      ...factsOf(targets, 'onboarding', request.notify),
    })),
  activateCycle: (key, cycleId) => mapped(() => activateCycle(cyclr, key, cycleId)),
  startFlows,
  checkFlows,
  cancelFlows,
  awaitEnds,
});

async function readScope(
  cyclr: CyclrClient,
  { accountId }: OnboardingKey,
  { scope, known }: ScopeRequest,
  attempt: ActivityAttempt,
): Promise<ScopeAnswer> {
  const prerequisites = 'cycleId' in scope ? await cyclr.getPrerequisites({ accountId }, scope.cycleId) : [];
  attempt.report(); // two calls of up to 10 s without a heartbeat between them could exceed the heartbeat timeout of 15 s
  const listed = await cyclr.listConnectors({ accountId }, () => attempt.report());
  const needed = new Set('connectorIds' in scope ? scope.connectorIds : neededBy(prerequisites, scope, listed));
  const ids = [...new Set([...known, ...needed])];
  if (ids.length > MAX_CONNECTORS) throw invalidInput(`The scope has more than ${MAX_CONNECTORS} connectors`);
  const byId = new Map(listed.map((connector) => [connector.Id, connector]));
  const connectors = ids.flatMap((id) => scopeConnector(id, byId.get(id), needed.has(id)) ?? []);
  return { connectors, ...('cycleId' in scope && { lacks: prerequisites.filter(isOther).map(lackOf) }) };
}

const neededBy = (prerequisites: Prerequisite[], scope: object, listed: ListedConnector[]): number[] =>
  'cycleId' in scope
    ? prerequisites.filter((one) => !isOther(one)).map(({ ObjectId }) => Number(ObjectId))
    : listed.filter(({ Authenticated }) => !Authenticated).map(({ Id }) => Id);

/** True for a prerequisite other than the authentication of a connector. */
export const isOther = ({ ReasonCode, ObjectId }: Prerequisite): boolean =>
  ReasonCode !== UNAUTHENTICATED || !isConnectorId(Number(ObjectId));

const lackOf = ({ ReasonCode, ObjectType, ObjectId }: Prerequisite): Lack => ({
  reasonCode: ReasonCode,
  ...(ObjectType && { objectType: ObjectType.slice(0, MAX_NAME) }),
  ...(ObjectId && { objectId: ObjectId.slice(0, MAX_NAME) }),
});

/**
 * The data of a connector that is in the scope, or that Cyclr lists. `undefined` for any other connector. Cyclr's list
 * for a sub-account can lack the connectors of the parent account. If a connector of the scope is not in the list, the
 * connector counts as not authenticated, and its flow reads the real state from Cyclr.
 */
function scopeConnector(
  connectorId: number,
  listed: ListedConnector | undefined,
  needed: boolean,
): ScopeConnector | undefined {
  if (!listed && !needed) return undefined;
  const name = listed?.Name || listed?.Connector?.Name || `Connector ${connectorId}`;
  const authenticated = listed?.Authenticated ?? false;
  return { connectorId, name: [...name].slice(0, MAX_NAME).join(''), authenticated, needed };
}

async function activateCycle(
  cyclr: CyclrClient,
  { accountId }: OnboardingKey,
  cycleId: string,
): Promise<{ lacks?: Lack[] }> {
  try {
    await cyclr.putActivate({ accountId }, cycleId);
    return {};
  } catch (err) {
    if (!isOfKind(err, 'refused')) throw err;
    return { lacks: (await cyclr.getPrerequisites({ accountId }, cycleId)).map(lackOf) };
  }
}

function startFlows(key: OnboardingKey, request: FlowsToStart): Promise<FlowStatus[]> {
  const { info } = Context.current();
  return eachOf(request.connectorIds, async (client, connectorId) => {
    // If an earlier activity attempt has already started the flow, or if the flow has ended since this activity was
    // scheduled, this attempt does not start the flow again.
    const earlier = info.attempt > 1 ? await readRun(client, { ...key, connectorId }) : undefined;
    const isOwn = earlier && memoOf(earlier).onboardingRun === request.firstRunId;
    if (earlier && (isOwn || hasEndedAfter(earlier, info.scheduledTimestampMs)))
      return statusOf(client, connectorId, earlier);
    return startFlow(client, key, { ...request, connectorId, taskQueue: info.taskQueue });
  });
}

async function startFlow(
  client: Client,
  { accountId, onboardingId }: OnboardingKey,
  {
    connectorId,
    subscriber,
    firstRunId,
    options,
    taskQueue,
  }: FlowsToStart & { connectorId: number; taskQueue: string },
): Promise<FlowStatus> {
  const memo: FlowMemo = { onboarding: onboardingId, onboardingRun: firstRunId };
  const { signaledRunId } = await client.workflow.signalWithStart(FLOW_TYPE, {
    ...flowStartOptions({ ...options, accountId, connectorId }, taskQueue, memo),
    signal: subscribe,
    signalArgs: [{ workflowId: subscriber }],
  });
  return { connectorId, runId: signaledRunId, state: 'running' };
}

async function checkFlows({ accountId }: OnboardingKey, { flows, subscriber }: FlowsToCheck): Promise<FlowStatus[]> {
  const context = Context.current();
  const open = await openFlows(context.client, accountId);
  context.heartbeat();
  const checked = await eachOf(flows, async (client, flow) => {
    const { connectorId } = flow;
    const runId = open.get(workflowIdOf({ accountId, connectorId }));
    // An open run that the onboarding knows needs no check, because this run sends a signal at its end. A flow that the
    // onboarding knows as ended needs a check only if a new run of this flow is open.
    const isNew = runId !== undefined && runId !== flow.runId;
    const isMissing = flow.state === 'running' && runId === undefined;
    return isNew || isMissing ? checkFlow(client, { accountId, connectorId }, subscriber) : flow;
  });
  return checked.filter((flow, index) => flow !== flows[index]);
}

/**
 * The run id of each open flow of the account. The key is the workflow id. If Temporal's visibility gives no answer,
 * the map is empty, and the activity calls `describe` for each flow that the onboarding knows as running.
 */
async function openFlows(client: Client, accountId: string): Promise<Map<string, string>> {
  const query = `${OF_FLOWS} AND ${OPEN} AND ${ofAccount(accountId)}`;
  const open = new Map<string, string>();
  try {
    await client.withDeadline(Date.now() + VISIBILITY_MS, async () => {
      for await (const { workflowId, runId } of client.workflow.list({ query })) open.set(workflowId, runId);
    });
    return open;
  } catch {
    return new Map();
  }
}

/**
 * The state of the latest run of a flow. Subscribes the onboarding to an open run, because this run can be newer than
 * the run that the onboarding knows.
 */
async function checkFlow(client: Client, key: Key, subscriber: string): Promise<FlowStatus> {
  const run = await readRun(client, key);
  const { connectorId } = key;
  if (!run) return { connectorId, state: 'failed' }; // Temporal has removed the run after the retention period, or an operator has deleted it
  if (isOpen(run))
    await client.workflow.getHandle(run.workflowId).signal(subscribe, { workflowId: subscriber }).catch(ignoreNotFound);
  return statusOf(client, connectorId, run);
}

async function cancelFlows(
  { accountId, onboardingId }: OnboardingKey,
  { connectorIds, by }: { connectorIds: number[]; by?: string },
): Promise<FlowRun[]> {
  const request = { reason: 'The onboarding was cancelled', ...(by !== undefined && { by }) };
  const cancelled = await eachOf(connectorIds, async (client, connectorId) => {
    for (;;) {
      const run = await readRun(client, { accountId, connectorId });
      if (!run || !isOpen(run) || memoOf(run).onboarding !== onboardingId) return [];
      const handle = client.workflow.getHandle(run.workflowId, run.runId);
      if (await handle.signal(cancel, request).then(() => true, ignoreNotFound))
        return [{ connectorId, runId: run.runId }];
      // The run ended before it got the signal. If the run continued as new, the next run is open. So read the latest
      // run again.
    }
  });
  return cancelled.flat();
}

async function awaitEnds({ accountId }: OnboardingKey, runs: FlowRun[]): Promise<void> {
  await eachOf(runs, async (client, { connectorId, runId }) => {
    const run = await latestRun(client, { accountId, connectorId });
    if (run?.runId === runId && run.status.name === 'RUNNING') throw flowsOpen();
  });
}

interface Key {
  accountId: string;
  connectorId: number;
}

export type Run = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['describe']>>;

/** The latest run of a flow. `undefined` if Temporal has no run of the flow. */
export const latestRun = (client: Client, { accountId, connectorId }: Key): Promise<Run | undefined> =>
  client.workflow.getHandle(workflowIdOf({ accountId, connectorId })).describe().catch(ignoreNotFound);

/** Reads the latest run of a flow. Then sends a heartbeat, because a further call to Temporal can follow. */
async function readRun(client: Client, key: Key): Promise<Run | undefined> {
  const run = await latestRun(client, key);
  Context.current().heartbeat();
  return run;
}

/** Ignores Temporal's error for a run that has ended, or that Temporal no longer has. Throws any other error. */
export function ignoreNotFound(err: unknown): undefined {
  if (!(err instanceof Error && err.name === 'WorkflowNotFoundError')) throw err;
}

const memoOf = ({ memo }: Run): FlowMemo => memo ?? {};

const hasEndedAfter = ({ closeTime }: Run, ms: number): boolean => closeTime !== undefined && closeTime.getTime() >= ms;

/**
 * The state of a run, from its status and its search attributes. If Temporal has lost the search attribute, the state
 * is in the result of the run.
 */
export async function statusOf(client: Client, connectorId: number, run: Run): Promise<FlowStatus> {
  const { runId, status } = run;
  if (isOpen(run)) return { connectorId, runId, state: 'running' };
  const ended = endedByTemporal.find((one) => one.status === status.name)?.state;
  const state = ended ?? run.typedSearchAttributes.get(searchAttributes.state);
  if (state !== undefined) return { connectorId, runId, state: state as FinalStateName };
  const result = await resultOf(client, run);
  return { connectorId, runId, state: result.state as FinalStateName };
}

/** The result of a completed run. */
export const resultOf = (client: Client, { workflowId, runId }: Run): Promise<FlowResult> =>
  client.workflow.getHandle(workflowId, runId).result() as Promise<FlowResult>;

/**
 * Calls `call` for each item, at most 20 at a time, with a heartbeat after each call. Fails before the next item if the
 * activity is cancelled or a call has failed. Waits for the open calls before it fails, so that no call runs at the
 * same time as the next activity attempt.
 */
async function eachOf<T, R>(items: readonly T[], call: (client: Client, item: T) => Promise<R>): Promise<R[]> {
  const context = Context.current();
  const failed = new AbortController();
  const results = new Array<R>(items.length);
  const rest = items.entries();
  const work = async () => {
    for (const [index, item] of rest) {
      context.cancellationSignal.throwIfAborted();
      failed.signal.throwIfAborted();
      results[index] = await call(context.client, item);
      context.heartbeat();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, () => work().catch((err: unknown) => failed.abort(err))));
  failed.signal.throwIfAborted();
  return results;
}
