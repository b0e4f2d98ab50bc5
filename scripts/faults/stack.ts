/**
 * The processes of a fault run: Temporal, a sandbox and workers. The workers reach Temporal through one proxy, and the
 * sandbox through another proxy. A test can kill each process, or cut its connections.
 */
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import type { ConnectorPatch } from '../../sandbox/control';
import type { AccountConnector } from '../../sandbox/answers';
import { startSandbox, type Sandbox } from '../../sandbox/server';
import { generateKey, publicKeyOf, type SealingKey } from '../../sealing/keys';
import { connect } from '../../temporal/connection';
import { searchAttributeTypes } from '../../temporal/search-attributes';
import type { ConnectorKey } from '../../workflows/connector';
import { startTemporal, startWorker, type LocalTemporal, type LocalWorker, type WorkerOptions } from '../local/parts';
import { freePort } from '../local/ports';
import { startTogether, type LocalProcess } from '../local/process';
import { startProxy, type Proxy } from './proxy';

export interface FaultStack {
  /** The folder with the database and the logs. */
  folder: string;
  sandbox: Sandbox;
  /** Returns the account connector in Cyclr. Returns undefined if Cyclr has no such connector. */
  stored(key: ConnectorKey): AccountConnector | undefined;
  /** Installs a connector of the catalogue in the account. */
  install(accountId: string, connector: string, patch?: ConnectorPatch): ConnectorKey;
  /** A client that reaches Temporal without a proxy. */
  client: Client;
  auth: ConnectorAuth;
  publicKey: SealingKey;
  /** The private JWK set. */
  sealingKeys: string;
  temporalAddress: string;
  /** The proxy between the workers and Temporal. */
  toTemporal: Proxy;
  /** The proxy between the workers and Cyclr. */
  toCyclr: Proxy;
  /** Starts one more worker. `env`: further environment variables of the worker. */
  startWorker(options?: Pick<WorkerOptions, 'waits' | 'main' | 'env'>): Promise<LocalWorker>;
  killTemporal(): Promise<unknown>;
  /** Starts Temporal again, on the same port and data. */
  restartTemporal(): Promise<void>;
  /** Registers a function that `stop` calls before it stops the processes that were started earlier. */
  onStop(act: () => unknown): void;
  /** One line for each process that ended although no test stopped or killed it. */
  unexpectedEnds: string[];
  /** Kills or stops all processes. Safe to repeat. */
  stop(): Promise<void>;
}

/** Starts the stack without a worker. If the start fails, no process stays running. */
export const startFaultStack = (folder: string): Promise<FaultStack> =>
  startTogether((onStop) => startParts(folder, onStop));

async function startParts(folder: string, onStop: FaultStack['onStop']): Promise<Omit<FaultStack, 'stop'>> {
  const logFolder = join(folder, 'logs');
  const sealingKeys = JSON.stringify({ keys: [await generateKey()] });
  const temporal = await restartableTemporal(folder, logFolder, onStop);
  const address = temporal.temporalAddress;
  const sandbox = await startSandbox();
  onStop(() => sandbox.close());
  const toTemporal = await startProxy(address);
  onStop(() => toTemporal.close());
  const toCyclr = await startProxy(new URL(sandbox.url).host);
  onStop(() => toCyclr.close());
  const connection = await connect({ address, namespace: 'default', connectionOptions: { address } });
  const client = new Client({ connection });

  const unexpectedEnds: string[] = [];
  let workers = 0;
  const workerOptions = {
    ...{ logFolder, sealingKeys, temporal: { address: toTemporal.address } },
    cyclr: {
      ...{ url: `http://${toCyclr.address}`, serviceUrl: sandbox.url },
      ...{ clientId: sandbox.clientId, clientSecret: sandbox.clientSecret },
    },
  };
  return {
    ...{ folder, sandbox, sealingKeys, toTemporal, toCyclr, onStop, unexpectedEnds, client, ...temporal },
    auth: new ConnectorAuth(client),
    publicKey: await publicKeyOf(sealingKeys),
    stored: ({ accountId, connectorId }) => {
      const account = sandbox.accounts().find((one) => one.accountId === accountId);
      const exists = account?.connectors.some(({ id }) => id === connectorId);
      return exists ? sandbox.connectorOf(accountId, connectorId) : undefined;
    },
    install: (accountId, connector, patch) => {
      const [installed] = sandbox.createAccount(accountId, { connectors: [connector] });
      if (patch) sandbox.update(accountId, installed!.id, patch);
      return { accountId, connectorId: installed!.id };
    },
    async startWorker(options = {}) {
      const worker = await startWorker({ ...workerOptions, name: `worker-${++workers}`, ...options });
      const watched = watch(worker, unexpectedEnds);
      onStop(() => watched.kill());
      return watched;
    },
  };
}

async function restartableTemporal(folder: string, logFolder: string, onStop: FaultStack['onStop']) {
  const options = { logFolder, port: await freePort(), dbFile: join(folder, 'temporal.db') };
  const dynamicConfig = { 'frontend.WorkflowPauseEnabled': true };
  const start = () => startTemporal({ ...options, dynamicConfig, searchAttributes: searchAttributeTypes });
  let running: LocalTemporal = await start();
  onStop(() => running.stop());
  return {
    temporalAddress: running.address,
    killTemporal: () => running.kill(),
    restartTemporal: async () => void (running = await start()),
  };
}

/** Adds the end of the process to `ends`, unless it was stopped or killed through the returned process handle. */
export function watch<P extends LocalProcess>(process: P, ends: string[]): P {
  let isExpected = false;
  void process.exited.then(({ code, signal }) => {
    if (!isExpected) ends.push(`${process.name} ended by itself (${signal ?? code}): ${process.lastLines(3)}`);
  });
  return {
    ...process,
    stop: (withinMs) => ((isExpected = true), process.stop(withinMs)),
    kill: (signal) => ((isExpected = true), process.kill(signal)),
  };
}
