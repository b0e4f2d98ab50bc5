import type { Logger, NativeConnection, Worker } from '@temporalio/worker';
import { connect, temporalTarget, type TemporalTarget } from '../temporal/connection';
import { describeDeployment, setCurrentCommand } from '../temporal/deployment';
import { readBoth } from '../temporal/environment';
import { fatalReport } from '../temporal/log';
import { connectNative } from '../temporal/native-connection';
import { attributeCheck, callTemporal } from '../temporal/readiness';
import { onStopSignal, runMain } from '../temporal/process';
import { requireSearchAttributes } from '../temporal/search-attributes';
import { readConfig } from './config';
import { createWorker } from './create-worker';
import { type Health, healthOf, serveHealth, starting } from './health';
import { createLogger } from './logger';
import { installRuntime } from './telemetry';

const CONNECT_MS = 30_000;

async function main(): Promise<void> {
  const running: { worker?: Worker; health: Health } = { health: starting };
  onStopSignal(() => (running.worker?.getState() === 'RUNNING' ? running.worker.shutdown() : process.exit(0)));
  const [config, target] = await readBoth(() => readConfig(process.env), temporalTarget);
  const logger = createLogger();
  installRuntime(logger);
  const healthPort = await serveHealth({ port: config.healthPort, host: config.healthHost }, () => running.health);
  await checkSearchAttributes(target);
  const connection = await connectNative(target, CONNECT_MS);
  const worker = await createWorker({ ...config, connection, namespace: target.namespace });
  running.worker = worker;
  running.health = healthOf(
    worker,
    () => callTemporal(connection, target.namespace),
    attributeCheck(() => connection, target.namespace),
  );
  logger.info(`Worker of ${target.address}, namespace ${target.namespace}, Cyclr at ${config.cyclr.apiUrl}`);
  logger.info(`Health at http://127.0.0.1:${healthPort}/healthz and /readyz`);
  if (config.deployment) await warnWithoutCurrentVersion(worker, config.deployment, { ...target, connection, logger });
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

/** Logs a warning if the deployment has no current version, because its workers then get no tasks. */
async function warnWithoutCurrentVersion(
  { options }: Worker,
  deployment: string,
  { connection, logger, ...target }: TemporalTarget & { connection: NativeConnection; logger: Logger },
): Promise<void> {
  const described = await describeDeployment(connection, target.namespace, deployment).catch(() => undefined);
  if (described?.current) return;
  const command = setCurrentCommand(target, deployment, options.workerDeploymentOptions?.version.buildId);
  logger.warn(`Deployment ${deployment} has no current version, so its workers get no tasks. Run: ${command}`);
}

runMain(main, fatalReport('worker'));
