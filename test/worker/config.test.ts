import { join } from 'node:path';
import { generateKey } from '../../sealing/keys';
import { createSecret } from '../support/receiver';
import { readConfig } from '../../worker/config';
import { temporaryFolder, write } from '../scripts/parts/scene';

const right = async () => ({
  CYCLR_API_URL: 'https://api.cyclr.com/',
  CYCLR_SERVICE_URL: 'https://acme-h.cyclr.com',
  CYCLR_CLIENT_ID: 'id',
  CYCLR_CLIENT_SECRET: 'hunter2',
  SEALING_KEYS: JSON.stringify({ keys: [await generateKey()] }),
});

test('readConfig removes a slash at the end of an origin, and reads an empty variable as not set', async () => {
  const config = await readConfig({ ...(await right()), CYCLR_SIGN_IN_USERNAME: '', HEALTH_PORT: '' });

  expect(config).toMatchObject({
    cyclr: { apiUrl: 'https://api.cyclr.com', clientId: 'id', clientSecret: 'hunter2' },
    consent: { serviceUrl: 'https://acme-h.cyclr.com', username: undefined },
    healthPort: 8081,
  });
});

test('the error of readConfig names every fault in one message, and quotes no value', async () => {
  const env = {
    CYCLR_API_URL: 'hunter2',
    CYCLR_CLIENT_ID: '',
    CYCLR_CLIENT_SECRET: 'hunter2',
    SEALING_KEYS: 'hunter2',
  };

  const message = await readConfig(env).catch((err: Error) => err.message);

  expect(message).toMatch(/^CYCLR_API_URL is no origin .*\nCYCLR_SERVICE_URL is not set.*\nCYCLR_CLIENT_ID is not set/);
  expect(message).toMatch(/^SEALING_KEYS is not usable: neither a JWK set nor the path of a file that can be read/m);
  expect(message).not.toContain('hunter2');
});

test('readConfig returns an origin in the normal form of the URL parser: lower case, without a slash at the end', async () => {
  const env = {
    ...(await right()),
    CYCLR_API_URL: 'HTTP://LOCALHOST:7080/',
    CYCLR_SERVICE_URL: 'HTTPS://Acme.Example',
  };

  expect(await readConfig(env)).toMatchObject({
    cyclr: { apiUrl: 'http://localhost:7080' },
    consent: { serviceUrl: 'https://acme.example' },
  });
});

test.each([
  ['24 hours', '24 hours'],
  ['off', undefined],
])('MONITOR_EVERY=%s sets the interval %s', async (MONITOR_EVERY, monitorEvery) => {
  expect((await readConfig({ ...(await right()), MONITOR_EVERY })).monitorEvery).toBe(monitorEvery);
});

test('readConfig reads the secrets from files', async () => {
  const { CYCLR_CLIENT_SECRET, SEALING_KEYS, ...env } = await right();
  const folder = temporaryFolder();

  const config = await readConfig({
    ...env,
    CYCLR_CLIENT_SECRET_FILE: write(join(folder, 'secret'), `${CYCLR_CLIENT_SECRET}\n`),
    SEALING_KEYS_FILE: write(join(folder, 'keys'), SEALING_KEYS),
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318',
    OTEL_EXPORTER_OTLP_HEADERS_FILE: write(join(folder, 'headers'), 'api-key=hunter2\n'),
  });

  expect(config.cyclr.clientSecret).toBe(CYCLR_CLIENT_SECRET);
  expect(config.keys).toHaveLength(1);
  for (const exported of [config.metrics, config.traces])
    expect(exported).toMatchObject({ headers: { 'api-key': 'hunter2' } });
});

test('the error for an empty key file names the variable and the file', async () => {
  const faults = await readConfig({ ...(await right()), SEALING_KEYS: '/dev/null' }).catch((err: Error) => err.message);

  expect(faults).toBe('SEALING_KEYS is not usable: the file is empty');
});

