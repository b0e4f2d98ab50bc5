/**
 * The plugin for an adopter's own Temporal worker. `.ci/adopters.mjs` runs a whole flow on a worker with the plugin.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { startTemporal, type LocalTemporal } from '../../scripts/local/parts';
import { generateKey, privateKeysOf } from '../../sealing/keys';
import { installSilentRuntime } from '../../temporal/replay';
import { searchAttributeTypes } from '../../temporal/search-attributes';
import { ConnectorAuthPlugin } from '../../worker/plugin';
import { workflowTypes } from '../../workflows/visibility';
import * as workflows from '../../workflows';
import { eventually } from '../support/eventually';

const cyclr = { apiUrl: 'http://127.0.0.1:1', clientId: 'id', clientSecret: 'secret' };
const consent = { serviceUrl: 'http://127.0.0.1:1' };

async function createPlugin(taskQueue?: string): Promise<ConnectorAuthPlugin> {
  const keys = await privateKeysOf(JSON.stringify({ keys: [await generateKey()] }));
  return new ConnectorAuthPlugin({ cyclr, keys, consent, taskQueue });
}
const worker: WorkerOptions = { taskQueue: 'connector-auth' };

test('a worker without workflowsPath and workflowBundle gets the workflow bundle of the package from the plugin', async () => {
  const options = (await createPlugin()).configureWorker({ ...worker, workflowBundle: undefined });

  expect(options.workflowBundle).toEqual({ codePath: expect.stringMatching(/workflow-bundle\.js$/) });
  expect(options.workflowsPath).toBeUndefined();
});

test('if a worker has its own payload converter, the plugin sets workflowsPath and no prebuilt bundle, so that the SDK bundles the workflows with this converter', async () => {
  const dataConverter = { payloadConverterPath: '/app/converter.js' };

  const options = (await createPlugin()).configureWorker({ ...worker, dataConverter });

  expect(options.workflowBundle).toBeUndefined();
  expect(options.workflowsPath).toMatch(/workflows\/index\.js$/);
  expect(options.interceptors?.workflowModules).toEqual([expect.stringMatching(/workflows\/interceptors\.js$/)]);
});

test('the plugin keeps the workflows, interceptors, data converter and limits of a worker', async () => {
  const own = {
    ...worker,
    workflowsPath: '/app/workflows.js',
    interceptors: { workflowModules: ['/app/interceptors.js'] },
    dataConverter: { payloadCodecs: [] },
    isolateExecutionTimeout: '90s',
    activities: { greet: () => 'hello' },
  };

  const options = (await createPlugin()).configureWorker(own);

  expect(options).toMatchObject({
    workflowsPath: '/app/workflows.js',
    dataConverter: own.dataConverter,
    isolateExecutionTimeout: '90s',
    activities: { greet: own.activities.greet, fetchConnector: expect.any(Function) },
  });
  expect(options.workflowBundle).toBeUndefined();
  expect(options.interceptors?.workflowModules).toEqual([
    '/app/interceptors.js',
    expect.stringMatching(/interceptors/),
  ]);
});

test('the plugin sets no data converter, and lets a workflow task run for up to 60 s', async () => {
  const options = (await createPlugin()).configureWorker(worker);

  expect(options.dataConverter).toBeUndefined();
  expect(options).toMatchObject({ isolateExecutionTimeout: '60s' });
});

test('the plugin sets neither TLS nor an API key nor client options', async () => {
  const plugin = await createPlugin();
  const connection = { address: 'temporal:7233', tls: true, apiKey: 'key' };

  expect(plugin.configureNativeConnection(connection)).toEqual(connection);
  expect(plugin.configureClient({ namespace: 'n' })).toEqual({ namespace: 'n' });
});

test('the plugin refuses a worker that has an activity with the same name as an activity of the plugin', async () => {
  const plugin = await createPlugin();
  const activities = { mintLink: () => undefined };

  expect(() => plugin.configureWorker({ ...worker, activities })).toThrow(/activities of the same name: mintLink/);
});

test('the plugin refuses a worker with another task queue', async () => {
  const plugin = await createPlugin('flows');

  expect(() => plugin.configureWorker(worker)).toThrow(/task queue flows, and the worker connector-auth/);
});

test('the plugin adds the interceptors to a bundle', async () => {
  const options = (await createPlugin()).configureBundler({ workflowsPath: '/app/workflows.js' });

  expect(options.workflowsPath).toBe('/app/workflows.js');
  expect(options.workflowInterceptorModules).toEqual([expect.stringMatching(/workflows\/interceptors\.js$/)]);
});

test('the interceptors act on each workflow type that workflows/index.ts exports', () => {
  expect(Object.keys(workflows).sort()).toEqual([...workflowTypes].sort());
});

describe('a worker with the plugin', () => {
  let logFolder: string;
  let temporal: LocalTemporal;
  let connection: NativeConnection;

  beforeAll(async () => {
    installSilentRuntime();
    logFolder = mkdtempSync(join(tmpdir(), 'cyclr-connect-test-'));
    temporal = await startTemporal({ logFolder, searchAttributes: searchAttributeTypes });
    connection = await NativeConnection.connect({ address: temporal.address });
  });

  afterAll(async () => {
    await connection.close();
    await temporal.stop();
    rmSync(logFolder, { recursive: true, force: true });
  });

  const createWorker = async (more: Partial<WorkerOptions> = {}): Promise<Worker> => {
    // `npm test` builds this file
    const workflowBundle = { codePath: join(__dirname, '..', '..', 'dist', 'workflow-bundle.js') };
    return Worker.create({ ...worker, connection, workflowBundle, plugins: [await createPlugin()], ...more });
  };

  test('a worker can be shut down as soon as run() was called', async () => {
    const created = await createWorker();

    const running = created.run();
    created.shutdown();

    await running;
    expect(created.getState()).toBe('STOPPED');
  });

  test('if the function of runUntil() fails at once, the worker stops, and runUntil() fails with the same error', async () => {
    const created = await createWorker();

    const running = created.runUntil(() => Promise.reject(new Error('at once')));

    await expect(running).rejects.toThrow('at once');
    expect(created.getState()).toBe('STOPPED');
  });

  test('if the namespace lacks the search attributes, the worker stops, and run() fails with an error that names them', async () => {
    const namespace = 'without-search-attributes';
    const { workflowService } = connection;
    const workflowExecutionRetentionPeriod = { seconds: 86_400 as never };
    await workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod });
    await eventually(() => workflowService.describeNamespace({ namespace }));
    const created = await createWorker({ namespace });

    const running = created.run();

    await expect(running).rejects.toThrow(/lacks the search attributes .*CyclrAccountId/);
    expect(created.getState()).toBe('STOPPED');
  });
});
