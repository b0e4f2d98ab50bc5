import { Runtime, type Worker } from '@temporalio/worker';
import { connect, temporalTarget, type TemporalTarget } from '../temporal/connection';
import { readBoth } from '../temporal/environment';
import { connectNative } from '../temporal/native-connection';
import { callTemporal } from '../temporal/readiness';
import { onStopSignal, runMain } from '../temporal/process';
import { requireSearchAttributes } from '../temporal/search-attributes';
import { readConfig } from './config';
import { createWorker } from './create-worker';
import { type Health, healthOf, serveHealth, starting } from './health';
import { createLogger } from './logger';

const CONNECT_MS = 30_000;

async function main(): Promise<void> {
  const running: { worker?: Worker; health: Health } = { health: starting };
  onStopSignal(() => (running.worker?.getState() === 'RUNNING' ? running.worker.shutdown() : process.exit(0)));
  const [config, target] = await readBoth(() => readConfig(process.env), temporalTarget);
  const logger = createLogger();
  Runtime.install({ logger, shutdownSignals: [] }); // the SDK's own signal hook ends the process at a second signal
  const healthPort = await serveHealth({ port: config.healthPort, host: config.healthHost }, () => running.health);
  await checkSearchAttributes(target);
  const connection = await connectNative(target, CONNECT_MS);
  const worker = await createWorker({ ...config, connection, namespace: target.namespace });
  running.worker = worker;
  running.health = healthOf(worker, () => callTemporal(connection, target.namespace));
  logger.info(`Worker of ${target.address}, namespace ${target.namespace}, Cyclr at ${config.cyclr.apiUrl}`);
  logger.info(`Health at http://127.0.0.1:${healthPort}/healthz and /readyz`);
  await worker.run();
  await connection.close();
}

async function checkSearchAttributes(target: TemporalTarget): Promise<void> {
  const connection = await connect(target, CONNECT_MS);
  try {
    await requireSearchAttributes(connection, target.namespace);
  } finally {
    await connection.close();
  }
}

runMain(main, 'worker');
