/**
 * Reads environment variables. Each process has one object schema, called `environment`, with a property for each
 * variable. The schema checks the variables and documents them: `.meta({ description, example, secret?, file?, default?
 * })`. `npm run configuration` writes docs/configuration.md from these schemas.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { z } from 'zod';
import { isSecureUrl } from '../workflows/connector';

/**
 * The error for wrong or missing environment variables. The message lists all faults, one on each line, and quotes no
 * value.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads the variables of a schema. An empty variable counts as not set. For each variable NAME with the meta `file`,
 * NAME_FILE can name a file that holds the value. Fails with a {@link ConfigError} that names every fault.
 */
export async function readEnvironment<Schema extends z.ZodObject>(
  schema: Schema,
  env: NodeJS.ProcessEnv,
): Promise<z.output<Schema>> {
  const given = givenVariables(schema, env);
  return outputOf(given, await schema.safeParseAsync(given.variables));
}

/** Reads the variables as {@link readEnvironment} does, for a schema without asynchronous checks. */
export function readEnvironmentNow<Schema extends z.ZodObject>(
  schema: Schema,
  env: NodeJS.ProcessEnv,
): z.output<Schema> {
  const given = givenVariables(schema, env);
  return outputOf(given, schema.safeParse(given.variables));
}

/**
 * Calls `one` and `other`, which each read a part of the environment variables. Fails with a {@link ConfigError} that
 * names the faults of both parts.
 */
export async function readBoth<One, Other>(
  one: () => Promise<One>,
  other: () => Promise<Other> | Other,
): Promise<[One, Other]> {
  const [first, second] = await Promise.allSettled([one(), (async () => other())()]);
  if (first.status === 'fulfilled' && second.status === 'fulfilled') return [first.value, second.value];
  const errors = [first, second].flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
  const unexpected = errors.find((err) => !(err instanceof ConfigError));
  throw unexpected ?? new ConfigError(errors.map(({ message }) => message).join('\n'));
}

interface Given {
  /** The environment variables that are set, including those whose values are in files. */
  variables: { [name: string]: string };
  /** The faults of the variables NAME_FILE and of their files. The key is NAME. */
  faults: Map<string, string>;
}

function givenVariables(schema: z.ZodObject, env: NodeJS.ProcessEnv): Given {
  const variables = setVariables(env);
  const faults = new Map<string, string>();
  for (const name of namesWithFile(schema)) {
    const file = variables[`${name}_FILE`];
    if (file === undefined) continue;
    const { text, fault } = textIn(file);
    if (variables[name] !== undefined) faults.set(name, `${name} and ${name}_FILE are both set: unset one`);
    else if (text === undefined) faults.set(name, `${name}_FILE ${fault}`);
    else variables[name] = text;
  }
  return { variables, faults };
}

/** The environment variables that are not empty. */
export const setVariables = (env: NodeJS.ProcessEnv): { [name: string]: string } =>
  Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => Boolean(entry[1])));

/** The names of the environment variables whose values a file can hold. */
export const namesWithFile = (schema: z.ZodObject): string[] =>
  Object.entries(schema.shape).flatMap(([name, variable]) => (variable.meta()?.file ? [name] : []));

/**
 * The text of a file without its last line end. The fault does not quote the path, because the operator may have set
 * the variable to the secret itself by mistake.
 */
function textIn(file: string): { text: string; fault?: undefined } | { text?: undefined; fault: string } {
  try {
    const text = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    return text.trim() === '' ? { fault: 'is the path of an empty file' } : { text };
  } catch (err) {
    return { fault: `is not the path of a file that can be read (${(err as NodeJS.ErrnoException).code})` };
  }
}

function outputOf<Output>({ faults }: Given, { data, error }: z.ZodSafeParseResult<Output>): Output {
  const issues = (error?.issues ?? []).filter(({ path }) => !faults.has(String(path[0])));
  const lines = [...faults.values(), ...issues.map(({ path, message }) => `${path.join('.')} ${message}`)];
  if (lines.length > 0) throw new ConfigError(lines.join('\n'));
  return data as Output;
}

/** The schema of a required environment variable. `hint`: the expected value, for the error message. */
export const required = (hint: string) => z.string(`is not set: ${hint}`);

const notAPort = { message: 'is no port number' };

/** A port number. 0 means any free port. */
export const port = z
  .string()
  .regex(/^\d{1,5}$/, notAPort)
  .transform(Number)
  .refine((number) => number < 65_536, notAPort);

/**
 * Returns a free port of `host`, for a process that must know its port before it listens. Use the port soon, because it
 * is not reserved.
 */
export async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port: free } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return free;
}

/**
 * The address of a server that accepts calls by IPv6 and IPv4: `::`. If the machine has no IPv6, or denies the list of
 * its network interfaces: `0.0.0.0`.
 */
export function allAddresses(): string {
  try {
    const addresses = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
    return addresses.some(({ family }) => family === 'IPv6') ? '::' : '0.0.0.0';
  } catch {
    return '0.0.0.0'; // some sandboxes deny the list of the network interfaces
  }
}

/** An integer from 1 to 1,000,000. */
export const count = z
  .string()
  .regex(/^[1-9]\d{0,6}$/, 'is no integer from 1 to 1,000,000')
  .transform(Number)
  .refine((number) => number <= 1_000_000, 'is no integer from 1 to 1,000,000');

