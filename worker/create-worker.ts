import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker, type NativeConnection, type WorkerOptions, type WorkflowBundleOption } from '@temporalio/worker';
import { createActivities, type Targets } from '../activities';
import { CyclrClient, type CyclrConfig } from '../activities/cyclr/client';
import type { RequestRecorder } from '../activities/cyclr/recorded';
import type { ConsentPages } from '../activities/links';
import { recordRequest } from '../activities/metrics';
import type { Policies } from '../activities/policies/policies';
import type { PrivateKeys } from '../sealing/keys';
import { eventsPlugin } from './events-worker';
import type { WorkerTracing } from './tracing';
import type { Duration } from '../workflows/connector';
import { taskQueue as defaultTaskQueue } from '../workflows/messages';

export interface ConnectorWorkerOptions {
  /** Cyclr's API, and the partner's client id and secret. */
  cyclr: CyclrConfig;
  /** The sealing keys. All keys open sealed values, and the first key also makes fingerprints. */
  keys: PrivateKeys;
  /** The address of Cyclr's pages for a consent, and the name of the Cyclr user that is signed in there. */
  consent: ConsentPages;
  /** The receivers of events, by name. The default is no receiver. */
  targets?: Targets;
  /** The operator's policies for connectors, such as `await Policies.read(path)`. */
  policies?: Policies;
  /**
   * The time between two reads of a connection: 1 minute to 90 days. With this option, each new connection is
   * monitored, unless its policy has `monitor: off`.
   */
  monitorEvery?: Duration;
  connection: NativeConnection;
  /** The Temporal namespace. The default is the namespace `default`. */
  namespace?: string;
  /** The task queue. The default is `connector-auth`. ConnectorAuth must use the same task queue. */
  taskQueue?: string;
  /** The name of the worker deployment. A name switches worker versioning on. */
  deployment?: string;
  /** The path of the workflow bundle. The default is the bundle of this package. */
  bundlePath?: string;
  /**
   * `off` switches off the guard, which protects runs from a fault of the Temporal SDK in queries (see
   * `workflows/read-ahead.ts`). The default is `on`.
   */
  queryGuard?: 'on' | 'off';
  /** Adds spans to traces. Absent if no traces are exported. */
  tracing?: WorkerTracing;
  /** Further options of the Temporal worker. An option here overrides the same option that `createWorker` sets. */
  workerOptions?: Partial<WorkerOptions>;
}

/** The path of the prebuilt workflow bundle of this package. */
export const BUNDLE = join(__dirname, '..', 'workflow-bundle.js');

/**
 * The time limit of a workflow task in its thread. If a task takes longer, the SDK ends the task inside a promise hook.
 * Such an end of a task aborts the whole process: "async hook stack has become corrupted"
 * (https://github.com/nodejs/node/issues/38503). The default of the SDK is 5 s. The public type of the SDK lacks this
 * option (SDK 1.24).
 */
export const workerDefaults = { isolateExecutionTimeout: '60s' } as Partial<WorkerOptions>;

/**
 * Creates a Temporal worker that runs the workflows and activities of this package. Call `run()` to start the worker.
 * `run()` also starts a worker of the task queue for events.
 */
export function createWorker({
  cyclr,
  keys,
  consent,
  targets,
  policies,
  monitorEvery,
  connection,
  namespace,
  taskQueue = defaultTaskQueue,
  deployment,
  bundlePath = BUNDLE,
  queryGuard,
  tracing,
  workerOptions,
}: ConnectorWorkerOptions): Promise<Worker> {
  const options: WorkerOptions = {
    ...workerDefaults,
    connection,
    namespace,
    taskQueue,
    workflowBundle: bundleWith(bundlePath, {
      ...(queryGuard === 'off' && { cyclrConnectQueryGuard: 'off' }),
      ...(tracing && { cyclrConnectTraces: 'on' }),
    }),
    activities: createActivities({
      cyclr: new CyclrClient({ ...cyclr, policies }, recorderOf(tracing)),
      keys,
      consent,
      targets,
      monitorEvery,
    }),
    maxCachedWorkflows: 1000,
    maxConcurrentWorkflowTaskExecutions: 40,
    maxConcurrentActivityTaskExecutions: 100,
    // A shutdown waits for the running activity attempts. All except `readScope` of a large account take at most 60 s.
    // Temporal repeats an attempt that the shutdown has ended. The SDK's default is 0 s.
    shutdownGraceTime: '65s',
    shutdownForceTime: '75s',
    workerDeploymentOptions: {
      version: { deploymentName: deployment ?? 'cyclr-connect', buildId: buildIdOf(bundlePath) },
      // A versioned worker gets no task before the operator sets the current version, so versioning is off by default.
      ...(deployment === undefined
        ? { useWorkerVersioning: false }
        : { useWorkerVersioning: true, defaultVersioningBehavior: 'AUTO_UPGRADE' }),
    },
    ...tracing?.options,
    ...workerOptions,
  };
  const plugins = [...(options.plugins ?? []), eventsPlugin(targets)];
  return Worker.create({ ...options, plugins });
}

/**
 * Returns the workflow bundle at `codePath`, with additional code at its beginning. This code sets global variables
 * that switch off the guard of `workflows/read-ahead.ts`, or switch on traces.
 */
function bundleWith(codePath: string, variables: { [name: string]: string }): WorkflowBundleOption {
  const lines = Object.entries(variables).map(([name, value]) => `globalThis.${name}='${value}';`);
  return lines.length === 0 ? { codePath } : { code: `${lines.join('')}${readFileSync(codePath, 'utf8')}` };
}

const recorderOf = (tracing: WorkerTracing | undefined): RequestRecorder =>
  tracing
    ? (outcome) => {
        recordRequest(outcome);
        tracing.record(outcome);
      }
    : recordRequest;

/**
 * The build id of a worker: the hash of the code in its bundle. The source map is not hashed, because it depends on the
 * folder of the build.
 */
export const buildIdOf = (path: string): string =>
  createHash('sha256')
    .update(readFileSync(path, 'utf8').split('//# sourceMappingURL')[0] ?? '')
    .digest('hex')
    .slice(0, 16);
