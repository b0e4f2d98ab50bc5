/** Everything on this machine: Temporal, a Cyclr, a worker, the service. What the environment names already is used instead. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateKey } from '../../sealing/keys';
import { connect, temporalTarget, type TemporalTarget } from '../../temporal/connection';
import { portVariables, startDevServer, type DevServer } from './dev-server';
import { freePort, isFree } from './ports';
import { registerSearchAttributes } from '../../temporal/search-attributes';
import { client as sandboxClient } from '../../sandbox/token';
import { taskQueue } from '../../workflows/messages';
import { answers, startProcess, untilReady } from './processes';
import { startService, type RunningService } from './service';

/** What runs where; `undefined` for what the environment named and we did not start. */
export interface Running {
  temporal: { address: string; namespace: string; uiUrl?: string };
  cyclr: { url: string; serviceUrl?: string; sandbox: boolean };
  /** The private JWK set, or the path of its file. */
  sealingKeys: string;
  service: RunningService;
}

export interface Stack extends Running {
  /** Resolves with a message when something of it dies by itself. */
  died: Promise<string>;
  /** Stops what was started, the worker first. Safe to repeat. */
  stop(): Promise<void>;
}

export interface StackOptions {
  /** Where the data, the keys and the logs are kept. */
  folder: string;
  ports: { temporal: number; ui: number | undefined; sandbox: number; service: number; health?: number };
  /** One line for each thing that is up. */
  say(line: string): void;
}

/** Starts it and waits until it works. Fails with one message that says what to do, and leaves nothing running. */
export async function startStack({ folder, ports, say }: StackOptions): Promise<Stack> {
  const logFolder = join(folder, 'logs');
  mkdirSync(logFolder, { recursive: true });
  const started: { name: string; exited: Promise<unknown>; stop(): Promise<unknown>; lastLines?(): string }[] = [];
  const stop = async () => {
    for (const part of started.splice(0).reverse()) await part.stop();
  };
  try {
    const sealingKeys = process.env.SEALING_KEYS || (await keptKeys(join(folder, 'sealing-keys.json')));
    const server = process.env.TEMPORAL_ADDRESS ? undefined : await startTemporal();
    const target = server ? localTarget(server) : temporalTarget();
    const connection = await connect(target);
    try {
      await registerSearchAttributes(connection, target.namespace);
      say(`Temporal at ${target.address}, namespace ${target.namespace}${server ? '' : ' (TEMPORAL_ADDRESS)'}`);
      const cyclrUrl = process.env.CYCLR_API_URL || (await startSandbox());
      say(`Cyclr at ${cyclrUrl}${process.env.CYCLR_API_URL ? ' (CYCLR_API_URL)' : ', the sandbox'}`);
      const healthUrl = await startWorker(target, cyclrUrl, sealingKeys);
      say(`Worker on task queue ${taskQueue}, its health at ${healthUrl}`);
      const { process: service, ...running } = await startService({
        ...{ folder, logFolder, port: ports.service, sealingKeys },
        env: process.env.TEMPORAL_ADDRESS ? {} : onlyAddress(target.address),
      });
      started.push(service);
      say(`Onboarding service at ${running.url}, its API at ${running.url}/docs`);
      return {
        temporal: { address: target.address, namespace: target.namespace, uiUrl: server?.uiUrl },
        cyclr: {
          url: cyclrUrl,
          serviceUrl: process.env.CYCLR_API_URL ? process.env.CYCLR_SERVICE_URL : cyclrUrl,
          sandbox: !process.env.CYCLR_API_URL,
        },
        sealingKeys,
        service: running,
        died: Promise.race(started.map(async (part) => (await part.exited, `The ${part.name} has stopped by itself.`))),
        stop,
      };
    } finally {
      await connection.close();
    }
  } catch (err) {
    await stop();
    throw err;
  }

  async function startTemporal(): Promise<DevServer> {
    const server = await startDevServer({
      port: ports.temporal,
      uiPort: ports.ui,
      dbFile: join(folder, 'temporal.db'),
      logFile: join(logFolder, 'temporal.log'),
    });
    started.push({ ...server, name: 'Temporal dev server' });
    return server;
  }

  async function startSandbox(): Promise<string> {
    if (!(await isFree(ports.sandbox)))
      throw new Error(
        `Port ${ports.sandbox} of 127.0.0.1 is taken, which the sandbox needs. Stop what listens there, or set SANDBOX_PORT to another port; to use a Cyclr that you have, set CYCLR_API_URL.`,
      );
    const url = `http://127.0.0.1:${ports.sandbox}`;
    const env = { SANDBOX_PORT: `${ports.sandbox}`, SANDBOX_DATA: join(folder, 'sandbox.json') };
    const sandbox = await startProcess({ name: 'sandbox', main: 'sandbox/main.js', env, logFolder });
    started.push(sandbox);
    await untilReady(sandbox, () => answers(`${url}/_sandbox/accounts`));
    return url;
  }

  async function startWorker(target: TemporalTarget, cyclrUrl: string, sealingKeys: string): Promise<string> {
    const healthPort = ports.health ?? (await freePort());
    const healthUrl = `http://127.0.0.1:${healthPort}/readyz`;
    const ofSandbox = {
      CYCLR_CLIENT_ID: sandboxClient.id,
      CYCLR_CLIENT_SECRET: sandboxClient.secret,
      CYCLR_SERVICE_URL: cyclrUrl,
    };
    const env = {
      ...(process.env.TEMPORAL_ADDRESS ? {} : onlyAddress(target.address)),
      ...(process.env.CYCLR_API_URL ? {} : ofSandbox),
      CYCLR_API_URL: cyclrUrl,
      SEALING_KEYS: sealingKeys,
      HEALTH_PORT: `${healthPort}`,
    };
    const worker = await startProcess({ name: 'worker', main: 'worker/main.js', env, logFolder });
    started.push({ ...worker, stop: () => worker.stop(80_000) }); // it lets running attempts end
    await untilReady(worker, () => fetch(healthUrl).then(({ ok }) => ok));
    return healthUrl;
  }
}

