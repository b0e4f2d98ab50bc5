/** The only file of the command line that reads environment variables and the files of the local stack. */
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename, join, relative } from 'node:path';
import { Client } from '@temporalio/client';
import { z } from 'zod';
import type { CyclrConfig } from '../activities/cyclr/client';
import { ConnectorAuth } from '../client/connector-auth';
import { ConnectorAuthError, toConnectorAuthError } from '../client/connector-auth-error';
import { secretsOf } from '../client/http/verify';
import { readKeySet } from '../sealing/key-file';
import { keySetOf } from '../sealing/keys';
import { connectAtOnce, DEFAULT_ADDRESS, type TemporalTarget } from '../temporal/connection';
import { origin, port, publicUrl, readEnvironment } from '../temporal/environment';
import { findLocalStack, findTemporal, type LocalStack } from '../temporal/local-stack';
import type { History } from '../temporal/replay';
import { taskQueue as defaultTaskQueue } from '../workflows/messages';
import type { Cli, Connected } from './cli';
import { CliError } from './errors';

type Place = Pick<Cli, 'env' | 'cwd'>;

const text = z.string().optional();

/**
 * The environment variables of the command line. Each command reads only the variables that it needs. For example,
 * `keys generate` reads no variable.
 */
export const environment = z.object({
  SEALING_KEYS: text.meta({
    description:
      'JWK set of the workers, or the path of its file. Only its public half is used, except by `keys rotate`.',
    example: '/run/secrets/public-sealing-keys',
    default: 'the keys of `npm start`',
    secret: true,
    file: true,
  }),
  PUBLIC_URL: publicUrl.optional().meta({
    description:
      'URL of the service. `link` without `--return-to` uses it: after the consent, the browser returns to `{PUBLIC_URL}/connect/return`.',
    example: 'https://connect.example.com',
  }),
  CYCLR_SERVICE_URL: origin.optional().meta({
    description:
      'Origin of your partner service domain. If neither `--return-to` nor `PUBLIC_URL` is set, `link` uses it: after the consent, the browser returns to `{CYCLR_SERVICE_URL}/return`.',
    example: 'https://yourcompany-h.cyclr.com',
    default: 'the sandbox of `npm start`',
  }),
  CYCLR_API_URL: origin.optional().meta({
    description:
      'Origin of the API of the Cyclr instance that `probe`, `policies check` and `doctor` read, and that `deauthenticate` changes.',
    example: 'https://api.cyclr.com',
    default: 'the sandbox of `npm start`, which `doctor` uses only for its check of the clock',
  }),
  CYCLR_CLIENT_ID: text.meta({
    description: 'Client id with which `probe`, `policies check`, `doctor` and `deauthenticate` get a token of Cyclr.',
    example: '3f0c7a52',
  }),
  CYCLR_CLIENT_SECRET: text.meta({
    description:
      'Client secret with which `probe`, `policies check`, `doctor` and `deauthenticate` get a token of Cyclr.',
    example: 'p7Jq…',
    secret: true,
    file: true,
  }),
  HEALTH_PORT: port.optional().meta({
    description:
      'Port of `/readyz` of a worker on this machine. If the variables of Cyclr are not set, `doctor` reads there whether the last token request of this worker has succeeded.',
    example: '8081',
  }),
  WORKER_DEPLOYMENT: text.meta({
    description: 'Name of the worker deployment whose current version `doctor` checks.',
    example: 'connector-auth',
    default: 'the deployment of the workers that poll',
  }),
  WEBHOOK_SECRETS: text.meta({
    description: 'Comma-separated secrets of the worker. `events listen` verifies the events with them.',
    example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    default: 'a new secret',
    secret: true,
    file: true,
  }),
  TASK_QUEUE: text.meta({
    description: 'Task queue of the flows. Worker, service and command line need the same value.',
    example: 'connector-auth-eu',
    default: 'the task queue of `npm start`, otherwise connector-auth',
  }),
});

type Variables = z.output<typeof environment>;

/**
 * Reads only the environment variables in `names`, so that a wrong value of another variable does not end the command.
 */
