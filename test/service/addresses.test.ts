/** The addresses of worker, service and sandbox for probes and callers on other machines. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSandbox, startService, startWorker } from '../../scripts/local/parts';
import { freePort } from '../../scripts/local/ports';
import type { LocalProcess } from '../../scripts/local/process';
import { cyclrOf } from '../../scripts/local/settings';
import { allAddresses } from '../../temporal/environment';
import { eventually } from '../support/eventually';
import { openStage, type Stage } from '../support/stage';

const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-test-'));
let stage: Stage;
let processes: LocalProcess[] = [];

beforeAll(async () => {
  stage = await openStage();
});

afterAll(async () => {
  await Promise.all(processes.map(({ stop }) => stop()));
  await stage?.close();
  rmSync(folder, { recursive: true, force: true });
});

test('worker, service and sandbox answer health, metrics and calls by IPv4 and by IPv6', async () => {
  const hosts = allAddresses() === '::' ? ['127.0.0.1', '[::1]'] : ['127.0.0.1'];
  const [healthPort, workerMetrics, servicePort, serviceMetrics, sandboxPort] = await Promise.all(
    Array.from({ length: 5 }, freePort),
  );
  const temporal = { address: process.env.TEST_TEMPORAL_ADDRESS!, namespace: stage.namespace };
  const shared = { logFolder: folder, temporal, sealingKeys: stage.keys };
  const metrics = { METRICS_PORT: `${workerMetrics}` };
  processes = await Promise.all([
    startWorker({ ...shared, healthPort, cyclr: cyclrOf(stage.sandbox.url), env: { ...metrics, HEALTH_HOST: '' } }),
    startService({
      ...{ ...shared, port: servicePort, metricsPort: serviceMetrics },
      env: { PUBLIC_URL: 'https://connect.acme.example' },
    }),
    startSandbox({ logFolder: folder, port: sandboxPort, env: { SANDBOX_HOST: '::' } }),
  ]);

  const paths = [
    `${healthPort}/readyz`,
    `${workerMetrics}/metrics`,
    `${servicePort}/readyz`,
    `${serviceMetrics}/metrics`,
    `${sandboxPort}/_sandbox/accounts`,
  ];
  const urls = hosts.flatMap((host) => paths.map((path) => `http://${host}:${path}`));
  // `/readyz` answers 503 if Temporal does not answer within 2 s.
  const answers = await eventually(
    () => Promise.all(urls.map(async (url) => [url, (await fetch(url)).status] as const)),
    (all) => all.every(([, status]) => status === 200),
  );

  expect(answers).toEqual(urls.map((url) => [url, 200]));
});
