import type { AddressInfo } from 'node:net';
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../client/connector-auth';
import { connect, temporalTarget } from '../temporal/connection';
import { readBoth } from '../temporal/environment';
import { fatalReport } from '../temporal/log';
import { callTemporal, reachability } from '../temporal/readiness';
import { onStopSignal, runMain } from '../temporal/process';
import { createApp } from './app';
import { readConfig } from './config';
import { createLog, logAnswer } from './log';
import { createMetrics, serveMetrics } from './metrics';
import { Tokens } from './tokens';

const CONNECT_TIMEOUT_MS = 30_000;
/** The time limit of a shutdown. A call can wait 15 s for an answer of a flow, and 35 s for a link. */
const STOP_TIMEOUT_MS = 40_000;

async function main(): Promise<void> {
  const stopping = { stop: () => process.exit(0) as void };
  onStopSignal(() => stopping.stop());
  const [config, target] = await readBoth(() => readConfig(process.env), temporalTarget);
  const log = createLog();
  for (const warning of config.warnings) log.warn(warning);
  const connection = await connect(target, CONNECT_TIMEOUT_MS);
  const metrics = createMetrics();
  const app = await createApp({
    auth: new ConnectorAuth(new Client({ connection, namespace: target.namespace }), { taskQueue: config.taskQueue }),
    tokens: new Tokens({ keys: config.sessionKeys, publicUrl: config.publicUrl }),
    apiKeys: config.apiKeys,
    config,
    trouble: reachability(() => callTemporal(connection, target.namespace)),
    report(answered) {
      logAnswer(log, answered);
      metrics.count(answered);
    },
  });
  const metricsServer = await serveMetrics(metrics, config);
  await app.listen({ port: config.port, host: config.host });
  log.info(`Service at ${config.publicUrl}, Temporal at ${target.address}, namespace ${target.namespace}`);
  if (metricsServer) log.info(`Metrics at port ${(metricsServer.address() as AddressInfo).port}`);
  await new Promise<void>((resolve) => (stopping.stop = resolve));
  setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref(); // ends the process if a request has no answer by then
  await app.close(); // waits for the answers to all open requests
  metricsServer?.close();
  await connection.close();
}

runMain(main, fatalReport('service'));
