import type { Logger, NativeConnection, Worker } from '@temporalio/worker';
import { connect, temporalTarget, type TemporalTarget } from '../temporal/connection';
import { describeDeployment, setCurrentCommand } from '../temporal/deployment';
import { readBoth } from '../temporal/environment';
import { fatalReport } from '../temporal/log';
import { connectNative } from '../temporal/native-connection';
import { allowed, attributeCheck, callTemporal } from '../temporal/readiness';
import { onStopSignal, runMain } from '../temporal/process';
import { closeLater, followCredentials } from '../temporal/rotation';
import { requireSearchAttributes } from '../temporal/search-attributes';
import { readConfig, type WorkerConfig } from './config';
import { createWorker } from './create-worker';
import { eventsWorkerOf, replaceConnection } from './events-worker';
import { type Health, healthOf, serveHealth, starting } from './health';
import { createLogger } from './logger';
import { installRuntime } from './telemetry';

const CONNECT_MS = 30_000;

async function main(): Promise<void> {
  const running: { worker?: Worker; health: Health } = { health: starting };
  onStopSignal(() => (running.worker?.getState() === 'RUNNING' ? running.worker.shutdown() : process.exit(0)));
  const [config, target] = await readBoth(() => readConfig(process.env), temporalTarget);
  const { metrics } = config;
  const logger = createLogger(config.logLevel);
  installRuntime(logger, metrics);
  const healthPort = await serveHealth({ port: config.healthPort, host: config.healthHost }, () => running.health);
  watchPolicies(config, logger);
  await checkSearchAttributes(target);
  const connection = await connectNative(target, CONNECT_MS);
  const tracing = config.traces && (await import('./tracing.js')).traceWorker(config.traces);
  const workerOptions = { ...config.limits, dataConverter: target.dataConverter };
  const worker = await createWorker({ ...config, connection, namespace: target.namespace, workerOptions, tracing });
  running.worker = worker;
  running.health = healthOf(
    worker,
    () => callTemporal(worker.connection!, target.namespace),
    attributeCheck(() => worker.connection!, target.namespace),
    () => eventsWorkerOf(worker),
  );
  const reconnect = async (next: TemporalTarget) => {
    const former = worker.connection!;
    replaceConnection(worker, await allowed(await connectNative(next), target.namespace));
    closeLater(former); // running activities still use the former connection
  };
  followCredentials(target, reconnect, logger);
  logger.info(`Worker of ${target.address}, namespace ${target.namespace}, Cyclr at ${config.cyclr.apiUrl}`);
  if (metrics)
    logger.info('port' in metrics ? `Metrics at port ${metrics.port}` : 'Metrics go to an OpenTelemetry collector');
  logger.info(`Health at http://127.0.0.1:${healthPort}/healthz and /readyz`);
  if (config.deployment) await warnUnlessCurrent(worker, config.deployment, { ...target, connection, logger });
  await worker.run();
  await worker.connection!.close();
  await tracing?.stop();
}

function watchPolicies({ policies, policiesFile = '' }: WorkerConfig, logger: Logger): void {
  policies?.watch(policiesFile, {
    changed: () => logger.info('The policies of CONNECTOR_POLICIES have changed, and are in force'),
    broken: ({ message }) =>
      logger.error(`CONNECTOR_POLICIES is not usable, so the former policies stay in force: ${message}`),
  });
}

async function checkSearchAttributes(target: TemporalTarget): Promise<void> {
  const connection = await connect(target, CONNECT_MS);
  try {
    await requireSearchAttributes(connection, target.namespace);
  } finally {
    await connection.close();
  }
}

/**
 * Logs a warning if this worker's version is not current, because such a worker gets no tasks, except during a ramp.
 */
async function warnUnlessCurrent(
  { options }: Worker,
  deployment: string,
  { connection, logger, ...target }: TemporalTarget & { connection: NativeConnection; logger: Logger },
): Promise<void> {
  const { namespace } = target;
  const { buildId } = options.workerDeploymentOptions!.version;
  let current: string | undefined;
  try {
    current = (await describeDeployment(connection, namespace, deployment))?.current;
  } catch (error) {
    return logger.warn(`The current version of deployment ${deployment} can not be read`, { error });
  }
  if (current === buildId) return;
  const reason =
    current === undefined
      ? 'has no current version, so its workers get no tasks'
      : `has the current version ${current}. A worker of version ${buildId} gets no tasks, unless this version is ramping`;
  logger.warn(`Deployment ${deployment} ${reason}. Run: ${setCurrentCommand(target, deployment, buildId)}`);
}

runMain(main, fatalReport('worker'));