export const variablesOf = ({ env }: Pick<Place, 'env'>, ...names: (keyof Variables)[]): Promise<Variables> =>
  readEnvironment(z.object(Object.fromEntries(names.map((name) => [name, environment.shape[name]]))), env);

/** The data folder of `npm start`, in the folder where the command line runs. */
const dataFolder = (cwd: string): string => join(cwd, '.data');

/**
 * The command that starts this program in the user's shell: `npm run cli --` in this repository, `cyclr-connect` or
 * `npx cyclr-connect` if the package is installed, otherwise node with the path of `main`.
 */
export function programName({ env, cwd }: Place, main: string): string {
  if (isInRepository(env)) return 'npm run cli --';
  if (basename(main) !== 'main.js') return env.npm_lifecycle_event === 'npx' ? 'npx cyclr-connect' : 'cyclr-connect';
  return `node ${relative(cwd, main)}`;
}

/** True if `npm run cli` of this repository has started the command line. */
export const isInRepository = (env: NodeJS.ProcessEnv): boolean =>
  env.npm_lifecycle_event === 'cli' && env.npm_package_name === 'cyclr-connect';

/** Returns the sealing keys as {@link findSealingKeys} does. Fails with `configuration` if there are no keys. */
export async function sealingKeys(place: Place): Promise<string> {
  const keys = await findSealingKeys(place);
  if (keys) return keys;
  const reason = 'SEALING_KEYS is not set, and there are no keys of npm start for this Temporal server';
  const remedy = 'set it to a JWK set of the workers, or to the path of a file that holds one';
  throw new CliError('configuration', `${reason}: ${remedy}`);
}

/**
 * The text of the JWK set in SEALING_KEYS. Without this variable, the JWK set that `npm start` has made in this folder,
 * if the command line uses the Temporal server of `npm start`. Undefined if there is no such JWK set: the workers of
 * another server could not open a value that is sealed to the local keys. Fails: `configuration` if a file of `npm
 * start` can't be used; a KeySetError if SEALING_KEYS can't be read.
 */
export async function findSealingKeys({ env, cwd }: Place): Promise<string | undefined> {
  const { SEALING_KEYS } = await variablesOf({ env }, 'SEALING_KEYS');
  if (SEALING_KEYS) return readKeySet(SEALING_KEYS);
  const stack = usedStack({ env, cwd });
  if (stack) return localKeys(stack.sealingKeys);
  const file = join(dataFolder(cwd), 'sealing-keys.json'); // `npm start` does not delete this file when it stops
  return namesServer({ env, cwd }) || !existsSync(file) ? undefined : localKeys(file);
}

/** True if a variable or a profile names a Temporal server. */
const namesServer = ({ env, cwd }: Place): boolean =>
  Boolean(env.TEMPORAL_ADDRESS || env.TEMPORAL_PROFILE || env.TEMPORAL_CONFIG_FILE) ||
  addressOf({ env, cwd }) !== DEFAULT_ADDRESS;

async function localKeys(keys: string): Promise<string> {
  try {
    const text = await readKeySet(keys);
    await keySetOf(text);
    return text;
  } catch (err) {
    const where = '.data/sealing-keys.json, unless npm start was given SEALING_KEYS';
    throw new CliError('configuration', `the sealing keys of npm start (${where}): ${(err as Error).message}`);
  }
}

/**
 * The secrets in WEBHOOK_SECRETS, with which `events listen` verifies events. Undefined if the variable is not set.
 * Fails: `configuration` for a bad secret.
 */
export async function webhookSecretsOf(place: Place): Promise<string[] | undefined> {
  const { WEBHOOK_SECRETS } = await variablesOf(place, 'WEBHOOK_SECRETS');
  return WEBHOOK_SECRETS === undefined ? undefined : configured(() => secretsOf(WEBHOOK_SECRETS), 'WEBHOOK_SECRETS: ');
}

/**
 * The task queue of the flows: TASK_QUEUE. Without this variable, the task queue of `npm start`, if the command line
 * uses the Temporal server of `npm start`. Otherwise the default task queue.
 */
export async function taskQueueOf(place: Place): Promise<string> {
  const { TASK_QUEUE } = await variablesOf(place, 'TASK_QUEUE');
  return TASK_QUEUE ?? usedStack(place)?.taskQueue ?? defaultTaskQueue;
}

