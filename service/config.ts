/** The environment variables of the service. Only this file of the service reads the environment. */
import { z } from 'zod';
import { readKeySet } from '../sealing/key-file';
import { KeySetError, keySetOf, publicHalf, publicKeyOf, type KeySet, type SealingKey } from '../sealing/keys';
import {
  allAddresses,
  freePort,
  logLevel,
  parsedBy,
  port,
  publicUrl,
  readEnvironment,
  required,
} from '../temporal/environment';
import { otlpTracesOf, tracesEnvironment, type OtlpTraces } from '../temporal/otlp';
import { isSecureUrl } from '../workflows/connector';
import { isColor, isLink, isLogo, type Brand } from './brand';
import { apiKeysOf, sessionKeysOf, type ApiKeys, type SessionKeys } from './keys';

/** The public half of the workers' keys. */
export interface SealingKeys {
  set: KeySet;
  /** The first key of `set`. The service seals values to this key. */
  key: SealingKey;
}

export interface ServiceConfig {
  /** The URL of the service for browsers, without a slash at its end. The URL may have a path. */
  publicUrl: string;
  /**
   * The address on which the service listens. Without PUBLIC_URL: 127.0.0.1. With PUBLIC_URL: all addresses, IPv6 and
   * IPv4.
   */
  host: string;
  port: number;
  /** The port of the metrics. 0 means any free port. Without this port, the service serves no metrics. */
  metricsPort?: number;
  /** The export of the traces; none by default. */
  traces?: OtlpTraces;
  logLevel: z.output<typeof logLevel>;
  apiKeys: ApiKeys;
  sessionKeys: SessionKeys;
  /** The task queue of the workers. The default is `connector-auth`. */
  taskQueue?: string;
  /** Origins of other sites that may embed the element. */
  allowedOrigins: readonly string[];
  sealing: SealingKeys;
  brand?: Brand;
  /**
   * The last part of the path of the webhook to which Cyclr posts transaction errors. Without this value, the service
   * has no such webhook.
   */
  cyclrWebhookSecret?: string;
  /** Warnings about settings that work, but that an operator should change. */
  warnings: string[];
}

/**
 * True for an origin without a wildcard. The URL parser accepts a wildcard as a host, but no browser sends an origin
 * with a wildcard.
 */
const isOrigin = (value: string): boolean =>
  URL.canParse(value) && isSecureUrl(new URL(value)) && new URL(value).origin === value && !value.includes('*');
const listOf = (value: string): string[] => value.split(',').map((item) => item.trim());

const link = z.string().refine(isLink, 'is no https URL (http on loopback) of at most 500 characters');

