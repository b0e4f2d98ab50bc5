/** Runs the flows on a worker that an adopter already has. */
import { join } from 'node:path';
import { SimplePlugin } from '@temporalio/plugin';
import type { Worker, WorkerOptions } from '@temporalio/worker';
import { createActivities, type Targets } from '../activities';
import { CyclrClient } from '../activities/cyclr/client';
import { recordRequest } from '../activities/metrics';
import { requireSearchAttributes } from '../temporal/search-attributes';
import { eventsQueueOf } from '../workflows/events';
import { taskQueue as defaultTaskQueue } from '../workflows/messages';
import { BUNDLE, workerDefaults, type ConnectorWorkerOptions } from './create-worker';
import { runWithEvents } from './events-worker';

/** The options of the plugin. `createWorker` has the same options. */
export type ConnectorAuthPluginOptions = Pick<
  ConnectorWorkerOptions,
  'cyclr' | 'keys' | 'consent' | 'targets' | 'policies' | 'monitorEvery' | 'taskQueue'
>;

const WORKFLOWS = join(__dirname, '..', 'workflows', 'index.js');
const INTERCEPTORS = join(__dirname, '..', 'workflows', 'interceptors.js');

/**
 * A plugin for `Worker.create` and `bundleWorkflowCode` of the Temporal SDK. Adds the activities of the flows, and
 * interceptors that act only on the workflow types of this package. Never sets data converter, TLS or API key.
 *
 * `run()` of the worker also runs a worker of the task queue for events.
 *
 * - A worker without `workflowsPath` and `workflowBundle` gets the workflows of this package.
 * - The workflows file of any other worker needs `export * from 'cyclr-connect/workflows'`. A prebuilt bundle must be
 *   built with this plugin.
 *
 * `Worker.create` fails if worker and plugin have different task queues, or if both have an activity of the same name.
 * `run()` fails if the namespace lacks the search attributes.
 */
export class ConnectorAuthPlugin extends SimplePlugin {
  readonly #taskQueue: string;
  readonly #activityNames: string[];
  readonly #targets?: Targets;

  constructor({ cyclr, policies, taskQueue = defaultTaskQueue, ...parts }: ConnectorAuthPluginOptions) {
    const client = new CyclrClient({ ...cyclr, policies }, recordRequest);
    const activities = createActivities({ cyclr: client, ...parts });
    super({ name: 'cyclr-connect', activities, workerInterceptors: { workflowModules: [INTERCEPTORS] } });
    this.#taskQueue = taskQueue;
    this.#targets = parts.targets;
    this.#activityNames = Object.keys(activities);
  }

  override configureWorker(options: WorkerOptions): WorkerOptions {
    // The options of the worker for events stay unchanged.
    if (options.taskQueue === eventsQueueOf(this.#taskQueue)) return options;
    this.#check(options);
    return { ...workerDefaults, ...super.configureWorker({ ...options, ...workflowsFor(options) }) };
  }

  override runWorker(worker: Worker, next: (worker: Worker) => Promise<void>): Promise<void> {
    const { namespace, taskQueue } = worker.options;
    if (taskQueue !== this.#taskQueue) return next(worker);
    return runWithEvents(worker, next, this.#targets, (connection) => requireSearchAttributes(connection, namespace));
  }

  #check({ taskQueue, activities = {} }: WorkerOptions): void {
    if (taskQueue !== this.#taskQueue)
      throw new TypeError(
        `ConnectorAuthPlugin has the task queue ${this.#taskQueue}, and the worker ${taskQueue}. Give both the same taskQueue.`,
      );
    const same = Object.keys(activities).filter((name) => this.#activityNames.includes(name));
    if (same.length > 0)
      throw new TypeError(`The worker and ConnectorAuthPlugin have activities of the same name: ${same.join(', ')}`);
  }
}

/**
 * Gives the workflows of this package to a worker that has no workflows of its own. A worker with its own converters
 * gets the source of the workflows, not the prebuilt bundle, because the bundle must contain these converters.
 */
function workflowsFor({ workflowsPath, workflowBundle, dataConverter }: WorkerOptions): Partial<WorkerOptions> {
  if (workflowsPath !== undefined || workflowBundle !== undefined) return {};
  const { payloadConverterPath, failureConverterPath } = dataConverter ?? {};
  const hasConverters = payloadConverterPath !== undefined || failureConverterPath !== undefined;
  return hasConverters ? { workflowsPath: WORKFLOWS } : { workflowBundle: { codePath: BUNDLE } };
}
