/** Everything that can break, as processes: Temporal on its data file, workers behind a proxy, a Cyclr; and users. */
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { generateKey, publicKeyOf, type SealingKey } from '../../sealing/keys';
import { connect } from '../../temporal/connection';
import { startDevServer } from '../../scripts/local/dev-server';
import { freePort } from '../../scripts/local/ports';
import { searchAttributeNames } from '../../temporal/search-attributes';
import type { ConnectorPatch } from '../../sandbox/control';
import { startSandbox, type Sandbox } from '../../sandbox/server';
import type { Input } from '../../workflows/messages';
import { startProxy, type Proxy } from '../../scripts/faults/proxy';
import { startOwn, type OwnProcess } from '../support/process';
import { serviceProcess, type ServiceProcess } from '../support/service-process';
import { User } from './user';

jest.setTimeout(240_000);

export interface Scene {
  sandbox: Sandbox;
  client: Client;
  auth: ConnectorAuth;
  publicKey: SealingKey;
  temporal: {
    kill(): Promise<void>;
    /** On the same port and data. */
    start(): Promise<void>;
  };
  /** Between workers and Temporal; nobody else goes through it. */
  proxy: Proxy;
  /** One more worker. */
  startWorker(): Promise<OwnProcess>;
  /** The onboarding service, started, and what stands between it and Temporal. */
  startService(): Promise<{ service: ServiceProcess; serviceProxy: Proxy }>;
  /** A user with a connector of the catalogue that was just installed; nothing is started. */
  user(connector: string, more?: Pick<Input, 'intent' | 'patience'> & { patch?: ConnectorPatch }): User;
  /** Ends everything that was started. */
  close(): Promise<void>;
}

/** Opens it, without a worker. */
export async function openScene(): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-faults-'));
  const endings: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const close = async () => {
    for (const ending of endings.splice(0).reverse()) await ending();
  };
  try {
    return { ...(await parts(folder, endings)), close };
  } catch (err) {
    await close();
    throw err;
  }
}

async function parts(folder: string, endings: (() => unknown)[]): Promise<Omit<Scene, 'close'>> {
  const temporal = await startTemporal(folder, endings);
  const { address } = temporal;
  const proxy = await startProxy(address);
  endings.push(() => proxy.close());
  const sandbox = await startSandbox();
  endings.push(() => sandbox.close());
  const connection = await connect({ address, namespace: 'default', connectionOptions: { address } });
  endings.push(() => connection.close());
  const client = new Client({ connection });
  const keys = JSON.stringify({ keys: [await generateKey()] });
  const publicKey = await publicKeyOf(keys);
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);
  const reached = { sandbox, client, auth: new ConnectorAuth(client), publicKey, closing: closing.signal };
  const users: User[] = [];
  endings.push(() => {
    closing.abort();
    return Promise.all(users.map(({ walk }) => walk)); // a call that is under way outlives its connection badly
  });
  const env = {
    TEMPORAL_ADDRESS: proxy.address,
    CYCLR_API_URL: sandbox.url,
    CYCLR_SERVICE_URL: sandbox.url,
    CYCLR_CLIENT_ID: sandbox.clientId,
    CYCLR_CLIENT_SECRET: sandbox.clientSecret,
    SEALING_KEYS: keys,
  };
  return {
    ...reached,
    temporal,
    proxy,
    startWorker: async () => {
      const worker = await startOwn({
        main: 'worker/main.js',
        env: { ...env, HEALTH_PORT: '0' },
        logFile: join(folder, `worker-${randomUUID()}.log`),
        isReady: (log) => log.includes('Health at'),
      });
      endings.push(() => worker.ends());
      return worker;
    },
    startService: async () => {
      const serviceProxy = await startProxy(address);
      endings.push(() => serviceProxy.close());
      const service = await serviceProcess({ temporalAddress: serviceProxy.address, sealingKeys: keys, folder });
      await service.start();
      endings.push(() => service.ends());
      return { service, serviceProxy };
    },
    user: (connector, { intent, patience, patch } = {}) => {
      const accountId = `account-${randomUUID()}`;
      const [{ id: connectorId } = { id: 0 }] = sandbox.createAccount(accountId, { connectors: [connector] });
      if (patch) sandbox.update(accountId, connectorId, patch);
      const user = new User(reached, {
        accountId,
        connectorId,
        ...(intent && { intent }),
        ...(patience && { patience }),
      });
      users.push(user);
      return user;
    },
  };
}

async function startTemporal(folder: string, endings: (() => unknown)[]) {
  const options = {
    port: await freePort(),
    dbFile: join(folder, 'temporal.db'),
    logFile: join(folder, 'temporal.log'),
    searchAttributes: searchAttributeNames,
  };
  let server = await startDevServer(options);
  endings.push(() => server.stop());
  return {
    address: server.address,
    kill: async () => {
      process.kill(server.pid, 'SIGKILL');
      await server.exited;
    },
    start: async () => void (server = await startDevServer(options)),
  };
}