/** The level of the log. The log leaves out all lines of a lower level. */
export const logLevel = z
  .enum(['trace', 'debug', 'info', 'warn', 'error'], 'is none of trace, debug, info, warn, error')
  .prefault('info')
  .meta({ description: 'Lowest level of the lines in the log: trace, debug, info, warn or error.', example: 'warn' });

const urlOf = (value: string): URL | undefined => (URL.canParse(value) ? new URL(value) : undefined);

const isOrigin = (value: string): boolean => {
  const url = urlOf(value);
  return url !== undefined && isSecureUrl(url) && url.href === `${url.origin}/`;
};

/**
 * Checks and normalizes an origin as {@link origin} does. `variable`: the schema of a text, which can have its own
 * message for an absent value.
 */
export const asOrigin = (variable: z.ZodString) =>
  variable
    .refine(isOrigin, 'is no origin such as https://api.cyclr.com: https (http on loopback), host and port only')
    .transform((value) => new URL(value).origin);

/**
 * An origin: https (http on loopback), without path, query, fragment and user info. The output is the origin of the
 * parsed URL, in lower case and without a final slash.
 */
export const origin = asOrigin(z.string());

/** The highest length of the public URL. The service also checks the length of its return addresses when it starts. */
const MAX_PUBLIC_URL = 500;

const isPublicUrl = (value: string): boolean => {
  const url = value.length <= MAX_PUBLIC_URL ? urlOf(value) : undefined;
  return url !== undefined && isSecureUrl(url) && url.href === `${url.origin}${url.pathname}`;
};

/** The URL of the service for browsers, possibly with a path. The output has no slash at its end. */
export const publicUrl = z
  .string()
  .refine(isPublicUrl, 'is no https URL (http on loopback) without user, query and fragment')
  .transform((value) => new URL(value).href.replace(/\/+$/, ''));

/**
 * Makes a Zod transform that calls `parse`. If `parse` throws a `Fault`, the message of the `Fault` becomes the fault
 * of the variable, so this message must quote no part of the value. The message of any other error is dropped.
 */
export const parsedBy =
  <T>(parse: (value: string) => T | Promise<T>, Fault: new (message: string) => Error) =>
  async (value: string, context: z.RefinementCtx<string>): Promise<T> => {
    try {
      return await parse(value);
    } catch (err) {
      context.addIssue(err instanceof Fault ? `is not usable: ${err.message}` : 'can not be read');
      return z.NEVER;
    }
  };

const text = z.string().optional();
const readableFile = z
  .string()
  .superRefine((file, context) => {
    const { fault } = textIn(file);
    if (fault) context.addIssue(fault);
  })
  .optional();

/**
 * The variables of Temporal's clients, for every process that connects to Temporal. `@temporalio/envconfig` reads these
 * variables (see `temporalTarget`). This schema checks and documents the variables.
 */
export const temporalEnvironment = z.object({
  TEMPORAL_ADDRESS: text.meta({
    description: 'Host and port of the Temporal server.',
    example: 'my-namespace.a1b2c.tmprl.cloud:7233',
    default: 'localhost:7233',
  }),
  TEMPORAL_NAMESPACE: text.meta({
    description: 'The namespace of all flows.',
    example: 'my-namespace.a1b2c',
    default: 'default',
  }),
  TEMPORAL_API_KEY: text.meta({
    description: 'API key, for example of Temporal Cloud. Switches TLS on.',
    example: 'eyJhbGciOiJFUzI1NiIs…',
    secret: true,
    file: true,
  }),
  TEMPORAL_TLS: z
    .enum(['true', 'false', '1', '0'], 'is neither true nor false')
    .optional()
    .meta({ description: 'Switches TLS on or off: `true` or `false`.', example: 'true' }),
  TEMPORAL_TLS_CLIENT_CERT_PATH: readableFile.meta({
    description: 'Client certificate for mutual TLS: a PEM file. `TEMPORAL_TLS_CLIENT_CERT_DATA` takes the PEM text.',
    example: '/run/secrets/client.pem',
  }),
  TEMPORAL_TLS_CLIENT_KEY_PATH: readableFile.meta({
    description:
      'Private key of the client certificate: a PEM file. `TEMPORAL_TLS_CLIENT_KEY_DATA` takes the PEM text.',
    example: '/run/secrets/client.key',
  }),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: readableFile.meta({
    description:
      'Certificate authority of the server: a PEM file. `TEMPORAL_TLS_SERVER_CA_CERT_DATA` takes the PEM text.',
    example: '/etc/ssl/temporal-ca.pem',
  }),
  TEMPORAL_TLS_SERVER_NAME: text.meta({
    description: 'Name that the certificate of the server must have, if it is not the host of the address.',
    example: 'temporal.internal.example',
  }),
  TEMPORAL_CONFIG_FILE: text.meta({
    description:
      'TOML file with profiles of these settings. The default is `temporalio/temporal.toml` in the configuration folder of the user. A variable overrides the profile.',
    example: '/etc/temporal.toml',
  }),
  TEMPORAL_PROFILE: text.meta({
    description: 'Profile of the TOML file.',
    example: 'production',
    default: 'default',
  }),
  PAYLOAD_CODECS: text.meta({
    description:
      'Path or package name of a module that exports `payloadCodecs`, a list of payload codecs of the Temporal SDK, for example for encryption. Worker, service and command line need the same codecs. See [library.md](library.md#payload-codecs).',
    example: '/etc/cyclr-connect/codecs.js',
  }),
});
