import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client, type Connection } from '@temporalio/client';
import { connect } from '../../../temporal/connection';
import { type LocalTemporal, startTemporal, type TemporalOptions } from '../../../scripts/local/parts';
import { freePort } from '../../../scripts/local/ports';
import {
  missingSearchAttributes,
  registerSearchAttributes,
  searchAttributeNames,
  searchAttributeTypes,
} from '../../../temporal/search-attributes';
import { searchAttributes } from '../../../workflows/messages';
import { eventually } from '../../support/eventually';
import { atEnd, isAlive, launch, temporaryFolder } from './scene';

jest.setTimeout(600_000); // this limit only ends a test that hangs; the first run on a machine downloads the server

// temporal.api.enums.v1.IndexedValueType
const TEXT = 1;
const KEYWORD = 2;

async function optionsIn(folder: string): Promise<TemporalOptions & { port: number }> {
  return { port: await freePort(), logFolder: join(folder, 'logs') };
}

async function started(options: TemporalOptions) {
  const server = await startTemporal(options);
  atEnd(() => server.stop());
  const connection = await connectTo(server.address);
  return { server, connection, client: new Client({ connection }) };
}

/** How long a connection waits for the server. Only a server that hangs reaches this limit. */
const CONNECT_MS = 180_000;

async function connectTo(address: string): Promise<Connection> {
  const connection = await connect({ address, namespace: 'default', connectionOptions: { address } }, CONNECT_MS);
  atEnd(() => connection.close());
  return connection;
}

test('a Temporal server that is started again on its data file still has its flows', async () => {
  const folder = temporaryFolder();
  const [uiPort, dbFile] = [await freePort(), join(folder, 'temporal.db')];
  const options = { ...(await optionsIn(folder)), uiPort, dbFile, searchAttributes: searchAttributeTypes };
  const first = await started(options);
  await first.client.workflow.start('anything', { taskQueue: 'no-worker', workflowId: 'kept' });
  expect((await fetch(first.server.uiUrl ?? '')).status).toBe(200);

  expect(await first.server.stop()).toEqual({ code: 0, signal: null });
  expect(isAlive(first.server.pid)).toBe(false);
  const second = await started(options);

  expect(await second.client.workflow.getHandle('kept').describe()).toMatchObject({ type: 'anything' });
  expect(await missingSearchAttributes(second.connection, 'default')).toEqual([]);
});

test('a connection that is opened during the start of the Temporal server waits for the server', async () => {
  const options = await optionsIn(temporaryFolder());
  const connecting = connectTo(`127.0.0.1:${options.port}`);

  await started(options);

  await expect(connecting).resolves.toBeDefined();
});

test('startTemporal fails if its port or the port of Temporal Web is taken', async () => {
  const options = await optionsIn(temporaryFolder());
  const other = createServer().listen(0, '127.0.0.1');
  atEnd(() => other.close());
  await once(other, 'listening');
  const { port } = other.address() as { port: number };

  await expect(startTemporal({ ...options, port })).rejects.toThrow(`another process uses port ${port} of 127.0.0.1`);
  await expect(startTemporal({ ...options, uiPort: port })).rejects.toThrow(
    `another process uses port ${port} of 127.0.0.1`,
  );
});

test('if the server cannot start, the error of startTemporal has the last log lines and the path of the log', async () => {
  const folder = temporaryFolder();
  const options = { ...(await optionsIn(folder)), dbFile: join(folder, 'missing', 'temporal.db') };

  await expect(startTemporal(options)).rejects.toThrow(/temporal\.log[^]*failed checking dir for database file/);
});

test('the promise `exited` of a Temporal server resolves with the signal after the server was killed', async () => {
  const { server } = await started(await optionsIn(temporaryFolder()));

  process.kill(server.pid, 'SIGKILL');

  expect(await server.exited).toEqual({ code: null, signal: 'SIGKILL' });
  expect(await server.stop()).toEqual({ code: null, signal: 'SIGKILL' });
});

