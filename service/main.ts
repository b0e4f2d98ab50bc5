import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../client/connector-auth';
import { connect, temporalTarget } from '../temporal/connection';
import { reachTemporal, troubleReaching } from '../temporal/reach';
import { runMain } from '../temporal/run-main';
import { onStopSignal } from '../temporal/stop-signals';
import { createApp } from './app';
import { readConfig } from './config';
import { createLog, logAnswer } from './log';
import { createMetrics, serveMetrics } from './metrics';
import { Tokens } from './tokens';

const CONNECT_MS = 30_000;
/** A call may wait 15 s for a flow's answer, a link 35 s. */
const STOP_WITHIN_MS = 40_000;

async function main(): Promise<void> {
  const stopping = { stop: () => process.exit(0) as void };
  onStopSignal(() => stopping.stop());
  const config = await readConfig(process.env);
  const log = createLog();
  for (const warning of config.warnings) log.warn(warning);
  const target = temporalTarget();
  const connection = await connect(target, CONNECT_MS);
  const metrics = createMetrics();
  const app = await createApp({
    auth: new ConnectorAuth(new Client({ connection, namespace: target.namespace }), { taskQueue: config.taskQueue }),
    tokens: new Tokens({ keys: config.sessionKeys, publicUrl: config.publicUrl }),
    apiKeys: config.apiKeys,
    config,
    trouble: troubleReaching(() => reachTemporal(connection, target.namespace)),
    report(answered) {
      logAnswer(log, answered);
      metrics.count(answered);
    },
  });
  const counting = config.metricsPort === undefined ? undefined : await serveMetrics(metrics, config.metricsPort);
  await app.listen({ port: config.port, host: config.host });
  log.info(`Service at ${config.publicUrl}, Temporal at ${target.address}, namespace ${target.namespace}`);
  await new Promise<void>((resolve) => (stopping.stop = resolve));
  setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref(); // somebody is left without an answer
  await app.close(); // answers what has arrived
  counting?.close();
  await connection.close();
}

runMain(main, 'service');