/** Our own dev server needs none of what a TEMPORAL_* variable may say of another one. */
export const onlyAddress = (address: string): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(
    Object.keys(process.env).flatMap((name) => (name.startsWith('TEMPORAL_') ? [[name, undefined]] : [])),
  ),
  TEMPORAL_ADDRESS: address,
});

/** The variables and the defaults of what `npm start` listens on. */
export const portsOf = (env: NodeJS.ProcessEnv): StackOptions['ports'] => ({
  temporal: portOf(env, portVariables.port, 7233),
  ui: portOf(env, portVariables.uiPort, 8233),
  sandbox: portOf(env, 'SANDBOX_PORT', 7080),
  service: portOf(env, 'PORT', 8080),
  health: env.HEALTH_PORT ? portOf(env, 'HEALTH_PORT', 8081) : undefined, // any free one: 8081 is a popular number
});

function portOf(env: NodeJS.ProcessEnv, variable: string, otherwise: number): number {
  const port = Number(env[variable] || otherwise);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new Error(`${variable} is not a port number`);
}

/** The private keys in a file that only its owner reads; made at first use, kept from then on. */
async function keptKeys(file: string): Promise<string> {
  if (existsSync(file)) return file;
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify({ keys: [await generateKey()] }, undefined, 2), { mode: 0o600 });
  renameSync(draft, file);
  return file;
}

const localTarget = ({ address }: DevServer): TemporalTarget => ({
  address,
  namespace: 'default',
  connectionOptions: { address },
});

/** Where `npm start` says what it runs, for those who come after it. */
const noteOf = (folder: string): string => join(folder, 'running.json');

/** Leaves a note of what runs; taken away by the function that it returns. */
export function leaveNote(folder: string, { temporal, cyclr, sealingKeys, service }: Running): () => void {
  const note = { pid: process.pid, temporal, cyclr, sealingKeys, service };
  writeFileSync(noteOf(folder), JSON.stringify(note), { mode: 0o600 });
  return () => rmSync(noteOf(folder), { force: true });
}

/** What `npm start` runs at the moment, if it does. */
export function findRunning(folder: string): Running | undefined {
  try {
    const { pid, ...running } = JSON.parse(readFileSync(noteOf(folder), 'utf8')) as Running & { pid: number };
    process.kill(pid, 0); // throws where there is no such process
    return running;
  } catch {
    return undefined;
  }
}
