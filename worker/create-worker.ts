import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker, type NativeConnection, type WorkerOptions } from '@temporalio/worker';
import { createActivities } from '../activities';
import { CyclrClient, type CyclrConfig } from '../activities/cyclr/client';
import type { ConsentPages } from '../activities/links';
import type { PrivateKeys } from '../sealing/keys';
import { taskQueue as defaultTaskQueue } from '../workflows/messages';

export interface ConnectorWorkerOptions {
  /** Cyclr's API, and the partner's client id and secret. */
  cyclr: CyclrConfig;
  /** The sealing keys: all keys open, the first key also makes fingerprints. */
  keys: PrivateKeys;
  /** Cyclr's pages for users. */
  consent: ConsentPages;
  connection: NativeConnection;
  /** The Temporal namespace: `default` by default. */
  namespace?: string;
  /** The task queue: `connector-auth` by default. ConnectorAuth must use the same task queue. */
  taskQueue?: string;
  /** The name of the worker deployment: switches worker versioning on. */
  deployment?: string;
  /** The path of the workflow bundle; by default the bundle of this package. */
  bundlePath?: string;
  /** Further options of the Temporal worker. Each of them replaces the same option that `createWorker` sets. */
  workerOptions?: Partial<WorkerOptions>;
}

/** The prebuilt workflow bundle of this package. */
export const BUNDLE = join(__dirname, '..', 'workflow-bundle.js');

/**
 * The time limit of a workflow task in its thread. The SDK ends a longer task inside a promise hook, which aborts the
 * whole process: "async hook stack has become corrupted" (https://github.com/nodejs/node/issues/38503). The SDK's
 * default is 5 s; its public type lacks the option (SDK 1.24).
 */
export const workerDefaults = { isolateExecutionTimeout: '60s' } as Partial<WorkerOptions>;

/** A Temporal worker that runs the workflows and activities of this package. Call `run()` to start the worker. */
export function createWorker({
  cyclr,
  keys,
  consent,
  connection,
  namespace,
  taskQueue = defaultTaskQueue,
  deployment,
  bundlePath = BUNDLE,
  workerOptions,
}: ConnectorWorkerOptions): Promise<Worker> {
  const options: WorkerOptions = {
    ...workerDefaults,
    connection,
    namespace,
    taskQueue,
    workflowBundle: { codePath: bundlePath },
    activities: createActivities({ cyclr: new CyclrClient(cyclr), keys, consent }),
    maxCachedWorkflows: 1000,
    maxConcurrentWorkflowTaskExecutions: 40,
    maxConcurrentActivityTaskExecutions: 100,
    // At a shutdown each activity attempt ends by itself: the longest takes 60 s. The SDK's default is 0 s.
    shutdownGraceTime: '65s',
    shutdownForceTime: '75s',
    workerDeploymentOptions: {
      version: { deploymentName: deployment ?? 'cyclr-connect', buildId: contentHash(bundlePath) },
      // A versioned worker gets no task before the operator sets the current version, so versioning is off by default.
      ...(deployment === undefined
        ? { useWorkerVersioning: false }
        : { useWorkerVersioning: true, defaultVersioningBehavior: 'AUTO_UPGRADE' }),
    },
    ...workerOptions,
  };
  return Worker.create(options);
}

/** The hash of the code in a bundle. The source map is not hashed, because it depends on the folder of the build. */
const contentHash = (path: string): string =>
  createHash('sha256')
    .update(readFileSync(path, 'utf8').split('//# sourceMappingURL')[0] ?? '')
    .digest('hex')
    .slice(0, 16);
