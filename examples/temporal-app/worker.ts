/** The application's worker. The plugin adds the activities and interceptors of cyclr-connect. */
import { NativeConnection, Worker } from '@temporalio/worker';
import { ConnectorAuthPlugin, readConfig } from 'cyclr-connect/worker';
import * as activities from './activities';

async function main(): Promise<void> {
  const taskQueue = 'acme-app';
  const config = await readConfig(process.env); // CYCLR_* and SEALING_KEYS; fails with one message that names all faults
  const connection = await NativeConnection.connect({ address: process.env.TEMPORAL_ADDRESS ?? '127.0.0.1:7233' });
  const worker = await Worker.create({
    connection,
    taskQueue,
    workflowsPath: require.resolve('./workflows'),
    activities,
    shutdownGraceTime: '65s', // the time in which running activities can end before the worker stops
    plugins: [new ConnectorAuthPlugin({ ...config, taskQueue })],
  });
  await worker.run();
  await connection.close();
}

main().catch((err: unknown) => {
  console.error(err);
  process.exit(1);
});
