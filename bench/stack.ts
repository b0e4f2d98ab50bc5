/** The processes that the bench measures: a dev server with its data on disk, the sandbox, workers, a service. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { Profiler } from 'node:inspector';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { generateKey, publicKeyOf, type SealingKey } from '../sealing/keys';
import { sessionKeysOf, type SessionKeys } from '../service/keys';
import { connect } from '../temporal/connection';
import {
  type ServiceAddress,
  startSandbox,
  startService,
  startTemporal,
  startWorker,
  type TemporalOptions,
} from '../scripts/local/parts';
import { freePort } from '../scripts/local/ports';
import { newServiceKeys } from '../scripts/local/settings';
import { startTogether, type LocalProcess } from '../scripts/local/process';
import { searchAttributeTypes } from '../temporal/search-attributes';
import type { ContenderName } from './contenders';
import type { Memory } from './probe';
import { cpuMsOf, untilIdle } from './processes';

/** A worker process. */
export interface BenchWorker {
  pid: number;
  /** The memory of the process after a garbage collection. */
  memory(): Promise<Memory>;
  /** Starts a CPU profile of each thread. */
  startProfile(): Promise<unknown>;
  /** The CPU profiles since `startProfile`. */
  stopProfile(): Promise<Profiler.Profile[]>;
  /**
   * Writes a heap snapshot of each thread. Returns the paths of the files. When the stack stops, it deletes these
   * files.
   */
  heapSnapshots(): Promise<string[]>;
  stop(): Promise<unknown>;
}

/** A process of the onboarding service. */
export interface BenchService extends ServiceAddress, BenchWorker {
  /** The keys with which the service signs its tokens. */
  sessionKeys: SessionKeys;
}

export interface Stack {
  client: Client;
  temporalAddress: string;
  publicKey: SealingKey;
  sandboxUrl: string;
  serverPid: number;
  /** Waits until the server is idle. */
  untilIdle(): Promise<void>;
  /** The size of the server's database on disk, in bytes. */
  stored(): number;
  /**
   * Starts the worker of a workflow, or the process of the state machine on PostgreSQL. `more`: further environment
   * variables of the process.
   */
  startWorker(contender: ContenderName | 'postgresql', more?: { [name: string]: string }): Promise<BenchWorker>;
  /** Starts the service. The default of `temporalAddress` is the dev server. A test can pass the address of a proxy. */
  startService(temporalAddress?: string): Promise<BenchService>;
  /** Stops every process. Safe to repeat. */
  stop(): Promise<void>;
}

/**
 * Starts all processes. If a process does not start, this function stops the other processes and fails.
 * `dynamicConfig`: values of the Temporal server's dynamic configuration.
 */
export const startStack = (dynamicConfig?: TemporalOptions['dynamicConfig']): Promise<Stack> =>
  startTogether((onStop) => {
    const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-bench-'));
    onStop(() => rmSync(folder, { recursive: true, force: true }));
    return startParts(folder, (part) => (onStop(part.stop), part), dynamicConfig);
  });

/** Registers a process, so that the `stop()` of the stack also stops this process. Returns the process. */
type Started = <Part extends LocalProcess>(part: Part) => Part;

async function startParts(
  folder: string,
  started: Started,
  dynamicConfig: TemporalOptions['dynamicConfig'],
): Promise<Omit<Stack, 'stop'>> {
  const dbFile = join(folder, 'temporal.db');
  const logFolder = folder;
  const temporal = started(
    await startTemporal({ logFolder, dbFile, searchAttributes: searchAttributeTypes, dynamicConfig }),
  );
  const { address } = temporal;
  // The bench never closes this connection: after Ctrl-C, calls that are still open would fail on a closed connection
  // when they are retried.
  const connection = await connect({ address, namespace: 'default', connectionOptions: { address } });
  const { url: sandboxUrl, cyclr } = started(await startSandbox({ logFolder }));
  const sealingKeys = JSON.stringify({ keys: [await generateKey()] });
  const shared = { logFolder, sealingKeys };
  const mains: Record<ContenderName | 'postgresql', { main?: string; args?: string[] }> = {
    ours: {},
    minimal: { main: 'bench/minimal-worker/main.js', args: [await bundleMinimal(folder)] },
    postgresql: { main: 'bench/postgresql/main.js' },
  };
  return {
    client: new Client({ connection }),
    temporalAddress: address,
    publicKey: await publicKeyOf(sealingKeys),
    sandboxUrl,
    serverPid: temporal.pid,
    untilIdle: () => untilIdle(() => cpuMsOf(temporal.pid)),
    stored: () => sizeOf(dbFile) + sizeOf(`${dbFile}-wal`),
    startWorker: async (contender, more = {}) => {
      const { env, ...calls } = await probe(folder);
      const name = `worker-${contender}`;
      const worker = await startWorker({
        ...shared,
        ...mains[contender],
        name,
        temporal,
        cyclr,
        env: { ...env, ...more },
      });
      return { ...started(worker), ...calls };
    },
    startService: async (temporalAddress = address) => {
      const { env, ...calls } = await probe(folder);
      const keys = newServiceKeys();
      const service = await startService({ ...shared, temporal: { address: temporalAddress }, keys, env });
      return { ...started(service), ...calls, sessionKeys: sessionKeysOf(JSON.stringify(keys.sessionKeys)) };
    },
  };
}

/**
 * Returns the environment variables that load `probe.ts` into a process, and functions that call the probe of this
 * process.
 */
async function probe(folder: string) {
  const port = await freePort();
  const call = async (path: string) => (await fetch(`http://127.0.0.1:${port}/${path}`)).json();
  return {
    env: {
      BENCH_PROBE_PORT: `${port}`,
      BENCH_PROBE_FOLDER: folder,
      NODE_OPTIONS: `--require "${join(__dirname, 'probe.js')}"`,
    },
    memory: () => call('heap') as Promise<Memory>,
    startProfile: () => call('startProfile'),
    stopProfile: () => call('stopProfile') as Promise<Profiler.Profile[]>,
    heapSnapshots: () => call('heapSnapshot') as Promise<string[]>,
  };
}

async function bundleMinimal(folder: string): Promise<string> {
  const workflowsPath = join(__dirname, 'minimal-workflow.js');
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
  const file = join(folder, 'minimal-bundle.js');
  writeFileSync(file, code);
  return file;
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
