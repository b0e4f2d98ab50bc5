/** The service as a process: how it starts and stops. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { freePort } from '../../scripts/local/ports';
import { eventually } from '../support/eventually';
import { openStage, type Stage } from '../support/stage';
import { launch, temporaryFolder } from '../scripts/parts/scene';
import { digestOf, pathOf } from './scene';

const main = join(__dirname, '..', '..', 'dist', 'service', 'main.js');

let stage: Stage;
beforeAll(async () => (stage = await openStage()));
afterAll(() => stage.close());

const apiKey = randomBytes(24).toString('base64url');

async function startService(more: NodeJS.ProcessEnv = {}) {
  const [port, metricsPort] = [await freePort(), await freePort()];
  const env = {
    TEMPORAL_ADDRESS: process.env.TEST_TEMPORAL_ADDRESS,
    TEMPORAL_NAMESPACE: stage.namespace,
    PORT: `${port}`,
    METRICS_PORT: `${metricsPort}`,
    SERVICE_API_KEYS: digestOf(apiKey),
    SESSION_KEYS: JSON.stringify({ keys: [{ kty: 'oct', k: randomBytes(32).toString('base64url') }] }),
    SEALING_KEYS: stage.keys,
    ...more,
  };
  const { child, output, ended } = launch(process.execPath, [main], { cwd: temporaryFolder(), env });
  const url = `http://127.0.0.1:${port}`;
  const call = (method: string, path: string, body?: object) =>
    fetch(url + path, {
      method,
      headers: { Authorization: `Bearer ${apiKey}`, ...(body && { 'Content-Type': 'application/json' }) },
      body: body && JSON.stringify(body),
    });
  return { child, output, ended, call, metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`, url };
}
const started = async (...options: Parameters<typeof startService>) => {
  const service = await startService(...options);
  await eventually(
    () => service.call('GET', '/readyz'),
    ({ status }) => status === 200,
  );
  return service;
};

test('it refuses to start with one message that names all that is wrong', async () => {
  const { ended } = await startService({ SESSION_KEYS: '', SEALING_KEYS: '', SERVICE_API_KEYS: 'x' });

  const { code, stderr } = await ended;

  expect(code).toBe(1);
  expect(stderr).toMatch(/^service: SESSION_KEYS is not set.*\nSEALING_KEYS is not set.*\nSERVICE_API_KEYS .*item 1/);
});

test('it refuses to start where its port is taken', async () => {
  const first = await started();
  const second = await startService({ PORT: new URL(first.url).port });

  expect(await second.ended).toMatchObject({ code: 1, stderr: expect.stringMatching(/^service: .*EADDRINUSE/) });
});

test('metrics have a port of their own, and a private key is warned of', async () => {
  const service = await started();
  await service.call('GET', '/v1/nothing');

  const metrics = await (await fetch(service.metricsUrl)).text();

  expect((await service.call('GET', '/metrics')).status).toBe(404);
  expect(metrics).toContain('http_requests_total{method="GET",route="(none)",status="404"}');
  expect(metrics).toContain('process_resident_memory_bytes');
  expect(service.output.stdout).toContain('SEALING_KEYS has a private key');
});

test('told to stop, it answers what has arrived, and exits with 0', async () => {
  const key = stage.install('Brightdesk');
  const service = await started();
  stage.sandbox.fault({ match: { method: 'PUT', account: key.accountId }, then: { kind: 'slow', ms: 1500 } });
  await service.call('POST', pathOf(key));
  await eventually(
    () => stage.auth.view(key),
    ({ state }) => state === 'awaitingCredentials',
  );

  const answering = service.call('POST', pathOf(key, '/credentials'), {
    credentials: { kind: 'apiKey', key: 'right' },
  });
  await eventually(
    () => stage.auth.view(key),
    ({ state }) => state === 'applyingCredentials',
  );
  service.child.kill('SIGTERM');
  service.child.kill('SIGTERM'); // npm hands on what the terminal has sent to the whole group already

  expect(await (await answering).json()).toMatchObject({ state: 'authenticated' });
  expect(await service.ended).toMatchObject({ code: 0, stderr: '' });
});
