/** The environment variables of the worker. No other file of the worker reads environment variables. */
import { z } from 'zod';
import type { CyclrConfig } from '../activities/cyclr/client';
import type { Targets } from '../activities';
import type { ConsentPages } from '../activities/links';
import { Policies, PolicyError } from '../activities/policies/policies';
import { readKeySet } from '../sealing/key-file';
import { KeySetError, privateKeysOf, type PrivateKeys } from '../sealing/keys';
import {
  allAddresses,
  asOrigin,
  ConfigError,
  count,
  freePort,
  logLevel,
  parsedBy,
  port,
  readEnvironment,
  required,
} from '../temporal/environment';
import { otlpEnvironment, otlpMetricsOf, otlpTracesOf, type OtlpTraces } from '../temporal/otlp';
import { isMonitorEvery } from '../workflows/connection';
import type { Duration } from '../workflows/connector';
import { defaultTarget } from '../workflows/events';
import type { LogLevel } from './logger';
import { address, insecureTargets, readTargets, secretList, TargetsError } from './targets';
import type { MetricsExport } from './telemetry';

export interface WorkerConfig {
  cyclr: CyclrConfig;
  keys: PrivateKeys;
  consent: ConsentPages;
  /** The receivers of events, by name. */
  targets: Targets;
  /** The operator's policies, and the path of their file. */
  policies?: Policies;
  policiesFile?: string;
  /**
   * The time between two reads of a connection whose policy has no `monitor`. If `monitorEvery` is absent, such a
   * connection is not monitored.
   */
  monitorEvery?: Duration;
  /** Port of /healthz and /readyz. 0 means any free port. */
  healthPort: number;
  /** The address on which /healthz and /readyz listen. The default is all addresses. */
  healthHost?: string;
  /** The task queue: `connector-auth` by default. */
  taskQueue?: string;
  /** The name of the worker deployment. Without a name, worker versioning is off. */
  deployment?: string;
  /** The exporter of the metrics; none by default. */
  metrics?: MetricsExport;
  /** The export of the traces; none by default. */
  traces?: OtlpTraces;
  logLevel: LogLevel;
  /** The limits that replace the default limits of `createWorker`. */
  limits: {
    maxCachedWorkflows?: number;
    maxConcurrentActivityTaskExecutions?: number;
    maxTaskQueueActivitiesPerSecond?: number;
  };
  /**
   * `off` switches off the guard, which protects runs from a fault of the Temporal SDK in queries (see
   * `workflows/read-ahead.ts`).
   */
  queryGuard?: 'on' | 'off';
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
  CYCLR_SIGN_IN_USERNAME: z
    .string()
    .max(200, 'is over 200 characters')
    .optional()
    .meta({
      description:
        'Name of a Cyclr user. For a consent, a link signs the browser in as this user. Cyclr creates the user if it does not ' +
        'exist. `{accountId}` stands for the account id.',
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
        'Private JWK set, or the path of its file. Values are sealed to the first key. A worker can open values that are sealed to any key of the set. All workers need the same set.',
      example: '/run/secrets/sealing-keys',
      secret: true,
      file: true,
    }),
  WEBHOOK_URL: address.optional().meta({
    description:
      'Address that gets the events of all flows: an https address, or http on loopback. `WEBHOOK_ALLOW_HTTP` allows other http addresses, too. See [events.md](events.md).',
    example: 'https://hooks.acme.example/cyclr-connect',
  }),
  WEBHOOK_SECRETS: secretList.optional().meta({
    description:
      'Comma-separated secrets, each `whsec_…`. The worker signs each event for `WEBHOOK_URL` with each secret.',
    example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    secret: true,
    file: true,
  }),
  WEBHOOKS: z.string().transform(parsedBy(readTargets, TargetsError)).optional().meta({
    description:
      'YAML file with further targets for events. Each target has a name, a `url`, `secrets`, and optionally `types`. A session, or the start of a flow or an onboarding, names its targets by `notify`.',
    example: '/run/secrets/webhooks.yaml',
  }),
  WEBHOOK_ALLOW_HTTP: z.enum(['1', '0'], 'is neither 1 nor 0').optional().meta({
    description:
      'With 1, receivers of events may have http addresses that are not on loopback, for example in a private network.',
    example: '1',
    default: '0',
  }),
  CONNECTOR_POLICIES: z
    .string()
    .transform(parsedBy(async (path) => ({ path, policies: await Policies.read(path) }), PolicyError))
    .optional()
    .meta({
      description:
        "YAML file of the operator's policies for connectors: see policies.md. The worker reads the file again when the file changes.",
      example: '/etc/cyclr-connect/policies.yaml',
    }),
  MONITOR_EVERY: z
    .string()
    .refine(
      (value) => value === 'off' || isMonitorEvery(value),
      'is neither off nor a duration of 1 minute to 90 days, such as "24 hours"',
    )
    .optional()
    .meta({
      description:
        'Time between two reads of a connection: 1 minute to 90 days. Switches monitoring on, except where a policy says ' +
        '`monitor: off`. See [monitoring.md](monitoring.md).',
      example: '24 hours',
      default: 'off',
    }),
  HEALTH_PORT: port.prefault('8081').meta({
    description: 'Port of `/healthz` and `/readyz`. 0 is any free port.',
    example: '8081',
  }),
  HEALTH_HOST: z.string().optional().meta({
    description:
      'Address of `/healthz` and `/readyz`. By default all addresses, IPv6 and IPv4, because containers are probed from outside.',
    example: '127.0.0.1',
  }),
  METRICS_PORT: port.optional().meta({
    description:
      'Port of `GET /metrics` for Prometheus, on the address of HEALTH_HOST. 0 is any free port. Without METRICS_PORT, ' +
      'the metrics go to the OpenTelemetry collector of OTEL_EXPORTER_OTLP_ENDPOINT, if that variable is set.',
    example: '9464',
  }),
  ...otlpEnvironment,
  LOG_LEVEL: logLevel,
  MAX_CACHED_WORKFLOWS: count.optional().meta({
    description: 'Number of workflows whose state the worker keeps in memory.',
    example: '5000',
    default: '1000',
  }),
  MAX_CONCURRENT_ACTIVITIES: count.optional().meta({
    description: 'Number of activity attempts that the worker runs at once.',
    example: '200',
    default: '100',
  }),
  CYCLR_REQUESTS_PER_SECOND: count.optional().meta({
    description:
      'Highest number of activities that all workers of the task queue together start in a second. Most activities call ' +
      'Cyclr once or a few times; the read of all connectors of an account makes a call for each page. All workers need the ' +
      'same value.',
    example: '20',
    default: 'no limit',
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
  QUERY_GUARD: z.enum(['on', 'off'], 'is neither on nor off').optional().meta({
    description:
      'Guard against a fault of the Temporal SDK: see docs/upstream/query-reads-ahead.md. `off` switches the guard off.',
    example: 'off',
    default: 'on',
  }),
});

type Variables = z.output<typeof environment>;

/** The targets that the environment variables configure. Fails with a {@link ConfigError}. */
function targetsIn({ WEBHOOK_URL: url, WEBHOOK_SECRETS: secrets, ...variables }: Variables): Targets {
  if (url !== undefined && !secrets) throw new ConfigError('WEBHOOK_SECRETS is not set: WEBHOOK_URL needs a secret');
  if (url === undefined && secrets) throw new ConfigError('WEBHOOK_URL is not set, but WEBHOOK_SECRETS is');
  const targets = { ...variables.WEBHOOKS, ...(url !== undefined && secrets && { [defaultTarget]: { url, secrets } }) };
  const insecure = variables.WEBHOOK_ALLOW_HTTP === '1' ? [] : insecureTargets(targets);
  const places = insecure.map((name) => (name === defaultTarget ? 'WEBHOOK_URL' : `${name} in WEBHOOKS`));
  if (insecure.length === 0) return targets;
  throw new ConfigError(`${places.join(', ')}: is http, and not on loopback. WEBHOOK_ALLOW_HTTP=1 allows it`);
}

const limitsOf = ({
  MAX_CACHED_WORKFLOWS: cached,
  MAX_CONCURRENT_ACTIVITIES: activities,
  ...variables
}: Variables): WorkerConfig['limits'] => ({
  ...(cached !== undefined && { maxCachedWorkflows: cached }),
  ...(activities !== undefined && { maxConcurrentActivityTaskExecutions: activities }),
  ...(variables.CYCLR_REQUESTS_PER_SECOND !== undefined && {
    maxTaskQueueActivitiesPerSecond: variables.CYCLR_REQUESTS_PER_SECOND,
  }),
});

/**
 * Chooses the exporter of the metrics: Prometheus at METRICS_PORT or, without METRICS_PORT, the collector that the
 * variables `OTEL_*` name. Without METRICS_PORT and a collector, the worker exports no metrics.
 */
async function metricsExportOf(variables: Variables): Promise<MetricsExport | undefined> {
  const { METRICS_PORT: given, HEALTH_HOST } = variables;
  if (given === undefined) return otlpMetricsOf(variables);
  const host = HEALTH_HOST ?? allAddresses();
  return { host, port: given || (await freePort(host)) }; // for port 0, the SDK does not tell which port it uses
}

/**
 * Reads and checks all environment variables of the worker. Fails with a {@link ConfigError} that names every fault.
 */
export async function readConfig(env: NodeJS.ProcessEnv): Promise<WorkerConfig> {
  const variables = await readEnvironment(environment, env);
  return {
    cyclr: {
      apiUrl: variables.CYCLR_API_URL,
      clientId: variables.CYCLR_CLIENT_ID,
      clientSecret: variables.CYCLR_CLIENT_SECRET,
    },
    keys: variables.SEALING_KEYS,
    targets: targetsIn(variables),
    consent: { serviceUrl: variables.CYCLR_SERVICE_URL, username: variables.CYCLR_SIGN_IN_USERNAME },
    policies: variables.CONNECTOR_POLICIES?.policies,
    policiesFile: variables.CONNECTOR_POLICIES?.path,
    ...(variables.MONITOR_EVERY !== 'off' && { monitorEvery: variables.MONITOR_EVERY }),
    healthPort: variables.HEALTH_PORT,
    healthHost: variables.HEALTH_HOST,
    metrics: await metricsExportOf(variables),
    traces: otlpTracesOf(variables, 'cyclr-connect-worker'),
    logLevel: variables.LOG_LEVEL.toUpperCase() as LogLevel,
    limits: limitsOf(variables),
    taskQueue: variables.TASK_QUEUE,
    deployment: variables.WORKER_DEPLOYMENT,
    queryGuard: variables.QUERY_GUARD,
  };
}
