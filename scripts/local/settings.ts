/** Makes the environment variables of each process of the local stack, and the keys in these variables. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { digestOf } from '../../client/http/api-key';
import { keySetOf, publicHalf } from '../../sealing/keys';
import { client } from '../../sandbox/token';

/** A Temporal server that needs no credentials. */
export interface TemporalAddress {
  address: string;
  /** The namespace. The default is the namespace `default`. */
  namespace?: string;
}

/** The URL of a Cyclr, and the client id and secret with which a worker calls it. */
export interface Cyclr {
  url: string;
  clientId: string;
  clientSecret: string;
  /** The URL of Cyclr's consent pages. */
  serviceUrl?: string;
}

/** A JWK set of symmetric keys. */
export interface SessionKeySet {
  keys: { kty: 'oct'; k: string }[];
}

/** The keys of a service: the API key of its backends, and the keys that sign its sessions. */
export interface ServiceKeys {
  apiKey: string;
  sessionKeys: SessionKeySet;
  /** The file of the session keys. Without a file, the keys are in the environment of the service. */
  sessionKeysFile?: string;
}

const random = (): string => randomBytes(32).toString('base64url');

/** Makes a set of session keys with one new key. */
export const newSessionKeys = (): SessionKeySet => ({ keys: [{ kty: 'oct', k: random() }] });

/** Makes the keys of one service. */
export const newServiceKeys = (): ServiceKeys => ({ apiKey: random(), sessionKeys: newSessionKeys() });

/** Returns the URL, client id and client secret of a sandbox, for `workerEnv`. */
export const cyclrOf = (url: string): Cyclr => ({
  ...{ url, serviceUrl: url },
  ...{ clientId: client.id, clientSecret: client.secret },
});

/**
 * Returns the environment variables with which a process reaches this Temporal server. These variables replace all
 * TEMPORAL_* variables and the profile file of the present process.
 */
export const temporalEnv = ({ address, namespace = 'default' }: TemporalAddress): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(
    Object.keys(process.env).flatMap((name) => (name.startsWith('TEMPORAL_') ? [[name, undefined]] : [])),
  ),
  TEMPORAL_ADDRESS: address,
  TEMPORAL_NAMESPACE: namespace,
  // No file has this path, so the process has no profile. An empty file would be an error.
  TEMPORAL_CONFIG_FILE: join(__dirname, 'no-profile.toml'),
});

/**
 * Makes settings for the environment of a process that does not need the secrets `names`. The value `undefined` removes
 * each of these variables from the environment of the process.
 */
const without = (...names: string[]): NodeJS.ProcessEnv =>
  Object.fromEntries(names.flatMap((name) => [name, `${name}_FILE`]).map((name) => [name, undefined]));

/** Settings for the environment of a process that needs no secret. These settings remove all secrets. */
export const withoutSecrets = without(
  ...['CYCLR_CLIENT_SECRET', 'SEALING_KEYS', 'SERVICE_API_KEYS', 'SESSION_KEYS', 'TEMPORAL_API_KEY'],
);

/** Sets the environment variable NAME to a JWK set, or the variable NAME_FILE to the path of a file. */
const variableOrFile = (name: string, keys: string): NodeJS.ProcessEnv => ({
  ...without(name),
  [keys.trim().startsWith('{') ? name : `${name}_FILE`]: keys,
});

const cyclrEnv = ({ url, clientId, clientSecret, serviceUrl }: Cyclr): NodeJS.ProcessEnv => ({
  ...without('CYCLR_CLIENT_SECRET'),
  CYCLR_API_URL: url,
  CYCLR_CLIENT_ID: clientId,
  CYCLR_CLIENT_SECRET: clientSecret,
  CYCLR_SERVICE_URL: serviceUrl,
});

/** Returns the environment variables of a sandbox. */
export const sandboxEnv = ({ port, dataFile }: { port: number; dataFile?: string }): NodeJS.ProcessEnv => ({
  ...withoutSecrets,
  SANDBOX_PORT: `${port}`,
  SANDBOX_HOST: undefined,
  SANDBOX_DATA: dataFile,
});

/**
 * Returns the environment variables of a worker. If `temporal` or `cyclr` is absent, the worker uses the variables of
 * this process.
 */
export const workerEnv = ({
  temporal,
  cyclr,
  sealingKeys,
  healthPort,
}: {
  temporal?: TemporalAddress;
  cyclr?: Cyclr;
  /** The private JWK set, or the path of its file. */
  sealingKeys: string;
  healthPort: number;
}): NodeJS.ProcessEnv => ({
  ...(temporal && temporalEnv(temporal)),
  ...(cyclr && cyclrEnv(cyclr)),
  ...without('SERVICE_API_KEYS', 'SESSION_KEYS'),
  ...variableOrFile('SEALING_KEYS', sealingKeys),
  HEALTH_PORT: `${healthPort}`,
  HEALTH_HOST: '127.0.0.1',
});

/**
 * Returns the environment variables of a service. If `temporal` is absent, the service uses the variables of this
 * process.
 */
export const serviceEnv = async ({
  temporal,
  port,
  metricsPort,
  keys,
  sealingKeys,
}: {
  temporal?: TemporalAddress;
  port: number;
  metricsPort?: number;
  keys: ServiceKeys;
  /** The private JWK set of the workers; the service gets its public half. */
  sealingKeys: string;
}): Promise<NodeJS.ProcessEnv> => ({
  ...(temporal && temporalEnv(temporal)),
  PORT: `${port}`,
  METRICS_PORT: metricsPort === undefined ? undefined : `${metricsPort}`,
  ...without('CYCLR_CLIENT_SECRET', 'SERVICE_API_KEYS', 'SEALING_KEYS'),
  SERVICE_API_KEYS: digestOf(keys.apiKey),
  ...variableOrFile('SESSION_KEYS', keys.sessionKeysFile ?? JSON.stringify(keys.sessionKeys)),
  SEALING_KEYS: JSON.stringify(publicHalf(await keySetOf(sealingKeys))),
});
