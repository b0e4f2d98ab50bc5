/** The only place in the command line that reads the environment. */
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../client/connector-auth';
import { ConnectorAuthError, toConnectorAuthError } from '../client/connector-auth-error';
import { readKeySet } from '../sealing/key-file';
import type { History } from '../temporal/replay';
import { connectAtOnce, type TemporalTarget } from '../temporal/connection';
import { findLocalStack, findTemporal } from '../temporal/local-stack';
import type { Cli } from './command';
import { CliError } from './errors';
import type { World } from './run';

export const environment = process.env;

/** Where `npm start` keeps its keys, so that the command line works beside it as it is. */
const STARTED_KEYS = join('.data', 'sealing-keys.json');

/** The text of the JWK set in SEALING_KEYS, or of the one that `npm start` made here. Fails: `configuration`. */
export async function sealingKeys({ env, cwd }: Pick<Cli, 'env' | 'cwd'>): Promise<string> {
  if (env.SEALING_KEYS) return readKeySet(env.SEALING_KEYS);
  const started = join(cwd, STARTED_KEYS);
  if (existsSync(started)) return readKeySet(started);
  throw new CliError('configuration', 'SEALING_KEYS is not set: a JWK set, or the path of a file of it');
}

/** Where the browser goes after the consent, where nobody says. Fails: `configuration`. */
export function defaultReturnTo({ env, cwd }: Pick<Cli, 'env' | 'cwd'>): string {
  if (env.PUBLIC_URL) return `${withoutSlash(env.PUBLIC_URL)}/connect/return`;
  const service = env.CYCLR_SERVICE_URL || findLocalStack(join(cwd, '.data'))?.cyclr.serviceUrl;
  if (service) return `${withoutSlash(service)}/return`;
  throw new CliError('configuration', 'PUBLIC_URL or CYCLR_SERVICE_URL is not set: give --return-to URL');
}

const withoutSlash = (url: string): string => url.replace(/\/+$/, '');

/** Who does it, for the timeline. */
export function author(): string {
  try {
    return `cli:${userInfo().username}`.slice(0, 100);
  } catch {
    return 'cli'; // a container's user can be without a name
  }
}

/** The library on a new connection to Temporal. Fails: `configuration`, `temporalUnavailable`. */
export async function connect({ env, cwd }: Pick<Cli, 'env' | 'cwd'>): ReturnType<World['connect']> {
  const target = targetIn(env, join(cwd, '.data'));
  const connection = await connectAtOnce(target).catch(({ message }: Error) => {
    throw new ConnectorAuthError('temporalUnavailable', message);
  });
  const client = new Client({ connection, namespace: target.namespace });
  const taskQueue = env.TASK_QUEUE || undefined;
  return {
    flows: new ConnectorAuth(client, { taskQueue }),
    histories: historiesOf(client),
    close: () => connection.close(),
  };
}

/** A few at a time: there can be more than a machine holds. */
const historiesOf = (client: Client): Cli['histories'] =>
  async function* (query) {
    const found = client.workflow.list({ query }).intoHistories({ concurrency: 4, bufferLimit: 4 });
    try {
      for await (const { workflowId, history } of found) yield { workflowId, history: history as History };
    } catch (err) {
      throw toConnectorAuthError(err);
    }
  };

function targetIn(env: NodeJS.ProcessEnv, folder: string): TemporalTarget {
  try {
    return findTemporal(env, folder);
  } catch (err) {
    throw new CliError('configuration', (err as Error).message);
  }
}
