/** The checks of `doctor` that call Temporal. */
import { eventsQueueOf } from '../workflows/events';
import { isGrpcServiceError } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time';
import { describeDeployment, quoted, setCurrentCommand, setUnversionedCommand } from '../temporal/deployment';
import {
  cloudCommand,
  isOfCloud,
  missingSearchAttributes,
  searchAttributeNames,
  withTypes,
} from '../temporal/search-attributes';
import type { Cli, Server } from './cli';
import { isInRepository, taskQueueOf, variablesOf } from './config';
import type { Outcome } from './output';

const GRPC_NOT_FOUND = 5;
const WORKFLOW = 1; // temporal.api.enums.v1.TaskQueueType
const ACTIVITY = 2;
const VERSIONED = 2; // temporal.api.enums.v1.WorkerVersioningMode
/**
 * A worker counts as running if its last poll began within this time. A poll lasts up to 60 s. The server's clock,
 * which gives the time of a poll, can differ from the clock of this machine by 30 s.
 */
const SEEN_WITHIN_MS = 90_000;

/** Checks that the command line can connect to Temporal. */
export async function checkTemporal(cli: Cli): Promise<Outcome> {
  try {
    return { ok: true, detail: (await cli.server()).address };
  } catch (err) {
    const [detail, remedy] = (err as Error).message.split(/\. (?=[A-Z])(.*)/s);
    if ((err as { code?: unknown }).code !== 'temporalUnavailable' || !remedy) throw err;
    return { ok: false, detail, remedy };
  }
}

export async function checkNamespace(cli: Cli): Promise<Outcome> {
  const { services, namespace, ...server } = await cli.server();
  try {
    await services.workflowService.describeNamespace({ namespace });
    return { ok: true, detail: namespace };
  } catch (err) {
    if (!isNotFound(err)) throw err;
    const create = `temporal operator namespace create --namespace ${quoted(namespace)} --address ${server.address}`;
    return { ok: false, detail: `${namespace} does not exist`, remedy: `set TEMPORAL_NAMESPACE, or run: ${create}` };
  }
}

export async function checkSearchAttributes(cli: Cli): Promise<Outcome> {
  const { services, namespace } = await cli.server();
  const missing = await missingSearchAttributes(services, namespace);
  if (missing.length === 0) return { ok: true, detail: `all ${searchAttributeNames.length} registered` };
  return {
    ok: false,
    detail: `missing, or of another type: ${withTypes(missing)}`,
    remedy: isOfCloud(namespace)
      ? `run: ${cloudCommand(namespace, missing)}`
      : `run: ${isInRepository(cli.env) ? 'npm run' : cli.name} search-attributes`,
  };
}

/**
 * Checks the pollers of workflow tasks and of activity tasks, because the settings of a worker can make the worker poll
 * for only one of these two kinds of tasks. Also checks the separate task queue of the activities that post events.
 */
export async function checkWorkers(cli: Cli): Promise<Outcome> {
  const taskQueue = await taskQueueOf(cli);
  const server = await cli.server();
  const kinds = [
    { kind: 'workflow', ...(await describeQueue(server, taskQueue, WORKFLOW)) },
    { kind: 'activity', ...(await describeQueue(server, taskQueue, ACTIVITY)) },
    { kind: 'event', ...(await describeQueue(server, eventsQueueOf(taskQueue), ACTIVITY)) },
  ];
  const missing = kinds.filter(({ pollers }) => pollers.length === 0).map(({ kind }) => kind);
  const count = (pollers: Poller[]) => new Set(pollers.map(({ identity }) => identity)).size;
  const lastPollS = Math.round(Math.min(...kinds.flatMap(({ pollers }) => pollers.map(({ agoMs }) => agoMs))) / 1000);
  const found = `${count(kinds[0]!.pollers)} on task queue ${taskQueue}, last poll ${lastPollS} s ago`;
  // A worker polls about once a minute. So this check can still pass for up to 90 s after the end of the last worker.
  if (missing.length === 0) return { ok: true, detail: found };
  return {
    ok: false,
    detail: `no worker polls task queue ${taskQueue} for ${missing.join(' and ')} tasks`,
    remedy: `start a worker with the same TASK_QUEUE${isInRepository(cli.env) ? ': npm run worker' : ''}`,
  };
}

/**
 * Checks that a worker of the current version polls. With worker versioning, Temporal gives tasks only to workers of
 * the current version. After worker versioning was switched off, the task queue keeps its current version, and workers
 * without versioning get no tasks.
 */
export async function checkDeployment(cli: Cli): Promise<Outcome> {
  const { WORKER_DEPLOYMENT } = await variablesOf(cli, 'WORKER_DEPLOYMENT');
  const taskQueue = await taskQueueOf(cli);
  const server = await cli.server();
  const queue = await describeQueue(server, taskQueue, WORKFLOW);
  const pollers = queue.pollers.flatMap(({ deployment }) => deployment ?? []);
  const name = WORKER_DEPLOYMENT ?? pollers[0]?.deploymentName ?? queue.deploymentName;
  if (name === undefined) return { ok: true, detail: 'worker versioning is off' };
  const deployment = await describeDeployment(server.services, server.namespace, name);
  if (!deployment) {
    const remedy = `start a worker with WORKER_DEPLOYMENT=${quoted(name)}`;
    return { ok: false, detail: `no worker of deployment ${name} has polled`, remedy };
  }
  const { current, latest } = deployment;
  const polling = pollers.flatMap(({ deploymentName, buildId }) => (deploymentName === name ? [buildId] : []));
  if (current !== undefined && polling.includes(current))
    return { ok: true, detail: `current version of ${name}: ${current}` };
  return {
    ok: false,
    detail: current
      ? `no worker of the current version ${current} of ${name} polls task queue ${taskQueue}`
      : `deployment ${name} has no current version, so its workers get no tasks`,
    remedy:
      current !== undefined && polling.length === 0
        ? `start a worker with WORKER_DEPLOYMENT=${quoted(name)}; or, to use workers without it, run: ${setUnversionedCommand(server, name)}`
        : `run: ${setCurrentCommand(server, name, polling[0] ?? latest)}`,
  };
}

interface Poller {
  identity: string;
  /** The time since the last poll, in milliseconds. */
  agoMs: number;
  /** The deployment of a versioned worker. */
  deployment?: { deploymentName: string; buildId: string };
}

interface Queue {
  /** The pollers whose last poll is less than 90 s old. */
  pollers: Poller[];
  /** Temporal gives the tasks of the queue to the current version of this deployment. */
  deploymentName?: string;
}

async function describeQueue({ services, namespace }: Server, name: string, taskQueueType: number): Promise<Queue> {
  const request = { namespace, taskQueue: { name }, taskQueueType };
  const { pollers, versioningInfo } = await services.workflowService.describeTaskQueue(request);
  const recent = pollers.flatMap(({ identity, lastAccessTime, deploymentOptions }) => {
    const agoMs = lastAccessTime ? Math.max(0, Date.now() - tsToMs(lastAccessTime)) : Infinity;
    if (agoMs >= SEEN_WITHIN_MS) return [];
    const { workerVersioningMode, deploymentName, buildId } = deploymentOptions ?? {};
    const deployment = workerVersioningMode === VERSIONED && { deploymentName: deploymentName!, buildId: buildId! };
    return [{ identity: identity ?? '', agoMs, ...(deployment && { deployment }) }];
  });
  return { pollers: recent, deploymentName: versioningInfo?.currentDeploymentVersion?.deploymentName || undefined };
}

const isNotFound = (err: unknown): boolean => isGrpcServiceError(err) && err.code === GRPC_NOT_FOUND;
