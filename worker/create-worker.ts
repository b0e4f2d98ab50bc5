import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Worker, type NativeConnection, type WorkerOptions } from '@temporalio/worker';
import { createActivities } from '../activities';
import { CyclrClient } from '../activities/cyclr/client';
import { taskQueue } from '../workflows/messages';
import type { WorkerConfig } from './config';

interface Reached {
  connection: NativeConnection;
  namespace: string;
}

/** A worker of the prebuilt workflow bundle. Its limits stand here, none is left to a default that may change. */
export function createWorker(
  { cyclr, keys, consent, deployment }: Omit<WorkerConfig, 'healthPort'>,
  { connection, namespace }: Reached,
  bundlePath: string,
  more: Partial<WorkerOptions> = {},
): Promise<Worker> {
  const options: WorkerOptions & { isolateExecutionTimeout: string } = {
    connection,
    namespace,
    taskQueue,
    workflowBundle: { codePath: bundlePath },
    activities: createActivities({ cyclr: new CyclrClient(cyclr), keys, consent }),
    maxCachedWorkflows: 1000,
    maxConcurrentWorkflowTaskExecutions: 40,
    maxConcurrentActivityTaskExecutions: 100,
    // At the SDK's 5 s a longer workflow task ends inside a promise hook, and aborts the whole process (SDK 1.24). The
    // public type lacks the option.
    isolateExecutionTimeout: '60s',
    // A deploy lets every attempt end by itself: the longest takes 60 s.
    shutdownGraceTime: '65s',
    shutdownForceTime: '75s',
    workerDeploymentOptions: {
      version: { deploymentName: deployment ?? 'cyclr-connect', buildId: contentHash(bundlePath) },
      // A versioned worker gets no task until somebody sets the current version: only where that was asked for.
      ...(deployment === undefined
        ? { useWorkerVersioning: false }
        : { useWorkerVersioning: true, defaultVersioningBehavior: 'AUTO_UPGRADE' }),
    },
    ...more,
  };
  return Worker.create(options);
}

/** Of the code alone: the source map behind it depends on where it was built. */
const contentHash = (path: string): string =>
  createHash('sha256')
    .update(readFileSync(path, 'utf8').split('//# sourceMappingURL')[0] ?? '')
    .digest('hex')
    .slice(0, 16);
