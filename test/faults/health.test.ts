/** The worker's process behind a connection to Temporal that is cut and restored. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { generateKey } from '../../sealing/keys';
import { startProxy } from '../../scripts/faults/proxy';
import { startTemporal, startWorker } from '../../scripts/local/parts';
import { workerEnv } from '../../scripts/local/settings';
import { searchAttributeTypes } from '../../temporal/search-attributes';
import { eventually } from '../support/eventually';
import { atEnd, launch, temporaryFolder } from '../scripts/parts/scene';

jest.setTimeout(600_000); // ends a hang

const main = join(__dirname, '..', '..', 'dist', 'worker', 'main.js'); // `npm test` builds it

/** No flow runs here, so the worker calls no Cyclr. */
async function settingsAt(address: string) {
  const url = 'http://127.0.0.1:1';
  return {
    temporal: { address },
    cyclr: { url, serviceUrl: url, clientId: 'unused', clientSecret: 'unused' },
    sealingKeys: JSON.stringify({ keys: [await generateKey()] }),
  };
}

async function temporalBehindProxy() {
  const server = await startTemporal({ logFolder: temporaryFolder(), searchAttributes: searchAttributeTypes });
  atEnd(() => server.stop());
  const proxy = await startProxy(server.address);
  atEnd(() => proxy.close());
  return proxy;
}

test('the worker is ready only while it reaches Temporal, is always alive, and exits with 0 even without Temporal', async () => {
  const proxy = await temporalBehindProxy();
  proxy.hold();
  const settings = await settingsAt(proxy.address);
  const worker = await startWorker({ ...settings, logFolder: temporaryFolder(), waits: false });
  atEnd(() => worker.kill());
  const probe = async (path: string) => {
    const response = await fetch(new URL(path, worker.healthUrl));
    return { status: response.status, body: await response.json() };
  };
  const reaches = (status: number, why?: unknown) =>
    eventually(async () => {
      const { status: seen, body } = await probe('/readyz');
      if (seen === status) expect(body).toEqual({ ok: status === 200, why });
      return seen === status;
    });

  await eventually(() => probe('/healthz').catch(() => false));
  expect(await probe('/readyz')).toEqual({ status: 503, body: { ok: false, why: 'The worker is starting.' } });

  proxy.restore();
  await reaches(200);

  for (const fault of ['hold', 'cut'] as const) {
    proxy[fault]();
    await reaches(503, expect.stringContaining('Temporal does not answer'));
    expect(await probe('/healthz')).toEqual({ status: 200, body: { ok: true } });

    proxy.restore();
    await reaches(200);
  }

  proxy.cut();
  expect(await worker.kill('SIGTERM')).toEqual({ code: 0, signal: null });
});

test('a worker whose health port is in use exits with 1 and names HEALTH_PORT', async () => {
  const other = createServer().listen(0);
  atEnd(() => other.close());
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;

  const env = workerEnv({ ...(await settingsAt('127.0.0.1:1')), healthPort: port });
  const { code, stderr } = await launch(process.execPath, [main], { env }).ended;

  expect(code).toBe(1);
  expect(stderr).toMatch(new RegExp(`^worker: port ${port} .*HEALTH_PORT`));
});
