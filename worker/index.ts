/** The door `cyclr-connect/worker`: the worker of the flows, and the plugin for a Temporal worker of one's own. */
export { createWorker, type ConnectorWorkerOptions } from './create-worker';
export { ConnectorAuthPlugin, type ConnectorAuthPluginOptions } from './plugin';
export { readConfig, type WorkerConfig } from './config';
export type { CyclrConfig } from '../activities/cyclr/client';
export type { ConsentPages } from '../activities/links';
export { privateKeysOf, type PrivateKeys } from '../sealing/keys';
export { ConfigError } from '../temporal/environment';
