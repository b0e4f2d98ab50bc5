/** The only place of the worker that reads the environment. */
import { z } from 'zod';
import type { CyclrConfig } from '../activities/cyclr/client';
import type { ConsentPages } from '../activities/links';
import { readKeySet } from '../sealing/key-file';
import { privateKeysOf, type PrivateKeys } from '../sealing/keys';

export interface WorkerConfig {
  cyclr: CyclrConfig;
  keys: PrivateKeys;
  consent: ConsentPages;
  /** Where /healthz and /readyz are served; 0 is any free port. */
  healthPort: number;
  /** The name of the worker deployment; worker versioning is off without one. */
  deployment?: string;
}

/** All that is wrong with the environment, in one message. It quotes no value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const isLoopback = ({ hostname }: URL): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
const isOurUrl = (value: string): boolean => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url));
};

const notOurs = { message: 'is not an https URL (http is for this machine only)' };
const notAPort = { message: 'is no port number' };
const given = (hint: string) => z.string(`is not set: ${hint}`).min(1, `is empty: ${hint}`);
const Environment = z.object({
  CYCLR_API_URL: given('the API domain of your Cyclr instance, such as https://api.cyclr.com').refine(
    isOurUrl,
    notOurs,
  ),
  CYCLR_SERVICE_URL: given('your partner service domain, such as https://yourcompany-h.cyclr.com').refine(
    isOurUrl,
    notOurs,
  ),
  CYCLR_SIGN_IN_USERNAME: z.string().min(1, 'is empty: leave it out, or give a user name').max(200).optional(),
  CYCLR_CLIENT_ID: given("the client id of your partner's API credentials"),
  CYCLR_CLIENT_SECRET: given("the client secret of your partner's API credentials"),
  SEALING_KEYS: given('a private JWK set, or the path of a file of it: `cyclr-connect keys generate` prints one'),
  HEALTH_PORT: z
    .string()
    .regex(/^\d+$/, notAPort)
    .transform(Number)
    .refine((port) => port < 65_536, notAPort)
    .default(8081),
  WORKER_DEPLOYMENT: z.string().min(1, 'is empty: leave it out, or name the deployment').optional(),
});

/** Reads and checks everything before anything starts. Fails with a {@link ConfigError} that names all that is wrong. */
export async function readConfig(env: NodeJS.ProcessEnv): Promise<WorkerConfig> {
  const { data, error } = Environment.safeParse(env);
  const problems = error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`) ?? [];
  const keys = await readKeys(env.SEALING_KEYS, problems);
  if (!data || !keys) throw new ConfigError(problems.join('\n'));
  const { CYCLR_API_URL: apiUrl, CYCLR_CLIENT_ID: clientId, CYCLR_CLIENT_SECRET: clientSecret } = data;
  const consent = { serviceUrl: data.CYCLR_SERVICE_URL, username: data.CYCLR_SIGN_IN_USERNAME };
  const { HEALTH_PORT: healthPort, WORKER_DEPLOYMENT: deployment } = data;
  return { cyclr: { apiUrl, clientId, clientSecret }, keys, consent, healthPort, deployment };
}

async function readKeys(value: string | undefined, problems: string[]): Promise<PrivateKeys | undefined> {
  if (!value) return undefined;
  try {
    return await privateKeysOf(await readKeySet(value));
  } catch (err) {
    problems.push(`SEALING_KEYS ${err instanceof Error ? err.message : 'can not be read'}`);
    return undefined;
  }
}
