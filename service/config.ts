/** The only place of the service that reads the environment. */
import { z } from 'zod';
import { readKeySet } from '../sealing/key-file';
import { KeySetError, keySetOf, publicHalf, publicKeyOf, type KeySet, type SealingKey } from '../sealing/keys';
import { isSecureUrl } from '../workflows/connector';
import { apiKeysOf, type ApiKeys } from './api-keys';
import { isColor, isLogo, type Brand } from './brand';
import { sessionKeysOf, type SessionKeys } from './keys';

/** What users' values are sealed to: the public half of the workers' keys. */
export interface SealingKeys {
  set: KeySet;
  /** The one that seals. */
  key: SealingKey;
}

export interface ServiceConfig {
  /** Where browsers find the service; without a slash at its end. It may have a path. */
  publicUrl: string;
  /** 127.0.0.1, unless a PUBLIC_URL is given: then all addresses. */
  host: string;
  port: number;
  /** There are no metrics without one. */
  metricsPort?: number;
  apiKeys: ApiKeys;
  sessionKeys: SessionKeys;
  /** The workers' task queue; `connector-auth` by default. */
  taskQueue?: string;
  /** Origins that may embed it, beside its own. */
  allowedOrigins: readonly string[];
  sealing: SealingKeys;
  /** How the pages look; plain by default. */
  brand?: Brand;
  /** What is not wrong, but should not be. */
  warnings: string[];
}

/** All that is wrong with the environment, in one message. It quotes no value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const DEFAULT_PORT = '8080';
/** The link that Cyclr is given is at most 2,000 characters, and most of that is the attempt. */
const MAX_PUBLIC_URL = 500;

const isBare = ({ username, password, search, hash }: URL): boolean => `${username}${password}${search}${hash}` === '';

const isPublicUrl = (value: string): boolean => {
  const url = URL.canParse(value) && value.length <= MAX_PUBLIC_URL ? new URL(value) : undefined;
  return url !== undefined && isSecureUrl(url) && isBare(url);
};
const isOrigin = (value: string): boolean =>
  URL.canParse(value) && isSecureUrl(new URL(value)) && new URL(value).origin === value;
const listOf = (value: string): string[] => value.split(',').map((item) => item.trim());

const given = (hint: string) => z.string(`is not set: ${hint}`).min(1, `is empty: ${hint}`);
const port = z
  .string()
  .regex(/^\d+$/, 'is no port number')
  .transform(Number)
  .refine((number) => number > 0 && number < 65_536, 'is no port number');

const Environment = z.object({
  PUBLIC_URL: z
    .string()
    .refine(isPublicUrl, 'is not an https URL (http is for this machine only) without user, query and fragment')
    .transform((url) => new URL(url).href.replace(/\/+$/, ''))
    .optional(),
  PORT: port.default(Number(DEFAULT_PORT)),
  METRICS_PORT: port.optional(),
  TASK_QUEUE: z.string().max(200, 'is over 200 characters').optional(),
  SERVICE_API_KEYS: given(
    "comma-separated SHA-256 digests of your backends' keys: `cyclr-connect keys hash` makes one",
  ),
  SESSION_KEYS: given('a JWK set of symmetric keys, or the path of a file of it'),
  ALLOWED_ORIGINS: z
    .string()
    .transform(listOf)
    .refine(
      (origins) => origins.every(isOrigin),
      'is not a comma-separated list of origins such as https://app.acme.example',
    )
    .default([]),
  SEALING_KEYS: given(
    "the public half of the workers' JWK set, or the path of a file of it: `cyclr-connect keys public` prints it",
  ),
  BRAND_NAME: z.string().min(1, 'is empty').max(60, 'is over 60 characters').optional(),
  BRAND_COLOR: z.string().refine(isColor, 'is no colour such as #2f4fd0').optional(),
  BRAND_LOGO: z
    .string()
    .refine(isLogo, 'is neither an https URL nor a data URI of an image in base64, at most 64 KiB')
    .optional(),
});

/** Reads and checks everything before anything starts. Fails with a {@link ConfigError} that names all that is wrong. */
export async function readConfig(env: NodeJS.ProcessEnv): Promise<ServiceConfig> {
  const { data, error } = Environment.safeParse(env);
  const problems = error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`) ?? [];
  const apiKeys = await parsed('SERVICE_API_KEYS', async (digests) => apiKeysOf(listOf(digests)));
  const sessionKeys = await parsed('SESSION_KEYS', async (keys) => sessionKeysOf(await readKeySet(keys)));
  const sealing = await parsed('SEALING_KEYS', async (keys) => sealingKeysOf(await readKeySet(keys)));
  if (!data || !apiKeys || !sessionKeys || !sealing) throw new ConfigError(problems.join('\n'));
  return {
    publicUrl: data.PUBLIC_URL ?? `http://127.0.0.1:${data.PORT}`,
    host: data.PUBLIC_URL === undefined ? '127.0.0.1' : '0.0.0.0',
    port: data.PORT,
    metricsPort: data.METRICS_PORT,
    taskQueue: data.TASK_QUEUE || undefined,
    apiKeys,
    sessionKeys,
    allowedOrigins: data.ALLOWED_ORIGINS,
    brand: { name: data.BRAND_NAME, color: data.BRAND_COLOR, logo: data.BRAND_LOGO },
    ...sealing,
  };

  /** What a variable's text means; what is wrong with it goes to the other problems. */
  async function parsed<T>(name: string, parse: (value: string) => Promise<T>): Promise<T | undefined> {
    const value = env[name];
    if (!value) return undefined; // said already
    return parse(value).catch((err: unknown) => {
      problems.push(`${name} ${err instanceof KeySetError ? err.message : 'can not be read'}`);
      return undefined;
    });
  }
}

const HOLDS_PRIVATE =
  'SEALING_KEYS holds a private key. Only workers need one: give the service what `cyclr-connect keys public` prints.';

async function sealingKeysOf(text: string): Promise<{ sealing: SealingKeys; warnings: string[] }> {
  const keys = await keySetOf(text);
  const warnings = keys.keys.some(({ d }) => d !== undefined) ? [HOLDS_PRIVATE] : [];
  return { sealing: { set: publicHalf(keys), key: await publicKeyOf(text) }, warnings };
}
