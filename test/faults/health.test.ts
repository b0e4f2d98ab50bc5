/** The worker as a process: its health endpoints with and without a connection to Temporal, and its log. */
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { generateKey } from '../../sealing/keys';
import { findBinary } from '../../scripts/local/binary';
import { startProxy } from '../../scripts/faults/proxy';
import { startTemporal, startWorker } from '../../scripts/local/parts';
import { workerEnv } from '../../scripts/local/settings';
import { searchAttributeTypes } from '../../temporal/search-attributes';
import { jsonOf } from '../../workflows/connector';
import { eventually } from '../support/eventually';
import { atEnd, launch, temporaryFolder } from '../scripts/parts/scene';

jest.setTimeout(600_000); // this limit only ends a test that hangs

const main = join(__dirname, '..', '..', 'dist', 'worker', 'main.js'); // `npm test` builds this file

/** Settings for a worker that runs no flow, and therefore makes no call to Cyclr. */
async function settingsAt(address: string) {
  const url = 'http://127.0.0.1:1';
  return {
    temporal: { address },
    cyclr: { url, serviceUrl: url, clientId: 'unused', clientSecret: 'unused' },
    sealingKeys: JSON.stringify({ keys: [await generateKey()] }),
  };
}

async function newTemporal() {
  const server = await startTemporal({ logFolder: temporaryFolder(), searchAttributes: searchAttributeTypes });
  atEnd(() => server.stop());
  return server;
}

async function temporalBehindProxy() {
  const proxy = await startProxy((await newTemporal()).address);
  atEnd(() => proxy.close());
  return proxy;
}

test('only /readyz of the worker depends on Temporal: without Temporal, /healthz answers 200, and a stopped worker exits with 0', async () => {
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

test('/readyz of the worker answers 503 if the namespace lacks a search attribute or has it with another type', async () => {
  const { address } = await newTemporal();
  const worker = await startWorker({ ...(await settingsAt(address)), logFolder: temporaryFolder() });
  atEnd(() => worker.kill());
  const temporal = await findBinary('temporal');
  const attribute = (...args: string[]) =>
    promisify(execFile)(temporal, ['operator', 'search-attribute', ...args, '--address', address]);
  const reaches = (status: number) =>
    eventually(
      async () => {
        const response = await fetch(worker.healthUrl);
        return { status: response.status, body: (await response.json()) as { why?: string } };
      },
      (seen) => seen.status === status,
    );

  await attribute('remove', '--name', 'ConnectorConnected', '--yes');
  const missing = await reaches(503);
  await attribute('create', '--name', 'ConnectorConnected', '--type', 'Keyword');
  const ofAnotherType = await reaches(503);
  await attribute('remove', '--name', 'ConnectorConnected', '--yes');
  await attribute('create', '--name', 'ConnectorConnected', '--type', 'Bool');
  await reaches(200);

  for (const { body } of [missing, ofAnotherType])
    expect(body.why).toMatch(/^Namespace default lacks .* ConnectorConnected \(Bool\)\. .* npm run search-attributes/);
});

test("every log line of the worker and of the SDK's native core is a JSON object with an ISO time and a level", async () => {
  const server = await newTemporal();
  const settings = { ...(await settingsAt(server.address)), logFolder: temporaryFolder() };
  const worker = await startWorker(settings);
  atEnd(() => worker.kill());

  await server.kill();
  await eventually(() => /retried|WARN/.test(worker.log()));
  await worker.stop();

  const lines = worker.log().trimEnd().split('\n');
  for (const line of lines) {
    const { level, time, process: name, msg } = Object(jsonOf(line)) as { [field: string]: unknown };
    expect({ line, level, time, name, msg }).toEqual({
      line,
      level: expect.stringMatching(/^(info|warn|error)$/),
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      name: 'worker',
      msg: expect.any(String),
    });
  }
});

test('a worker whose health port is in use exits with 1 and names HEALTH_PORT', async () => {
  const other = createServer().listen(0);
  atEnd(() => other.close());
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;

  const env = workerEnv({ ...(await settingsAt('127.0.0.1:1')), healthPort: port });
  const { code, stderr } = await launch(process.execPath, [main], { env }).ended;

  expect(code).toBe(1);
  expect(JSON.parse(stderr)).toMatchObject({
    ...{ level: 'fatal', process: 'worker' },
    msg: expect.stringMatching(new RegExp(`^port ${port} .*HEALTH_PORT`)),
  });
});
