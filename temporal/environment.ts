/**
 * Environment variables. Each process has one object schema, called `environment`: a property for each variable. The
 * schema checks the variables and documents them: `.meta({ description, example, secret?, default? })`. `npm run
 * configuration` writes docs/configuration.md from these schemas.
 */
import { z } from 'zod';

/** Lists all faults of the environment, one on each line. The message quotes no value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads the variables of a schema. An empty variable counts as not set.
 * Fails with a {@link ConfigError} that names every fault.
 */
export async function readEnvironment<Schema extends z.ZodObject>(
  schema: Schema,
  env: NodeJS.ProcessEnv,
): Promise<z.output<Schema>> {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value));
  const { data, error } = await schema.safeParseAsync(set);
  if (data) return data;
  throw new ConfigError(error!.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('\n'));
}

/** A required variable. `hint`: the allowed values, for the error message. */
export const required = (hint: string) => z.string(`is not set: ${hint}`);

const notAPort = { message: 'is no port number' };

/** A port number. 0 is any free port. */
export const port = z
  .string()
  .regex(/^\d{1,5}$/, notAPort)
  .transform(Number)
  .refine((number) => number < 65_536, notAPort);

/**
 * A transform by a function that can fail. The message of a `Fault` is reported as the variable's fault, so this
 * message must quote no part of the value. The message of any other error is dropped.
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

/**
 * The variables of Temporal's clients, for every process that connects to Temporal. `@temporalio/envconfig` reads them
 * (see {@link temporalTarget}); this schema documents them.
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
  }),
  TEMPORAL_TLS: text.meta({ description: 'Switches TLS on or off.', example: 'true' }),
  TEMPORAL_TLS_CLIENT_CERT_PATH: text.meta({
    description: 'Client certificate for mutual TLS: a PEM file. `TEMPORAL_TLS_CLIENT_CERT_DATA` takes the PEM text.',
    example: '/run/secrets/client.pem',
  }),
  TEMPORAL_TLS_CLIENT_KEY_PATH: text.meta({
    description:
      'Private key of the client certificate: a PEM file. `TEMPORAL_TLS_CLIENT_KEY_DATA` takes the PEM text.',
    example: '/run/secrets/client.key',
  }),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: text.meta({
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
      'TOML file with profiles of these settings. Without it, `temporalio/temporal.toml` in the configuration folder of the user. A variable overrides the profile.',
    example: '/etc/temporal.toml',
  }),
  TEMPORAL_PROFILE: text.meta({
    description: 'Profile of the TOML file.',
    example: 'production',
    default: 'default',
  }),
});
