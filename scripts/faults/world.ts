/** Temporal, a Cyclr and two workers, each of which can die and comes back. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { generateKey, publicKeyOf, type SealingKey } from '../../sealing/keys';
import { connect } from '../../temporal/connection';
import { startDevServer } from '../local/dev-server';
import { freePort } from '../local/ports';
import { registerSearchAttributes } from '../../temporal/search-attributes';
import type { AccountConnector } from '../../sandbox/answers';
import type { RecordedRequest } from '../../sandbox/requests';
import { startSandbox, type Sandbox } from '../../sandbox/server';
import type { ConnectorKey } from '../../workflows/connector';
import { temporalEnv } from '../local/settings';
import { answers, startProcess, untilReady, type OwnProcess } from '../local/processes';
import { createMark, type Mark } from './marks';
import { startProxy, type Proxy } from './proxy';

export interface World {
  /** Everything that is on the disk. */
  folder: string;
  sandbox: Sandbox;
  /** What Cyclr has of an account connector; nothing where there is none. */
  stored(key: ConnectorKey): AccountConnector | undefined;
  /** What Cyclr was asked so far. The sandbox itself forgets. */
  requests: RecordedRequest[];
  client: Client;
  auth: ConnectorAuth;
  publicKey: SealingKey;
  /** The private part of the sealing key. */
  privatePart: string;
  mark: Mark;
  /** Between the workers and Temporal, and between them and Cyclr. */
  toTemporal: Proxy;
  toCyclr: Proxy;
  /** Ends a worker, by SIGKILL or in order, and starts another one in its place after a while. */
  replaceWorker(slot: number, how: 'killed' | 'stopped', afterMs: number): Promise<void>;
  /** Kills Temporal, and starts it on its data after a while. */
  killTemporal(afterMs: number): Promise<void>;
  /** Resolves when each worker is ready. */
  ready(): Promise<void>;
  /** What ended without anybody having ended it. */
  deaths: string[];
  /** Stops it all. Safe to repeat. */
  stop(): Promise<void>;
}

export const WORKERS = 2;
const STOP_MS = 10_000;

interface Worker {
  child: OwnProcess;
  ready: Promise<void>;
}

/** Starts it, and waits until it works. Fails with why it does not, and leaves nothing running. */
export async function startWorld(folder: string): Promise<World> {
  const undo: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const end of undo.splice(0).reverse()) await end();
  };
  try {
    return { ...(await build(folder, undo)), stop };
  } catch (err) {
    await stop();
    throw err;
  }
}

async function build(folder: string, undo: (() => Promise<unknown>)[]): Promise<Omit<World, 'stop'>> {
  const logFolder = join(folder, 'logs');
  mkdirSync(logFolder, { recursive: true });
  const deaths: string[] = [];
  const key = await generateKey();
  const keyFile = join(folder, 'sealing-keys.json');
  writeFileSync(keyFile, JSON.stringify({ keys: [key] }), { mode: 0o600 });

  const port = await freePort();
  const startTemporal = () =>
    startDevServer({ port, dbFile: join(folder, 'temporal.db'), logFile: join(logFolder, 'temporal.log') });
  let temporal = startTemporal();
  let isOver = false;
  undo.push(() =>
    temporal.then(
      ({ stop }) => stop(),
      () => undefined,
    ),
  );
  const { address } = await temporal;
  // Left open until this process ends: at Ctrl-C users are still calling.
  const connection = await connect({ address, namespace: 'default', connectionOptions: { address } });
  const client = new Client({ connection, namespace: 'default' });
  await registerSearchAttributes(connection, 'default');
  const sandbox = await startSandbox();
  undo.push(() => sandbox.close());
  const requests: RecordedRequest[] = [];
  const keeping = setInterval(() => requests.push(...sandbox.requests.splice(0)), 500);
  undo.push(async () => clearInterval(keeping));
  const toTemporal = await startProxy(address);
  undo.push(() => toTemporal.close());
  const toCyclr = await startProxy(new URL(sandbox.url).host);
  undo.push(() => toCyclr.close());

  const workers: Worker[] = [];
  const leaving = new Set<Promise<unknown>>();
  const meant = new Set<OwnProcess>();
  undo.push(() => {
    isOver = true;
    return Promise.all([...workers.map(({ child }) => end(child)), ...leaving]);
  });
  const env = {
    ...temporalEnv({ address: toTemporal.address }),
    CYCLR_API_URL: `http://${toCyclr.address}`,
    CYCLR_SERVICE_URL: sandbox.url,
    CYCLR_CLIENT_ID: sandbox.clientId,
    CYCLR_CLIENT_SECRET: sandbox.clientSecret,
    SEALING_KEYS: keyFile,
  };
  const startWorker = async (slot: number): Promise<void> => {
    const healthPort = await freePort();
    const name = `worker-${slot + 1}`;
    const child = await startProcess({
      name,
      main: 'worker/main.js',
      env: { ...env, HEALTH_PORT: `${healthPort}` },
      logFolder,
    });
    const ready = untilReady(child, () => answers(`http://127.0.0.1:${healthPort}/readyz`));
    ready.catch(() => undefined); // told by whoever waits for it
    workers[slot] = { child, ready };
    void child.exited.then(({ code, signal }) => {
      if (!meant.has(child)) deaths.push(`${name} ended by itself (${signal ?? code}): ${child.lastLines(3)}`);
    });
  };
  const end = async (child: OwnProcess, withinMs = STOP_MS) => {
    meant.add(child);
    await child.stop(withinMs);
  };
  for (let slot = 0; slot < WORKERS; slot++) await startWorker(slot);
  const ready = async () => void (await Promise.all(workers.map((worker) => worker.ready)));
  await ready();

  return {
    folder,
    sandbox,
    requests,
    client,
    auth: new ConnectorAuth(client),
    publicKey: await publicKeyOf(JSON.stringify({ keys: [key] })),
    privatePart: key.d!,
    mark: createMark(),
    toTemporal,
    toCyclr,
    stored({ accountId, connectorId }) {
      const account = sandbox.accounts().find((one) => one.accountId === accountId);
      const isThere = account?.connectors.some(({ id }) => id === connectorId);
      return isThere ? sandbox.connectorOf(accountId, connectorId) : undefined;
    },
    deaths,
    ready,
    async replaceWorker(slot, how, afterMs) {
      const { child } = workers[slot]!;
      meant.add(child);
      if (how === 'killed') process.kill(child.pid, 'SIGKILL');
      const left = how === 'killed' ? child.exited : child.stop(80_000); // it lets running attempts end
      const leave = left.finally(() => leaving.delete(leave));
      leaving.add(leave);
      await delay(afterMs);
      if (!isOver) await startWorker(slot);
    },
    async killTemporal(afterMs) {
      const { pid, exited } = await temporal;
      process.kill(pid, 'SIGKILL');
      temporal = exited.then(() => delay(afterMs)).then(startTemporal);
      await temporal;
    },
  };
}
