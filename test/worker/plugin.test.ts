/**
 * The plugin for an adopter's own Temporal worker. `.ci/adopters.mjs` runs a whole flow on a worker with the plugin.
 */
import type { WorkerOptions } from '@temporalio/worker';
import { generateKey, privateKeysOf } from '../../sealing/keys';
import { ConnectorAuthPlugin } from '../../worker/plugin';
import { workflowTypes } from '../../workflows/visibility';
import * as workflows from '../../workflows';

const cyclr = { apiUrl: 'http://127.0.0.1:1', clientId: 'id', clientSecret: 'secret' };
const consent = { serviceUrl: 'http://127.0.0.1:1' };

async function createPlugin(taskQueue?: string): Promise<ConnectorAuthPlugin> {
  const keys = await privateKeysOf(JSON.stringify({ keys: [await generateKey()] }));
  return new ConnectorAuthPlugin({ cyclr, keys, consent, taskQueue });
}
const worker: WorkerOptions = { taskQueue: 'connector-auth' };

test('the plugin gives a worker without workflows the bundle of the package', async () => {
  const options = (await createPlugin()).configureWorker(worker);

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
