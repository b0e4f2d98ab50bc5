/** The onboarding service as it runs in production: a process, killed and started anew with its keys and its port. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Exit } from '../../scripts/local/child';
import { freePort } from '../../scripts/local/ports';
import { mintSession, serviceEnv } from '../../scripts/local/service';
import type { ConnectorKey } from '../../workflows/connector';
import { callerOf, type Caller } from './http';
import { startOwn, type OwnProcess } from './process';

export interface ServiceProcess {
  url: string;
  metricsUrl: string;
  apiKey: string;
  /** The variables that it is started with. */
  env: NodeJS.ProcessEnv;
  call: Caller;
  /** The token of a session for one connector. */
  session(key: ConnectorKey): Promise<string>;
  /** Starts it in place of one that has ended, and waits until it reaches Temporal. */
  start(): Promise<void>;
  /** Sends it a signal, SIGKILL by default, and waits until it is gone. Safe to repeat. */
  ends(by?: NodeJS.Signals): Promise<Exit>;
  /** The present one. */
  process(): OwnProcess;
}

export interface ServiceSettings {
  temporalAddress: string;
  namespace?: string;
  /** The workers' private set: the service is given its public half. */
  sealingKeys: string;
  /** For its log. */
  folder: string;
  env?: NodeJS.ProcessEnv;
  nodeOptions?: string[];
}

/** Makes its keys and finds its ports. It does not run yet. */
export async function serviceProcess(settings: ServiceSettings): Promise<ServiceProcess> {
  const { temporalAddress, namespace = 'default', sealingKeys, folder, nodeOptions } = settings;
  const [port, metricsPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const apiKey = randomBytes(24).toString('base64url');
  const env: NodeJS.ProcessEnv = {
    TEMPORAL_ADDRESS: temporalAddress,
    TEMPORAL_NAMESPACE: namespace,
    METRICS_PORT: `${metricsPort}`,
    ...(await serviceEnv({ port, apiKey, sealingKeys })),
    ...settings.env,
  };
  const call = callerOf(url);
  const isReady = () => call('GET', '/readyz').then(({ status }) => status === 200);
  let own: OwnProcess | undefined;
  const present = (): OwnProcess => own ?? missing();
  return {
    url,
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    apiKey,
    env,
    call,
    session: async ({ accountId, connectorId }) =>
      (await mintSession({ url, apiKey }, { accountId, connectorIds: [connectorId] })).token,
    start: async () => {
      const logFile = join(folder, 'service.log');
      own = await startOwn({ main: 'service/main.js', env, nodeOptions, logFile, isReady });
    },
    ends: (by) => present().ends(by),
    process: present,
  };
}

const missing = (): never => {
  throw new Error('The service was not started.');
};
