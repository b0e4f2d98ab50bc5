import { Connection } from '@temporalio/client';
import { interceptors } from '../../temporal/grpc-retry';
import { freePort } from '../../scripts/local/ports';

test('a gRPC call fails without an uncaught error if its connection is closed before the retry', async () => {
  const address = `127.0.0.1:${await freePort()}`; // no server runs at this address, so the client repeats every call
  const [retrying, unlessClosed] = interceptors;
  let tries = 0;
  const closing: (typeof interceptors)[number] = (options, nextCall) => {
    if (++tries === 2) void connection.close();
    return nextCall(options) as ReturnType<typeof closing>;
  };
  const connection = Connection.lazy({ address, interceptors: [retrying!, closing, unlessClosed!] });

  const call = connection.workflowService.getSystemInfo({});

  await expect(call).rejects.toMatchObject({ code: 13, details: 'The connection is closed.' });
  expect(tries).toBe(2);
});
