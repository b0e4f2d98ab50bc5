/**
 * The whole stack of `npm start` and the demo. With TEMPORAL_ADDRESS, the stack uses the server at this address, and
 * starts no dev server. With CYCLR_API_URL, the stack uses the Cyclr at this URL, and starts no sandbox.
 */
import { z } from 'zod';
import { connectAtOnce, temporalTarget, type TemporalTarget } from '../../temporal/connection';
import { origin, readEnvironment } from '../../temporal/environment';
import type { LocalStack } from '../../temporal/local-stack';
import { readKeySet } from '../../sealing/key-file';
import { registerSearchAttributes } from '../../temporal/search-attributes';
import { taskQueue as defaultTaskQueue } from '../../workflows/messages';
import { openDataFolder } from './data-folder';
import { startSandbox, startService, startTemporal, startWorker } from './parts';
import { startTogether, type LocalProcess } from './process';

/** The addresses of a running stack. */
export type Running = Omit<LocalStack, 'pid'>;

export interface Stack extends Running {
  /** Resolves with a message when a process of the stack ends by itself. */
  died: Promise<string>;
  /** Stops the processes in the reverse order of their start. Safe to repeat. */
  stop(): Promise<void>;
}

/** The ports of the stack. A port that is missing or 0 means any free port. Without `ui`, Temporal Web does not run. */
export interface Ports {
  temporal?: number;
  ui?: number;
  sandbox?: number;
  service?: number;
  health?: number;
}

export interface StackOptions {
  /** The folder of data, keys and logs. */
  folder: string;
  ports?: Ports;
  /** Called with one line for each process that is ready. */
  say(line: string): void;
  /** Further environment variables of the worker and of the service. */
  workerEnv?: NodeJS.ProcessEnv;
  serviceEnv?: NodeJS.ProcessEnv;
  /** If this signal is aborted during the start, the start fails, and no process stays running. */
  signal?: AbortSignal;
}

/**
 * Starts the stack and waits until each process is ready. If the start fails, the error message has the remedy, and no
 * process stays running.
 */
export const startStack = (options: StackOptions): Promise<Stack> =>
  startTogether(async (onStop) => {
    const ends: Promise<string>[] = [];
    const aborted = abortOf(options.signal);
    const started: Started = async (starting) => {
      onStop(() =>
        starting.then(
          (part) => part.stop(),
          () => undefined,
        ),
      );
      const part = await Promise.race([starting, aborted]);
      // For example, the dev server of another `npm start` can answer in place of a dev server that has just ended.
      const earlierEnded = ends.map((end) => end.then((message) => Promise.reject(new Error(message))));
      ends.push(part.exited.then(() => `The ${part.name} process has ended by itself.`));
      await Promise.race([part.ready(), aborted, ...earlierEnded]);
      return part;
    };
    const running = await startParts(options, started);
    return { ...running, died: Promise.race(ends) };
  });

/** Rejects when the signal is aborted. */
function abortOf(signal: AbortSignal | undefined): Promise<never> {
  const aborted = new Promise<never>((_resolve, reject) => {
    const abort = () => reject(new Error('The start was stopped.'));
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort);
  });
  aborted.catch(() => undefined);
  return aborted;
}

/** The environment variables that are checked before the first process starts. */
const environment = z.object({
  CYCLR_API_URL: origin.optional(),
  CYCLR_SERVICE_URL: origin.optional(),
  SEALING_KEYS: z.string().optional().meta({ file: true }),
});

/** Lets the dev server dispatch the tasks of all accounts in turn (see `fairnessOf`). */
const fairness = { 'matching.enableFairness': true };

/** Registers a process, so that `stop()` also stops it, and waits until the process is ready. */
type Started = <Part extends LocalProcess>(starting: Promise<Part>) => Promise<Part>;

async function startParts(options: StackOptions, started: Started): Promise<Running> {
  const { folder, ports = {}, say, workerEnv, serviceEnv, signal } = options;
  const { TEMPORAL_ADDRESS } = process.env;
  const { CYCLR_API_URL, CYCLR_SERVICE_URL } = await readEnvironment(environment, process.env);
  const { logFolder, temporalFile, sandboxFile, sealingKeysFile, serviceKeys } = await openDataFolder(folder);
  const sealingKeys = process.env.SEALING_KEYS_FILE || process.env.SEALING_KEYS || sealingKeysFile;
  const own = { logFolder, waits: false };

  const temporal = TEMPORAL_ADDRESS
    ? undefined
    : await started(
        startTemporal({
          ...own,
          port: ports.temporal,
          uiPort: ports.ui,
          dbFile: temporalFile,
          dynamicConfig: fairness,
          signal,
        }),
      );
  const target = temporal ? targetOf(temporal.address) : temporalTarget();
  await register(target);
  const { address, namespace } = target;
  say(`Temporal at ${address}, namespace ${namespace}${temporal ? '' : ' (TEMPORAL_ADDRESS)'}`);

  const sandbox = CYCLR_API_URL
    ? undefined
    : await started(startSandbox({ ...own, port: ports.sandbox, dataFile: sandboxFile }));
  const cyclrUrl = sandbox?.url ?? CYCLR_API_URL!;
  say(`Cyclr at ${cyclrUrl}${sandbox ? ', the sandbox' : ' (CYCLR_API_URL)'}`);

  const shared = { ...own, ...(temporal && { temporal: { address } }) };
  const cyclr = sandbox?.cyclr;
  const worker = await started(
    startWorker({ ...shared, cyclr, sealingKeys, healthPort: ports.health, env: workerEnv }),
  );
  const taskQueue = process.env.TASK_QUEUE || defaultTaskQueue;
  say(`Worker on task queue ${taskQueue}, its health at ${worker.healthUrl}`);

  const keys = { sealingKeys: await readKeySet(sealingKeys), keys: serviceKeys };
  const { url, apiKey } = await started(startService({ ...shared, ...keys, port: ports.service, env: serviceEnv }));
  say(`Onboarding service at ${url}, its API at ${url}/docs`);
  return {
    taskQueue,
    temporal: { address, namespace, uiUrl: temporal?.uiUrl },
    cyclr: { url: cyclrUrl, serviceUrl: sandbox ? cyclrUrl : CYCLR_SERVICE_URL, sandbox: sandbox !== undefined },
    sealingKeys,
    service: { url, apiKey },
    worker: { healthUrl: worker.healthUrl },
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
