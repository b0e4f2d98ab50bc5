import { once } from 'node:events';
import { createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Connection, isGrpcDeadlineError } from '@temporalio/client';
import { interceptors } from '../../temporal/grpc-retry';
import { replaceable } from '../../temporal/rotation';
import { atEnd } from '../scripts/parts/scene';

const GRPC = { ':status': 200, 'content-type': 'application/grpc' };

/** A connection to a server that never answers a call. `called` resolves at the first call. */
async function silent(): Promise<{ connection: Connection; called: Promise<unknown>; calls: () => number }> {
  let calls = 0;
  const server: Http2Server = createServer();
  server.on('stream', (stream) => {
    calls++;
    stream.respond(GRPC);
    stream.on('error', () => undefined);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const called = once(server, 'stream');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const connection = Connection.lazy({ address, interceptors });
  atEnd(async () => {
    await connection.close();
    server.close();
  });
  return { connection, called, calls: () => calls };
}

test('a call inside withDeadline keeps its deadline if the connection is replaced before the call', async () => {
  const [first, next] = await Promise.all([silent(), silent()]);
  const { connection, replace } = replaceable(first.connection);

  const polls = connection.withDeadline(Date.now() + 1_000, async () => {
    replace(next.connection);
    // This call stands for the call with which the library polls for the result of an update.
    await connection.workflowService.getSystemInfo({});
  });

  expect(isGrpcDeadlineError(await polls.catch((err: unknown) => err))).toBe(true);
});

test('a new call uses the connection that replaced the former connection', async () => {
  const [first, next] = await Promise.all([silent(), silent()]);
  const { connection, replace } = replaceable(first.connection);
  const abort = new AbortController();

  replace(next.connection);
  const call = connection.withAbortSignal(abort.signal, () => connection.workflowService.getSystemInfo({}));
  await next.called;
  abort.abort();

  await expect(call).rejects.toThrow();
  expect(first.calls()).toBe(0);
});
