/** What the bench runs: a dev server with its data on disk, the sandbox, and a worker process for each contender. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { generateKey, publicKeyOf, type SealingKey } from '../sealing/keys';
import { connect } from '../temporal/connection';
import { startDevServer } from '../scripts/local/dev-server';
import { freePort } from '../scripts/local/ports';
import { searchAttributeNames } from '../temporal/search-attributes';
import { client as sandboxClient } from '../sandbox/token';
import { answers, startProcess, untilReady } from '../scripts/local/processes';
import { serviceEnv } from '../scripts/local/service';
import { onlyAddress } from '../scripts/local/stack';
import type { ContenderName } from './contenders';
import type { Memory } from './probe';

/** A worker process. */
export interface BenchWorker {
  pid: number;
  /** Once its garbage is collected. */
  memory(): Promise<Memory>;
  stop(): Promise<unknown>;
}

/** The onboarding service as a process. */
export interface BenchService {
  url: string;
  apiKey: string;
  memory(): Promise<Memory>;
  stop(): Promise<unknown>;
}

export interface Stack {
  client: Client;
  temporalAddress: string;
  publicKey: SealingKey;
  sandboxUrl: string;
  serverPid: number;
  /** Bytes that the server keeps on disk. */
  stored(): number;
  startWorker(contender: ContenderName): Promise<BenchWorker>;
  /** By default it reaches Temporal directly. */
  startService(temporalAddress?: string): Promise<BenchService>;
  /** Stops all that was started. Safe to repeat. */
  stop(): Promise<void>;
}

/** Starts it; fails where a part of it does not start, and leaves nothing running. */
export async function startStack(): Promise<Stack> {
  const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-bench-'));
  const ends: End[] = [async () => rmSync(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    return { ...(await startParts(folder, ends)), stop };
  } catch (err) {
    await stop();
    throw err;
  }
}

type End = () => Promise<unknown>;

/** Each part that has started adds how it ends. */
async function startParts(folder: string, ends: End[]): Promise<Omit<Stack, 'stop'>> {
  const dbFile = join(folder, 'temporal.db');
  const server = await startDevServer({
    port: await freePort(),
    dbFile,
    logFile: join(folder, 'temporal.log'),
    searchAttributes: searchAttributeNames,
  });
  ends.push(server.stop);
  const { address } = server;
  // Never closed, it ends with this process: at Ctrl-C, a call that is tried again would throw out of a timer.
  const connection = await connect({ address, namespace: 'default', connectionOptions: { address } });
  const sandboxUrl = await startSandbox(folder, ends);
  const keys = JSON.stringify({ keys: [await generateKey()] });
  const env = {
    ...onlyAddress(address),
    CYCLR_API_URL: sandboxUrl,
    CYCLR_SERVICE_URL: sandboxUrl,
    CYCLR_CLIENT_ID: sandboxClient.id,
    CYCLR_CLIENT_SECRET: sandboxClient.secret,
    SEALING_KEYS: keys,
  };
  const programs: Record<ContenderName, Program> = {
    ours: { main: 'worker/main.js', args: [] },
    minimal: { main: 'bench/minimal-worker/main.js', args: [await bundleMinimal(folder)] },
  };
  return {
    client: new Client({ connection }),
    temporalAddress: address,
    publicKey: await publicKeyOf(keys),
    sandboxUrl,
    serverPid: server.pid,
    stored: () => sizeOf(dbFile) + sizeOf(`${dbFile}-wal`),
    startWorker: (contender) => startWorker(`worker-${contender}`, programs[contender], { env, folder, ends }),
    startService: (temporalAddress = address) =>
      startService({ env: { ...env, TEMPORAL_ADDRESS: temporalAddress }, folder, ends }),
  };
}

async function startSandbox(logFolder: string, ends: End[]): Promise<string> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = { SANDBOX_PORT: `${port}`, SANDBOX_DATA: undefined, SANDBOX_HOST: undefined };
  const sandbox = await startProcess({ name: 'sandbox', main: 'sandbox/main.js', env, logFolder });
  ends.push(sandbox.stop);
  await untilReady(sandbox, () => answers(`${url}/_sandbox/accounts`));
  return url;
}

/** A main within dist/. */
interface Program {
  main: string;
  args: string[];
}

interface Surroundings {
  env: NodeJS.ProcessEnv;
  folder: string;
  ends: End[];
}

async function startWorker(name: string, program: Program, surroundings: Surroundings): Promise<BenchWorker> {
  const healthPort = await freePort();
  const env = { ...surroundings.env, HEALTH_PORT: `${healthPort}` };
  return startProbed(name, program, { ...surroundings, env }, `http://127.0.0.1:${healthPort}/readyz`);
}

async function startService(surroundings: Surroundings): Promise<BenchService> {
  const port = await freePort();
  const apiKey = randomBytes(32).toString('base64url');
  const sealingKeys = surroundings.env.SEALING_KEYS!;
  const env = { ...surroundings.env, ...(await serviceEnv({ port, apiKey, sealingKeys })) };
  const url = `http://127.0.0.1:${port}`;
  const program = { main: 'service/main.js', args: [] };
  return { url, apiKey, ...(await startProbed('service', program, { ...surroundings, env }, `${url}/readyz`)) };
}

/** With the probe in it, that tells its memory. */
async function startProbed(
  name: string,
  program: Program,
  { env, folder, ends }: Surroundings,
  readyUrl: string,
): Promise<BenchWorker> {
  const probePort = await freePort();
  const probe = {
    BENCH_PROBE_PORT: `${probePort}`,
    NODE_OPTIONS: `--require "${join(__dirname, 'probe.js')}"`,
  };
  const started = await startProcess({ name, ...program, env: { ...env, ...probe }, logFolder: folder });
  ends.push(started.stop);
  await untilReady(started, () => answers(readyUrl));
  const memory = async () => (await fetch(`http://127.0.0.1:${probePort}`)).json() as Promise<Memory>;
  return { pid: started.pid, memory, stop: started.stop };
}

async function bundleMinimal(folder: string): Promise<string> {
  const workflowsPath = join(__dirname, 'minimal-workflow.js');
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
  const file = join(folder, 'minimal-bundle.js');
  writeFileSync(file, code);
  return file;
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