describe('search attributes', () => {
  let server: LocalTemporal;
  let connection: Connection;
  let namespace: string;
  beforeAll(async () => {
    server = await startTemporal({ logFolder: mkdtempSync(join(tmpdir(), 'cyclr-connect-test-')) });
  });
  beforeEach(async () => {
    connection = await connectTo(server.address);
    namespace = `test-${randomUUID().slice(0, 8)}`;
    const workflowExecutionRetentionPeriod = { seconds: 86_400 as never };
    await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod });
    await eventually(() => connection.workflowService.describeNamespace({ namespace }));
  });
  afterAll(async () => {
    await server.stop();
    rmSync(dirname(server.logFile), { recursive: true, force: true });
  });

  test('search attributes can be used as soon as they are registered, and can be registered again', async () => {
    expect(await missingSearchAttributes(connection, namespace)).toEqual(searchAttributeNames);

    const twice = [registerSearchAttributes(connection, namespace), registerSearchAttributes(connection, namespace)];
    expect(await Promise.all(twice)).toContainEqual(searchAttributeNames);

    const client = new Client({ connection, namespace });
    const typedSearchAttributes = [{ key: searchAttributes.accountId, value: 'acme' }];
    await client.workflow.start('anything', { taskQueue: 'no-worker', workflowId: 'found', typedSearchAttributes });
    expect(await missingSearchAttributes(connection, namespace)).toEqual([]);
    expect(await registerSearchAttributes(connection, namespace)).toEqual([]);
  });

  test('a registration succeeds if another program registers the search attributes between its two reads', async () => {
    const { operatorService, workflowService } = connection;
    const listSearchAttributes = async (request: object) => {
      const listed = await operatorService.listSearchAttributes(request);
      await registerSearchAttributes(connection, namespace);
      return listed;
    };
    const addSearchAttributes = (request: object) => operatorService.addSearchAttributes(request);
    const late = { workflowService, operatorService: { listSearchAttributes, addSearchAttributes } };

    await expect(registerSearchAttributes(late as unknown as Connection, namespace)).resolves.toBeDefined();
    expect(await missingSearchAttributes(connection, namespace)).toEqual([]);
  });

  test('npm run search-attributes registers the search attributes, and prints the added names', async () => {
    const env = { TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: namespace };
    const npmRun = ['run', '--silent', 'search-attributes', '--'];
    const run = (...args: string[]) => launch('npm', [...npmRun, ...args], { env }).ended;
    const prefix = `${server.address}, namespace ${namespace}:`;

    expect(await run()).toMatchObject({ code: 0, stdout: `${prefix} registered ${searchAttributeNames.join(', ')}\n` });
    expect(await run()).toMatchObject({ code: 0, stdout: `${prefix} nothing to register\n` });
    expect(await run('--help')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: /), stderr: '' });
    expect(await run('--typo')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^wrongUsage: /) });
  });

  test('the registration fails if a search attribute has another type, and the error names the attribute and both types', async () => {
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: { ConnectorName: TEXT } });

    await expect(registerSearchAttributes(connection, namespace)).rejects.toThrow(
      /search attributes of the wrong type: ConnectorName \(found Text, needed Keyword\)$/,
    );
  });

  test('without access to the operator service the registration fails, and the error names the missing search attributes', async () => {
    const [first, ...others] = searchAttributeNames;
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: { [first!]: KEYWORD } });
    await eventually(async () => (await missingSearchAttributes(connection, namespace)).length === others.length);
    const unimplemented = Object.assign(new Error('unimplemented'), { code: 12, details: '', metadata: {} });
    const operatorService = { listSearchAttributes: () => Promise.reject(unimplemented) };
    const closed = { workflowService: connection.workflowService, operatorService } as unknown as Connection;

    expect(await missingSearchAttributes(closed, namespace)).toEqual(others);
    await expect(registerSearchAttributes(closed, namespace)).rejects.toThrow(
      others.map((name) => `--search-attribute ${name}=${searchAttributeTypes[name]}`).join(' '),
    );
  });

  test('missingSearchAttributes uses queries if neither the operator service nor the namespace lists the search attributes', async () => {
    const [first, ...others] = searchAttributeNames;
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: { [first!]: KEYWORD } });
    const denied = Object.assign(new Error('denied'), { code: 7, details: 'Request unauthorized.', metadata: {} });
    const countWorkflowExecutions = (request: object) => connection.workflowService.countWorkflowExecutions(request);
    const closed = {
      operatorService: { listSearchAttributes: () => Promise.reject(denied) },
      workflowService: { describeNamespace: async () => ({}), countWorkflowExecutions },
    } as unknown as Connection;

    const found = await eventually(
      () => missingSearchAttributes(closed, namespace),
      (missing) => missing.length === others.length,
    );
    expect(found).toEqual(others);
  });
});
