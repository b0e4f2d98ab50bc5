/** The environment variables of the worker. Only this file of the worker reads the environment. */
import { z } from 'zod';
import type { CyclrConfig } from '../activities/cyclr/client';
import type { ConsentPages } from '../activities/links';
import { readKeySet } from '../sealing/key-file';
import { KeySetError, privateKeysOf, type PrivateKeys } from '../sealing/keys';
import { asOrigin, parsedBy, port, readEnvironment, required } from '../temporal/environment';

export interface WorkerConfig {
  cyclr: CyclrConfig;
  keys: PrivateKeys;
  consent: ConsentPages;
  /** Port of /healthz and /readyz; 0 is any free port. */
  healthPort: number;
  /** The address on which /healthz and /readyz listen. The default is all addresses. */
  healthHost?: string;
  /** The task queue: `connector-auth` by default. */
  taskQueue?: string;
  /** The name of the worker deployment. Without a name, worker versioning is off. */
  deployment?: string;
}

export const environment = z.object({
  CYCLR_API_URL: asOrigin(required('the API domain of your Cyclr instance, such as https://api.cyclr.com')).meta({
    description: 'Origin of the API domain of your Cyclr instance. http is accepted on loopback only.',
    example: 'https://api.cyclr.com',
  }),
  CYCLR_SERVICE_URL: asOrigin(required('your partner service domain, such as https://yourcompany-h.cyclr.com')).meta({
    description: 'Origin of your partner service domain, where users give their consent.',
    example: 'https://yourcompany-h.cyclr.com',
  }),
  CYCLR_SIGN_IN_USERNAME: z.string().max(200, 'is over 200 characters').optional().meta({
    description: 'Name of the Cyclr user that is signed in for a consent. `{accountId}` is replaced.',
    example: 'connect-{accountId}@acme.example',
    default: 'onboarding-{accountId}',
  }),
  CYCLR_CLIENT_ID: required("the client id of your partner's API credentials").meta({
    description: 'Client id of your API credentials in Cyclr.',
    example: '3f0c7a52',
  }),
  CYCLR_CLIENT_SECRET: required("the client secret of your partner's API credentials").meta({
    description: 'Client secret of your API credentials in Cyclr.',
    example: 'p7Jq…',
    secret: true,
    file: true,
  }),
  SEALING_KEYS: required('a private JWK set, or the path of its file: `cyclr-connect keys generate` prints one')
    .transform(parsedBy(async (value) => privateKeysOf(await readKeySet(value)), KeySetError))
    .meta({
      description:
        'Private JWK set, or the path of its file. The first key seals, all open. All workers need the same set.',
      example: '/run/secrets/sealing-keys',
      secret: true,
      file: true,
    }),
  HEALTH_PORT: port.prefault('8081').meta({
    description: 'Port of `/healthz` and `/readyz`. 0 is any free port.',
    example: '8081',
  }),
  HEALTH_HOST: z.string().optional().meta({
    description:
      'Address of `/healthz` and `/readyz`. By default all addresses, because containers are probed from outside.',
    example: '127.0.0.1',
  }),
  TASK_QUEUE: z.string().max(200, 'is over 200 characters').optional().meta({
    description: 'Task queue of the flows. Worker, service and command line need the same value.',
    example: 'connector-auth-eu',
    default: 'connector-auth',
  }),
  WORKER_DEPLOYMENT: z
    .string()
    .optional()
    .meta({
      description:
        'Name of the worker deployment. Switches worker versioning on: the worker gets no task before ' +
        '`temporal worker deployment set-current-version`.',
      example: 'connector-auth',
    }),
});

/** Reads and checks everything before anything starts. Fails with a {@link ConfigError} that names every fault. */
export async function readConfig(env: NodeJS.ProcessEnv): Promise<WorkerConfig> {
  const variables = await readEnvironment(environment, env);
  return {
    cyclr: {
      apiUrl: variables.CYCLR_API_URL,
      clientId: variables.CYCLR_CLIENT_ID,
      clientSecret: variables.CYCLR_CLIENT_SECRET,
    },
    keys: variables.SEALING_KEYS,
    consent: { serviceUrl: variables.CYCLR_SERVICE_URL, username: variables.CYCLR_SIGN_IN_USERNAME },
    healthPort: variables.HEALTH_PORT,
    healthHost: variables.HEALTH_HOST,
    taskQueue: variables.TASK_QUEUE,
    deployment: variables.WORKER_DEPLOYMENT,
  };
}