export const environment = z.object({
  PUBLIC_URL: publicUrl.optional().meta({
    description:
      'URL of the service for browsers: https (http on loopback), also with a path; at most about 180 characters. ' +
      'With this variable, the service listens on all addresses, IPv6 and IPv4. Without it, the service listens only on 127.0.0.1.',
    example: 'https://connect.acme.example',
    default: 'http://127.0.0.1:{PORT}',
  }),
  PORT: port.prefault('8080').meta({ description: 'Port of the service. 0 is any free port.', example: '8080' }),
  METRICS_PORT: port.optional().meta({
    description:
      'Port of `GET /metrics` for Prometheus, on the same addresses as PORT. 0 is any free port. Without this variable, the service serves no metrics.',
    example: '9090',
  }),
  ...tracesEnvironment,
  LOG_LEVEL: logLevel,
  TASK_QUEUE: z.string().max(200, 'is over 200 characters').optional().meta({
    description: 'Task queue of the flows. Worker, service and command line need the same value.',
    example: 'connector-auth-eu',
    default: 'connector-auth',
  }),
  SERVICE_API_KEYS: required(
    "`name:digest` of each of your backends' keys, comma-separated: see `cyclr-connect keys hash --name NAME`",
  )
    .transform(parsedBy((value) => apiKeysOf(listOf(value)), KeySetError))
    .meta({
      description:
        "The API keys of your backends, comma-separated: `name:digest`, with the key's SHA-256 digest in hex. " +
        '`cyclr-connect keys hash --name NAME` prints such an item. The name is optional: 1 to 40 characters of A-Z, a-z, 0-9, ' +
        '`.`, `_` and `-`. Timelines and audit show the name. To replace a key, list the old and the new key, under two names, until your ' +
        'backends use the new key.',
      example: 'crm:1519f4d5e6a418350ce700029508b6b271e44c0cca047ce65c94c94c6b76a9c6',
      file: true,
    }),
  SESSION_KEYS: required('a JWK set of symmetric keys, or the path of its file')
    .transform(parsedBy(async (value) => sessionKeysOf(await readKeySet(value)), KeySetError))
    .meta({
      description:
        'JWK set of symmetric keys of at least 256 bits, or the path of its file. The first key signs tokens, and all keys verify tokens.',
      example: '/run/secrets/session-keys',
      secret: true,
      file: true,
    }),
  ALLOWED_ORIGINS: z
    .string()
    .refine(
      (value) => listOf(value).every(isOrigin),
      'is not a comma-separated list of origins such as https://app.acme.example',
    )
    .transform(listOf)
    .optional()
    .meta({
      description:
        'Origins of sites that may embed the element, and to which users may return; comma-separated. The origin of ' +
        'PUBLIC_URL is always allowed.',
      example: 'https://app.acme.example',
    }),
  SEALING_KEYS: required(
    "the public half of the workers' JWK set, or the path of its file: see `cyclr-connect keys public`",
  )
    .transform(parsedBy(async (value) => sealingKeysOf(await readKeySet(value)), KeySetError))
    .meta({
      description:
        "Public half of the workers' JWK set, or the path of its file: `cyclr-connect keys public` prints it. The " +
        'service warns when the set has a private key.',
      example: '/run/secrets/public-sealing-keys',
      file: true,
    }),
  CYCLR_WEBHOOK_SECRET: z
    .string()
    .regex(/^[A-Za-z0-9_-]{32,200}$/, 'is no text of 32 to 200 characters of A-Z, a-z, 0-9, _ and -')
    .optional()
    .meta({
      description:
        "Last part of the path of Cyclr's transaction-error webhook, `/v1/cyclr/transaction-errors/{secret}`: 32 to 200 " +
        'characters of A-Z, a-z, 0-9, _ and -. Without this variable, the service does not have this path. See [monitoring.md](monitoring.md).',
      example: 'x3J9mQ2vT7bK5nR8wL4cF6hD1sG0pZyA',
      secret: true,
      file: true,
    }),
  BRAND_NAME: z.string().max(60, 'is over 60 characters').optional().meta({
    description: 'Name of your company on the pages, at most 60 characters.',
    example: 'Acme Cloud',
  }),
  BRAND_COLOR: z.string().refine(isColor, 'is no colour such as #2f4fd0').optional().meta({
    description:
      'Colour of buttons and links. The text on a button is black or white: the colour with the higher contrast.',
    example: '#0f766e',
  }),
  BRAND_COLOR_DARK: z.string().refine(isColor, 'is no colour such as #2f4fd0').optional().meta({
    description: 'BRAND_COLOR for the dark theme.',
    example: '#5eead4',
    default: 'BRAND_COLOR, lightened to a contrast of 4.5 : 1',
  }),
  BRAND_LOGO: z
    .string()
    .refine(isLogo, 'is neither an https URL nor a data URI of an image in base64, at most 64 KiB')
    .optional()
    .meta({
      description: 'Logo on the pages: an https URL, or a data URI of an image in base64 of at most 64 KiB.',
      example: 'https://acme.example/logo.svg',
    }),
  SUPPORT_URL: link.optional().meta({
    description: 'Address of your support, for a link at the end of each page: https (http on loopback).',
    example: 'https://acme.example/support',
  }),
  PRIVACY_URL: link.optional().meta({
    description: 'Address of your privacy policy, for a link at the end of each page: https (http on loopback).',
    example: 'https://acme.example/privacy',
  }),
  TERMS_URL: link.optional().meta({
    description: 'Address of your terms of use, for a link at the end of each page: https (http on loopback).',
    example: 'https://acme.example/terms',
  }),
});

/**
 * Reads and checks all environment variables of the service. Fails with a {@link ConfigError} that names every fault.
 */
export async function readConfig(env: NodeJS.ProcessEnv): Promise<ServiceConfig> {
  const variables = await readEnvironment(environment, env);
  const host = variables.PUBLIC_URL === undefined ? '127.0.0.1' : allAddresses();
  // The service needs its URL before it listens, because tokens name this URL as their issuer.
  const listeningPort = variables.PORT || (await freePort(host));
  return {
    publicUrl: variables.PUBLIC_URL ?? `http://127.0.0.1:${listeningPort}`,
    host,
    port: listeningPort,
    metricsPort: variables.METRICS_PORT,
    traces: otlpTracesOf(variables, 'cyclr-connect-service'),
    logLevel: variables.LOG_LEVEL,
    taskQueue: variables.TASK_QUEUE,
    apiKeys: variables.SERVICE_API_KEYS,
    sessionKeys: variables.SESSION_KEYS,
    allowedOrigins: variables.ALLOWED_ORIGINS ?? [],
    brand: {
      name: variables.BRAND_NAME,
      color: variables.BRAND_COLOR,
      colorDark: variables.BRAND_COLOR_DARK,
      logo: variables.BRAND_LOGO,
      links: { support: variables.SUPPORT_URL, privacy: variables.PRIVACY_URL, terms: variables.TERMS_URL },
    },
    cyclrWebhookSecret: variables.CYCLR_WEBHOOK_SECRET,
    ...variables.SEALING_KEYS,
  };
}

const HOLDS_PRIVATE =
  'SEALING_KEYS has a private key. The service needs only the output of `cyclr-connect keys public`: replace it.';

async function sealingKeysOf(text: string): Promise<{ sealing: SealingKeys; warnings: string[] }> {
  const keys = await keySetOf(text);
  const warnings = keys.keys.some(({ d }) => d !== undefined) ? [HOLDS_PRIVATE] : [];
  return { sealing: { set: publicHalf(keys), key: await publicKeyOf(text) }, warnings };
}