/**
 * The settings of Cyclr from the CYCLR_* variables. Without these variables, the settings of the sandbox of `npm start`,
 * if the command line uses the Temporal server of `npm start`. Fails: `configuration` if only some of the variables are
 * set, or if there is neither a variable nor a sandbox.
 */
export async function cyclrConfig({ env, cwd }: Place): Promise<CyclrConfig> {
  const names = ['CYCLR_API_URL', 'CYCLR_CLIENT_ID', 'CYCLR_CLIENT_SECRET'] as const;
  const {
    CYCLR_API_URL: apiUrl,
    CYCLR_CLIENT_ID: clientId,
    CYCLR_CLIENT_SECRET: clientSecret,
  } = await variablesOf({ env }, ...names);
  if (apiUrl && clientId && clientSecret) return { apiUrl, clientId, clientSecret };
  const { cyclr } = (!apiUrl && !clientId && !clientSecret && usedStack({ env, cwd })) || {};
  if (cyclr?.sandbox) return { apiUrl: cyclr.url, clientId: 'sandbox', clientSecret: 'sandbox-secret' };
  throw new CliError('configuration', `set all of ${names.join(', ')}, or run npm start in this folder`);
}

/** The running local stack, if the command line uses the Temporal server of this stack. */
export function usedStack({ env, cwd }: Place): LocalStack | undefined {
  const stack = configured(() => findLocalStack(dataFolder(cwd)));
  return stack?.temporal.address === addressOf({ env, cwd }) ? stack : undefined;
}

const addressOf = ({ env, cwd }: Place): string => configured(() => findTemporal(env, dataFolder(cwd))).address;

/** The page to which the browser returns after the consent, if --return-to is not given. Fails: `configuration`. */
export async function defaultReturnTo({ env, cwd }: Place): Promise<string> {
  const { PUBLIC_URL, CYCLR_SERVICE_URL } = await variablesOf({ env }, 'PUBLIC_URL', 'CYCLR_SERVICE_URL');
  if (PUBLIC_URL) return `${PUBLIC_URL}/connect/return`;
  const service = CYCLR_SERVICE_URL ?? usedStack({ env, cwd })?.cyclr.serviceUrl;
  if (service) return `${service}/return`;
  throw new CliError('configuration', 'PUBLIC_URL or CYCLR_SERVICE_URL is not set: set one, or give --return-to URL');
}

/** The author of an input, for the timeline. */
export function author(): string {
  try {
    return `cli:${userInfo().username}`.slice(0, 100);
  } catch {
    return 'cli'; // in a container, the user may have no name
  }
}

/** Connects to Temporal, and returns the library on this connection. Fails: `configuration`, `temporalUnavailable`. */
export async function connect({ env, cwd }: Place): Promise<Connected> {
  const target = configured((): TemporalTarget => findTemporal(env, dataFolder(cwd)));
  const connection = await connectAtOnce(target).catch(({ message }: Error) => {
    const hint = isInRepository(env) ? ' To start one on this machine: npm start' : '';
    throw new ConnectorAuthError('temporalUnavailable', message + hint);
  });
  const { namespace, dataConverter } = target;
  const client = new Client({ connection, namespace, dataConverter });
  const taskQueue = await taskQueueOf({ env, cwd });
  return {
    flows: new ConnectorAuth(client, { taskQueue }),
    server: { services: connection, address: target.address, namespace },
    histories: historiesOf(client),
    close: () => connection.close(),
  };
}

/** Reads only a few histories at the same time, because all histories together can be larger than the memory. */
const historiesOf = (client: Client): Connected['histories'] =>
  async function* (query) {
    const found = client.workflow.list({ query }).intoHistories({ concurrency: 4, bufferLimit: 4 });
    try {
      for await (const { workflowId, history } of found) yield { workflowId, history: history as History };
    } catch (err) {
      throw toConnectorAuthError(err);
    }
  };

/**
 * Calls `read`, and turns its error into a CliError with the code `configuration`. `where`: the text before the error.
 */
function configured<T>(read: () => T, where = ''): T {
  try {
    return read();
  } catch (err) {
    throw new CliError('configuration', `${where}${(err as Error).message}`);
  }
}
