import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client, type Connection } from '@temporalio/client';
import { connect } from '../../../temporal/connection';
import { startTemporal, type TemporalOptions } from '../../../scripts/local/parts';
import { freePort } from '../../../scripts/local/ports';
import {
  missingSearchAttributes,
  registerSearchAttributes,
  searchAttributeNames,
} from '../../../temporal/search-attributes';
import { searchAttributes } from '../../../workflows/messages';
import { atEnd, isAlive, launch, temporaryFolder } from './scene';

jest.setTimeout(60_000); // a machine's first run downloads the server

async function optionsIn(folder: string): Promise<TemporalOptions & { port: number }> {
  return { port: await freePort(), logFolder: join(folder, 'logs') };
}

async function started(options: TemporalOptions) {
  const server = await startTemporal(options);
  atEnd(() => server.stop());
  const connection = await connectTo(server.address);
  return { server, connection, client: new Client({ connection }) };
}

async function connectTo(address: string): Promise<Connection> {
  const connection = await connect({ address, namespace: 'default', connectionOptions: { address } });
  atEnd(() => connection.close());
  return connection;
}

test('a server that is started again on its data file still has its flows', async () => {
  const folder = temporaryFolder();
  const [uiPort, dbFile] = [await freePort(), join(folder, 'temporal.db')];
  const options = { ...(await optionsIn(folder)), uiPort, dbFile, searchAttributes: searchAttributeNames };
  const first = await started(options);
  await first.client.workflow.start('anything', { taskQueue: 'nobody', workflowId: 'kept' });
  expect((await fetch(first.server.uiUrl ?? '')).status).toBe(200);

  expect(await first.server.stop()).toEqual({ code: 0, signal: null });
  expect(isAlive(first.server.pid)).toBe(false);
  const second = await started(options);

  expect(await second.client.workflow.getHandle('kept').describe()).toMatchObject({ type: 'anything' });
  expect(await missingSearchAttributes(second.connection, 'default')).toEqual([]);
});

test('a connection that is opened while the server starts waits for it', async () => {
  const options = await optionsIn(temporaryFolder());
  const connecting = connectTo(`127.0.0.1:${options.port}`);

  await started(options);

  await expect(connecting).resolves.toBeDefined();
});

test('a port that is taken fails the start, for Temporal Web too', async () => {
  const options = await optionsIn(temporaryFolder());
  const other = createServer().listen(0, '127.0.0.1');
  atEnd(() => other.close());
  await once(other, 'listening');
  const { port } = other.address() as { port: number };

  await expect(startTemporal({ ...options, port })).rejects.toThrow(`Port ${port} of 127.0.0.1 is taken`);
  await expect(startTemporal({ ...options, uiPort: port })).rejects.toThrow(`Port ${port} of 127.0.0.1 is taken`);
});

test('a server that can not start fails with its last lines and the path of its log', async () => {
  const folder = temporaryFolder();
  const options = { ...(await optionsIn(folder)), dbFile: join(folder, 'missing', 'temporal.db') };

  await expect(startTemporal(options)).rejects.toThrow(/temporal\.log[^]*failed checking dir for database file/);
});

test('exited resolves when the server is killed', async () => {
  const { server } = await started(await optionsIn(temporaryFolder()));

  process.kill(server.pid, 'SIGKILL');

  expect(await server.exited).toEqual({ code: null, signal: 'SIGKILL' });
  expect(await server.stop()).toEqual({ code: null, signal: 'SIGKILL' });
});

describe('search attributes', () => {
  test('can be used as soon as they are registered, and registered again', async () => {
    const { connection, client } = await started(await optionsIn(temporaryFolder()));
    expect(await missingSearchAttributes(connection, 'default')).toEqual(searchAttributeNames);

    const twice = [registerSearchAttributes(connection, 'default'), registerSearchAttributes(connection, 'default')];
    expect(await Promise.all(twice)).toContainEqual(searchAttributeNames);

    const typedSearchAttributes = [{ key: searchAttributes.accountId, value: 'acme' }];
    await client.workflow.start('anything', { taskQueue: 'nobody', workflowId: 'found', typedSearchAttributes });
    expect(await missingSearchAttributes(connection, 'default')).toEqual([]);
    expect(await registerSearchAttributes(connection, 'default')).toEqual([]);
  });

  test('are registered by a process that says what it did', async () => {
    const { server } = await started(await optionsIn(temporaryFolder()));
    const main = join(__dirname, '..', '..', '..', 'dist', 'scripts', 'search-attributes', 'main.js'); // `npm test` builds it
    const run = (...args: string[]) =>
      launch(process.execPath, [main, ...args], { env: { TEMPORAL_ADDRESS: server.address } }).ended;
    const prefix = `${server.address}, namespace default:`;

    expect(await run()).toMatchObject({ code: 0, stdout: `${prefix} registered ${searchAttributeNames.join(', ')}\n` });
    expect(await run()).toMatchObject({ code: 0, stdout: `${prefix} all search attributes were there already\n` });
    expect(await run('--help')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: /), stderr: '' });
    expect(await run('--typo')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^Usage: /) });
  });

  test('of another type are named, and left as they are', async () => {
    const { connection } = await started(await optionsIn(temporaryFolder()));
    const text = { namespace: 'default', searchAttributes: { ConnectorName: 1 } };
    await connection.operatorService.addSearchAttributes(text);

    await expect(registerSearchAttributes(connection, 'default')).rejects.toThrow(
      /not of type Keyword: ConnectorName$/,
    );
  });

  test('where the operator service is closed they are found all the same, and whoever lacks one is told', async () => {
    const { connection } = await started({
      ...(await optionsIn(temporaryFolder())),
      searchAttributes: ['CyclrAccountId'],
    });
    const unimplemented = Object.assign(new Error('unimplemented'), { code: 12, details: '', metadata: {} });
    const operatorService = { listSearchAttributes: () => Promise.reject(unimplemented) };
    const closed = { workflowService: connection.workflowService, operatorService } as unknown as Connection;

    expect(await missingSearchAttributes(closed, 'default')).toEqual(searchAttributeNames.slice(1));
    await expect(registerSearchAttributes(closed, 'default')).rejects.toThrow(/by its own means: CyclrConnectorId, /);
  });
});