test.each([
  'http://api.cyclr.com',
  'HTTP://api.cyclr.com',
  'ftp://api.cyclr.com',
  'https://api.cyclr.com/v1.0',
  'https://api.cyclr.com?x=1',
  'https://api.cyclr.com#x',
  'https://user:password@api.cyclr.com',
])('readConfig refuses CYCLR_API_URL %p', async (CYCLR_API_URL) => {
  await expect(readConfig({ ...(await right()), CYCLR_API_URL })).rejects.toThrow(/^CYCLR_API_URL is no origin/);
});

test('readConfig refuses SEALING_KEYS without a private part', async () => {
  const { d: _, ...publicKey } = await generateKey();

  const reading = readConfig({ ...(await right()), SEALING_KEYS: JSON.stringify({ keys: [publicKey] }) });

  await expect(reading).rejects.toThrow('SEALING_KEYS is not usable: key 1 of the JWK set has no private part');
});

test.each(['a', '-1', '65536', '80.5'])('readConfig refuses HEALTH_PORT %p', async (HEALTH_PORT) => {
  await expect(readConfig({ HEALTH_PORT })).rejects.toThrow(/^HEALTH_PORT is no port number$/m);
});

test('QUERY_GUARD accepts on and off, and refuses any other value', async () => {
  const env = await right();

  expect((await readConfig({ ...env, QUERY_GUARD: 'off' })).queryGuard).toBe('off');
  await expect(readConfig({ ...env, QUERY_GUARD: '0' })).rejects.toThrow('QUERY_GUARD is neither on nor off');
});

