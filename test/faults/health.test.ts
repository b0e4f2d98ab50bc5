/** The worker's process behind a connection to Temporal that is cut and restored. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { generateKey } from '../../sealing/keys';
import { startDevServer } from '../../scripts/local/dev-server';
import { freePort } from '../../scripts/local/ports';
import { searchAttributeNames } from '../../temporal/search-attributes';
import { startProxy } from '../../scripts/faults/proxy';
import { atEnd, eventually, launch, temporaryFolder } from '../scripts/parts/scene';

jest.setTimeout(120_000);

const main = join(__dirname, '..', '..', 'dist', 'worker', 'main.js'); // `npm test` builds it

async function startWorker(address: string, healthPort: number) {
  const env = {
    TEMPORAL_ADDRESS: address,
    CYCLR_API_URL: 'http://127.0.0.1:1', // nobody: no flow runs here
    CYCLR_SERVICE_URL: 'http://127.0.0.1:1',
    CYCLR_CLIENT_ID: 'nobody',
    CYCLR_CLIENT_SECRET: 'none',
    SEALING_KEYS: JSON.stringify({ keys: [await generateKey()] }),
    HEALTH_PORT: `${healthPort}`,
  };
  const { child, ended } = launch(process.execPath, [main], { env });
  const probe = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${healthPort}${path}`);
    return { status: response.status, body: await response.json() };
  };
  return { child, ended, probe };
}

async function temporalBehindProxy() {
  const server = await startDevServer({
    port: await freePort(),
    logFile: join(temporaryFolder(), 'temporal.log'),
    searchAttributes: searchAttributeNames,
  });
  atEnd(() => server.stop());
  const proxy = await startProxy(server.address);
  atEnd(() => proxy.close());
  return proxy;
}

test('it is ready only while it reaches Temporal, alive all the time, and stops with 0 even then', async () => {
  const proxy = await temporalBehindProxy();
  proxy.hold();
  const { child, ended, probe } = await startWorker(proxy.address, await freePort());
  const comes = (status: number, why?: unknown) =>
    eventually(async () => {
      const { status: seen, body } = await probe('/readyz');
      if (seen === status) expect(body).toEqual({ ok: status === 200, why });
      return seen === status;
    });
  const isAlive = async () => expect(await probe('/healthz')).toEqual({ status: 200, body: { ok: true } });

  await eventually(() => probe('/healthz').catch(() => false));
  expect(await probe('/readyz')).toEqual({ status: 503, body: { ok: false, why: 'The worker is starting.' } });

  proxy.restore();
  await comes(200);

  for (const trouble of ['hold', 'cut'] as const) {
    proxy[trouble]();
    const since = Date.now();
    await comes(503, expect.stringContaining('Temporal does not answer'));
    expect(Date.now() - since).toBeLessThan(5_000);
    await isAlive();

    proxy.restore();
    await comes(200);
  }

  proxy.cut();
  child.kill('SIGTERM');
  expect(await ended).toMatchObject({ code: 0 });
});

test('a taken port is named, with the variable that moves it', async () => {
  const other = createServer().listen(0);
  atEnd(() => other.close());
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;

  const { ended } = await startWorker('127.0.0.1:1', port);

  expect(await ended).toMatchObject({ code: 1, stderr: expect.stringMatching(`^worker: port ${port} .*HEALTH_PORT`) });
});
