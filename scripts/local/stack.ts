/** The whole stack of `npm start` and the demo. A Temporal or a Cyclr that the environment names is used instead. */
import { connectAtOnce, temporalTarget, type TemporalTarget } from '../../temporal/connection';
import type { LocalStack } from '../../temporal/local-stack';
import { readKeySet } from '../../sealing/key-file';
import { registerSearchAttributes } from '../../temporal/search-attributes';
import { taskQueue } from '../../workflows/messages';
import { openDataFolder } from './data-folder';
import { startSandbox, startService, startTemporal, startWorker } from './parts';
import type { LocalProcess } from './process';

/** The addresses of a running stack. */
export type Running = Omit<LocalStack, 'pid'>;

export interface Stack extends Running {
  /** Resolves with a message when a part ends by itself. */
  died: Promise<string>;
  /** Stops the parts that were started, in reverse order. Safe to repeat. */
  stop(): Promise<void>;
}

/** Those that are missing are free ones, but for `ui`: without it there is no Temporal Web. */
export interface Ports {
  temporal?: number;
  ui?: number;
  sandbox?: number;
  service?: number;
  health?: number;
}

export interface StackOptions {
  /** For data, keys and logs. */
  folder: string;
  ports?: Ports;
  /** Called with one line for each part that works. */
  say(line: string): void;
}

/** Starts the stack and waits until it works. Fails with one message that says what to do, and leaves nothing running. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const parts: LocalProcess[] = [];
  const stop = async () => {
    for (const part of parts.splice(0).reverse()) await part.stop();
  };
  try {
    const running = await startParts(options, (part) => (parts.push(part), part));
    const died = Promise.race(
      parts.map(async (part) => (await part.exited, `The ${part.name} process has ended by itself.`)),
    );
    return { ...running, died, stop };
  } catch (err) {
    await stop();
    throw err;
  }
}

async function startParts(
  { folder, ports = {}, say }: StackOptions,
  started: <Part extends LocalProcess>(part: Part) => Part,
): Promise<Running> {
  const { TEMPORAL_ADDRESS, CYCLR_API_URL, CYCLR_SERVICE_URL, SEALING_KEYS } = process.env;
  const { logFolder, temporalFile, sandboxFile, sealingKeysFile, serviceKeys } = await openDataFolder(folder);
  const sealingKeys = SEALING_KEYS || sealingKeysFile;

  const temporal = TEMPORAL_ADDRESS
    ? undefined
    : started(await startTemporal({ logFolder, port: ports.temporal, uiPort: ports.ui, dbFile: temporalFile }));
  const target = temporal ? targetOf(temporal.address) : temporalTarget();
  await register(target);
  const { address, namespace } = target;
  say(`Temporal at ${address}, namespace ${namespace}${temporal ? '' : ' (TEMPORAL_ADDRESS)'}`);

  const sandbox = CYCLR_API_URL
    ? undefined
    : started(await startSandbox({ logFolder, port: ports.sandbox, dataFile: sandboxFile }));
  const cyclrUrl = sandbox?.url ?? CYCLR_API_URL!;
  say(`Cyclr at ${cyclrUrl}${sandbox ? ', the sandbox' : ' (CYCLR_API_URL)'}`);

  const shared = { logFolder, ...(temporal && { temporal: { address } }) };
  const cyclr = sandbox?.cyclr;
  const worker = started(await startWorker({ ...shared, cyclr, sealingKeys, healthPort: ports.health }));
  say(`Worker on task queue ${taskQueue}, its health at ${worker.healthUrl}`);

  const keys = { sealingKeys: await readKeySet(sealingKeys), keys: serviceKeys };
  const { url, apiKey } = started(await startService({ ...shared, ...keys, port: ports.service }));
  say(`Onboarding service at ${url}, its API at ${url}/docs`);
  return {
    temporal: { address, namespace, uiUrl: temporal?.uiUrl },
    cyclr: { url: cyclrUrl, serviceUrl: sandbox ? cyclrUrl : CYCLR_SERVICE_URL, sandbox: sandbox !== undefined },
    sealingKeys,
    service: { url, apiKey },
  };
}

const targetOf = (address: string): TemporalTarget => ({
  address,
  namespace: 'default',
  connectionOptions: { address },
});

async function register(target: TemporalTarget): Promise<void> {
  const connection = await connectAtOnce(target);
  try {
    await registerSearchAttributes(connection, target.namespace);
  } finally {
    await connection.close();
  }
}