describe('targets of events', () => {
  const url = 'https://hooks.acme.example/cyclr?token=hunter2';
  const secret = createSecret();
  const fileOf = (content: string) => write(join(temporaryFolder(), 'webhooks.yaml'), content);
  const targetOf = (more = '') => `crm:\n  url: ${url}\n  secrets: [${secret}]\n${more}`;

  /** Returns the error of readConfig with the environment variables `env`. */
  const refusal = async (env: NodeJS.ProcessEnv) =>
    readConfig({ ...(await right()), ...env }).then(
      () => 'accepted',
      (err: Error) => `${err.name}: ${err.message}`,
    );

  test('the targets of events are the targets of the file WEBHOOKS, and the target `default` with WEBHOOK_URL and all WEBHOOK_SECRETS', async () => {
    const older = createSecret();
    const env = { ...(await right()), WEBHOOK_URL: url, WEBHOOK_SECRETS: `${older}, ${secret}` };

    const { targets } = await readConfig({ ...env, WEBHOOKS: fileOf(targetOf('  types: [connector.failed]')) });

    expect(targets).toEqual({
      default: { url, secrets: [older, secret] },
      crm: { url, secrets: [secret], types: ['connector.failed'] },
    });
    expect((await readConfig(await right())).targets).toEqual({});
  });

  const tooShort = `whsec_${Buffer.alloc(23).toString('base64')}`;
  const tooLong = `whsec_${Buffer.alloc(65).toString('base64')}`;
  test.each<[string, NodeJS.ProcessEnv, RegExp]>([
    ['WEBHOOK_URL without WEBHOOK_SECRETS', { WEBHOOK_URL: url }, /WEBHOOK_SECRETS is not set/],
    ['WEBHOOK_SECRETS without WEBHOOK_URL', { WEBHOOK_SECRETS: secret }, /WEBHOOK_URL is not set/],
    ...['hunter2', 'ftp://a.example/hunter2', 'https://jo:hunter2@a.example', 'https://a.example/#hunter2'].map(
      (WEBHOOK_URL): [string, NodeJS.ProcessEnv, RegExp] => [
        `the address ${WEBHOOK_URL}`,
        { WEBHOOK_URL, WEBHOOK_SECRETS: secret },
        /WEBHOOK_URL is no http or https URL/,
      ],
    ),
    ...['hunter2', 'whsec_hunter2', `${secret},`, `${secret}, hunter2`, tooShort, tooLong].map(
      (WEBHOOK_SECRETS): [string, NodeJS.ProcessEnv, RegExp] => [
        `the secrets ${WEBHOOK_SECRETS.replace(secret, 'SECRET')}`,
        { WEBHOOK_URL: url, WEBHOOK_SECRETS },
        /WEBHOOK_SECRETS is no list of secrets/,
      ],
    ),
    ['WEBHOOK_ALLOW_HTTP with another value', { WEBHOOK_ALLOW_HTTP: 'yes' }, /WEBHOOK_ALLOW_HTTP is neither 1 nor 0/],
  ])(
    'the targets of events are refused for %s, by a message that names the variable and quotes no value',
    async (_name, env, message) => {
      const error = await refusal(env);

      expect(error).toMatch(/^ConfigError: /);
      expect(error).toMatch(message);
      expect(error).not.toContain('hunter2');
      expect(error).not.toContain(secret);
    },
  );

  test('the targets of events need https, except on loopback or with WEBHOOK_ALLOW_HTTP=1', async () => {
    const http = { WEBHOOK_URL: 'http://hooks.acme.example/hunter2', WEBHOOK_SECRETS: secret };
    const WEBHOOKS = fileOf(targetOf().replace('https:', 'http:'));
    const loopback = { ...http, WEBHOOK_URL: 'http://127.0.0.1:8090/a' };

    expect(await refusal({ ...http, WEBHOOKS })).toBe(
      'ConfigError: crm in WEBHOOKS, WEBHOOK_URL: is http, and not on loopback. WEBHOOK_ALLOW_HTTP=1 allows it',
    );
    expect(await refusal({ ...http, WEBHOOK_ALLOW_HTTP: '0' })).toContain('WEBHOOK_URL: is http');
    expect(await refusal({ ...http, WEBHOOKS, WEBHOOK_ALLOW_HTTP: '1' })).toBe('accepted');
    expect(await refusal(loopback)).toBe('accepted');
  });

  test.each([
    ['no mapping', `[${secret}]`, /the file: /],
    ['broken YAML', `crm:\n  url: "${url}\n  hunter2`, /not YAML: line \d+/],
    ['the name default', targetOf().replace('crm', 'default'), /default: .*no name of a target/],
    ['a name with a dot', targetOf().replace('crm', 'c.rm'), /c\.rm: .*no name of a target/],
    ['a name of 65 characters', targetOf().replace('crm', 'c'.repeat(65)), /no name of a target/],
    ['an unknown key', targetOf('  secret: hunter2\n'), /crm: .*"secret"/],
    ['no url', `crm:\n  secrets: [${secret}]`, /crm\.url: /],
    ['a url with a user', targetOf().replace('https://', 'https://hunter2@'), /crm\.url: is no http or https URL/],
    ['no secrets', `crm:\n  url: ${url}`, /crm\.secrets: /],
    ['an empty list of secrets', `crm:\n  url: ${url}\n  secrets: []`, /crm\.secrets: is empty/],
    ['a wrong secret', `crm:\n  url: ${url}\n  secrets: [${secret}, hunter2]`, /crm\.secrets\.1: is no secret/],
    ['an unknown type', targetOf('  types: [connector.hunter2]\n'), /crm\.types\.0: /],
    ['an empty list of types', targetOf('  types: []\n'), /crm\.types: is empty/],
  ])(
    'a file WEBHOOKS with %s is refused, and the error names the fault and quotes no value',
    async (_name, content, fault) => {
      // prettier-ignore
      const error = await refusal({ WEBHOOKS: fileOf(content) });

      expect(error).toMatch(/^ConfigError: WEBHOOKS is not usable: /);
      expect(error).toMatch(fault);
      expect(error).not.toContain('hunter2');
      expect(error).not.toContain(secret);
    },
  );

  test('the targets of events are refused for a file that does not exist', async () => {
    expect(await refusal({ WEBHOOKS: '/nowhere/webhooks.yaml' })).toBe(
      'ConfigError: WEBHOOKS is not usable: not the path of a file that can be read (ENOENT)',
    );
  });
});

