/**
 * The entry point `cyclr-connect/worker` of the package: the worker of the flows, and the plugin that adds the flows to
 * an adopter's own Temporal worker.
 */
export { createWorker, type ConnectorWorkerOptions } from './create-worker';
export { replaceConnection } from './events-worker';
export { ConnectorAuthPlugin, type ConnectorAuthPluginOptions } from './plugin';
export { readConfig, type WorkerConfig } from './config';
export type { CyclrConfig } from '../activities/cyclr/client';
export type { Target, Targets } from '../activities/events/targets';
export type { ConsentPages } from '../activities/links';
export { Policies, PolicyError } from '../activities/policies/policies';
export { privateKeysOf, type PrivateKeys } from '../sealing/keys';
export { ConfigError } from '../temporal/environment';
