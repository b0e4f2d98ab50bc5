/** What histories are recorded on: a Temporal server, a sandbox, a worker, none of which outlives this process. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, type Connection } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { NativeConnection } from '@temporalio/worker';
import ms, { type StringValue } from 'ms';
import { ConnectorAuth } from '../../client/connector-auth';
import { generateKey, privateKeysOf, publicKeyOf, type SealingKey } from '../../sealing/keys';
import { findBinary } from '../local/binary';
import { connect } from '../../temporal/connection';
import { startDevServer, type DevServerOptions } from '../local/dev-server';
import { freePort } from '../local/ports';
import { registerSearchAttributes, searchAttributeNames } from '../../temporal/search-attributes';
import { startSandbox, type Sandbox } from '../../sandbox/server';
import { createWorker } from '../../worker/create-worker';

const bundlePath = join(__dirname, '..', '..', 'workflow-bundle.js');
const namespace = 'default';
const KEYWORD = 2; // temporal.api.enums.v1.IndexedValueType
/** Who did it, in every event: not the process and the host, which are nobody's business and never the same. */
const identities = { client: 'client', worker: 'worker' };

export interface Stage {
  client: Client;
  auth: ConnectorAuth;
  sandbox: Sandbox;
  publicKey: SealingKey;
  /** Lets so much time pass; where time is skipped, at once. */
  sleep(duration: StringValue): Promise<unknown>;
  /** What time it is for the server, in milliseconds. */
  now(): Promise<number>;
  close(): Promise<void>;
}

interface Server {
  client: Client;
  native: NativeConnection;
  sleep: Stage['sleep'];
  now: Stage['now'];
  close(): Promise<unknown>;
}

/** On a dev server of its own, in real time: several paths at once. */
export async function openStage(folder: string, dynamicConfig: DevServerOptions['dynamicConfig'] = {}): Promise<Stage> {
  const port = await freePort();
  const server = await startDevServer({ port, logFile: join(folder, `temporal-${port}.log`), dynamicConfig });
  const { address } = server;
  const connections: (Connection | NativeConnection)[] = [];
  const close = async () => {
    await Promise.all(connections.map((connection) => connection.close()));
    await server.stop();
  };
  try {
    const connection = await connect({ address, namespace, connectionOptions: { address } });
    connections.push(connection);
    await registerSearchAttributes(connection, namespace);
    const native = await NativeConnection.connect({ address });
    connections.push(native);
    const client = new Client({ connection, namespace, identity: identities.client });
    return await stageOn({
      client,
      native,
      sleep: (duration) => delay(ms(duration)),
      now: async () => Date.now(),
      close,
    });
  } catch (err) {
    await close();
    throw err;
  }
}

/** On a server of its own that skips time: one path after the other. */
export async function openSkippingStage(): Promise<Stage> {
  const path = await findBinary('temporal-test-server');
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
    client: { identity: identities.client },
  });
  const close = () => env.teardown();
  try {
    const searchAttributes = Object.fromEntries(searchAttributeNames.map((name) => [name, KEYWORD]));
    await env.connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
    const { client, nativeConnection: native } = env;
    const now = () => env.currentTimeMs();
    return await stageOn({ client, native, sleep: (duration) => env.sleep(duration), now, close });
  } catch (err) {
    await close();
    throw err;
  }
}

async function stageOn({ client, native, sleep, now, close }: Server): Promise<Stage> {
  const sandbox = await startSandbox();
  const keys = JSON.stringify({ keys: [await generateKey()] }); // nobody keeps them: what is recorded opens nowhere
  const { url: apiUrl, clientId, clientSecret } = sandbox;
  const config = {
    cyclr: { apiUrl, clientId, clientSecret },
    keys: await privateKeysOf(keys),
    consent: { serviceUrl: apiUrl },
  };
  const worker = await createWorker({
    ...config,
    connection: native,
    namespace,
    bundlePath,
    workerOptions: { identity: identities.worker, shutdownGraceTime: 0 },
  });
  const running = worker.run();
  return {
    client,
    auth: new ConnectorAuth(client),
    sandbox,
    publicKey: await publicKeyOf(keys),
    sleep,
    now,
    close: async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await running.catch(() => undefined);
      await sandbox.close();
      await close();
    },
  };
}