test('the metrics are exported at METRICS_PORT, or, without METRICS_PORT, to the collector of OpenTelemetry', async () => {
  const otlp = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318/',
    OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%20b,x=1',
  };
  const metricsOf = async (env: NodeJS.ProcessEnv) => (await readConfig({ ...(await right()), ...env })).metrics;

  expect(await metricsOf({})).toBeUndefined();
  expect(await metricsOf({ ...otlp, METRICS_PORT: '9464', HEALTH_HOST: '127.0.0.1' })).toEqual({
    host: '127.0.0.1',
    port: 9464,
  });
  expect(await metricsOf(otlp)).toEqual({
    url: 'http://127.0.0.1:4318/v1/metrics',
    http: true,
    intervalMs: 60_000,
    headers: { 'api-key': 'a b', x: '1' },
  });
  expect(await metricsOf({ ...otlp, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toMatchObject({ http: false });
});

test('traces go to the collector that the OTEL_* variables name, and each of two variables switches the traces off', async () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318/' };
  const tracesOf = async (more: NodeJS.ProcessEnv) => (await readConfig({ ...(await right()), ...more })).traces;
  const complete = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces.example/in' };

  expect(await tracesOf({})).toBeUndefined();
  expect(await tracesOf({ ...endpoint, OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%20b' })).toEqual({
    url: 'http://127.0.0.1:4318/v1/traces',
    headers: { 'api-key': 'a b' },
    serviceName: 'cyclr-connect-worker',
    sampler: { ratio: 0.1, parentBased: true },
  });
  expect(await tracesOf({ ...endpoint, ...complete, OTEL_SERVICE_NAME: 'eu' })).toEqual({
    url: 'https://traces.example/in',
    serviceName: 'eu',
    sampler: { ratio: 0.1, parentBased: true },
  });
  expect(await tracesOf({ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toBeUndefined();
  expect(await tracesOf({ ...endpoint, OTEL_TRACES_EXPORTER: 'none' })).toBeUndefined();
  expect(await tracesOf({ ...endpoint, OTEL_SDK_DISABLED: 'true' })).toBeUndefined();
  await expect(tracesOf({ OTEL_TRACES_EXPORTER: 'zipkin' })).rejects.toThrow(/OTEL_TRACES_EXPORTER is neither/);
});

test('the samplers traceidratio and parentbased_traceidratio export 10 % of the traces by default; the SDK itself reads every other sampler', async () => {
  const samplerOf = async (more: NodeJS.ProcessEnv) => {
    const env = { ...(await right()), OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318', ...more };
    return (await readConfig(env)).traces!.sampler;
  };

  expect(await samplerOf({ OTEL_TRACES_SAMPLER_ARG: '0.05' })).toEqual({ ratio: 0.05, parentBased: true });
  expect(await samplerOf({ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio' })).toEqual({
    ratio: 0.1,
    parentBased: true,
  });
  expect(await samplerOf({ OTEL_TRACES_SAMPLER: 'traceidratio' })).toEqual({ ratio: 0.1, parentBased: false });
  expect(await samplerOf({ OTEL_TRACES_SAMPLER: 'always_on' })).toBeUndefined();
});

test('readConfig reads the limits, and refuses a limit that is no number from 1 on', async () => {
  const env = { ...(await right()), CYCLR_REQUESTS_PER_SECOND: '20', MAX_CACHED_WORKFLOWS: '5000' };

  const { limits } = await readConfig(env);
  const fault = await readConfig({ ...env, MAX_CONCURRENT_ACTIVITIES: '0' }).catch((err: Error) => err.message);

  expect(limits).toEqual({ maxTaskQueueActivitiesPerSecond: 20, maxCachedWorkflows: 5000 });
  expect(fault).toMatch(/^MAX_CONCURRENT_ACTIVITIES is no integer from 1/);
});
