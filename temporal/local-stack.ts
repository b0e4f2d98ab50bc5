/**
 * Finds the local stack by the stack file. `npm start` writes this file into its data folder, and deletes it when it
 * stops.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { jsonOf } from '../workflows/connector';
import { payloadCodecsOf } from './payload-codecs';
import { temporalTarget, type TemporalTarget } from './connection';

const StackFile = z.object({
  pid: z.int().positive(),
  /** The task queue of the flows. Absent if it is the default task queue. */
  taskQueue: z.string().optional(),
  temporal: z.object({ address: z.string(), namespace: z.string(), uiUrl: z.string().optional() }),
  cyclr: z.object({ url: z.string(), serviceUrl: z.string().optional(), sandbox: z.boolean() }),
  /** The private JWK set, or the path of its file. */
  sealingKeys: z.string(),
  service: z.object({ url: z.string(), apiKey: z.string() }),
  worker: z.object({ healthUrl: z.string() }).optional(),
});

/** The processes of a local stack and their addresses. `pid` is the process id of `npm start`. */
export type LocalStack = z.infer<typeof StackFile>;

/** The path of the stack file. `folder` is the data folder, `.data`. */
export const stackFile = (folder: string): string => join(folder, 'running.json');

/**
 * The running local stack. `undefined` if there is no stack file, or if npm start has ended. Fails if the file is not
 * valid.
 */
export function findLocalStack(folder: string): LocalStack | undefined {
  const file = stackFile(folder);
  const text = textOf(file);
  if (text === undefined) return undefined;
  const stack = StackFile.safeParse(jsonOf(text)).data;
  if (!stack) throw new Error(`${file} is not valid. Stop npm start, delete the file, and run npm start.`);
  return isAlive(stack.pid) ? stack : undefined;
}

/**
 * The Temporal server that TEMPORAL_ADDRESS, TEMPORAL_PROFILE or TEMPORAL_CONFIG_FILE names. Without these variables,
 * the server of the running local stack. TEMPORAL_NAMESPACE overrides the namespace of the stack. Without a running
 * stack, the result of {@link temporalTarget}. Fails as {@link findLocalStack} and {@link temporalTarget} do.
 */
export function findTemporal(env: NodeJS.ProcessEnv, folder: string): TemporalTarget {
  const named = env.TEMPORAL_ADDRESS || env.TEMPORAL_PROFILE || env.TEMPORAL_CONFIG_FILE;
  const stack = named ? undefined : findLocalStack(folder);
  if (!stack) return temporalTarget(env);
  const { address, namespace } = stack.temporal;
  // The variables for API key and TLS are ignored here, because they are not for the server of the local stack. npm
  // start ignores these variables, too.
  const payloadCodecs = payloadCodecsOf(env);
  return {
    address,
    namespace: env.TEMPORAL_NAMESPACE || namespace,
    connectionOptions: { address },
    ...(payloadCodecs && { dataConverter: { payloadCodecs } }),
  };
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (err) {
    const { code } = err as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new Error(`${file}, a file of npm start, can't be read (${code}).`);
  }
}

/** True if a process with this id runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (err) {
    return (err as NodeJS.ErrnoException).code === 'EPERM'; // EPERM: the process runs, but as another user
  }
}
