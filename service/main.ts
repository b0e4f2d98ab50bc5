import type { AddressInfo } from 'node:net';
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../client/connector-auth';
import { connect, temporalTarget } from '../temporal/connection';
import { readBoth } from '../temporal/environment';
import { fatalReport } from '../temporal/log';
import type { OtlpTraces } from '../temporal/otlp';
import { allowed, callTemporal, reachability } from '../temporal/readiness';
import { onStopSignal, runMain } from '../temporal/process';
import { followCredentials, replaceable } from '../temporal/rotation';
import { createApp } from './app';
import { readConfig } from './config';
import { checkReturnUrl } from './flows';
import { createLog, logAnswer } from './log';
import { createMetrics, serveMetrics } from './metrics';
import { Tokens } from './tokens';

const CONNECT_TIMEOUT_MS = 30_000;
/**
 * The time limit of a shutdown. The limit is longer than a call takes while a worker answers: up to 15 s for the answer of
 * a flow, or up to 35 s for a link.
 */
const STOP_TIMEOUT_MS = 40_000;

async function main(): Promise<void> {
  const stopping = { stop: () => process.exit(0) as void };
  onStopSignal(() => stopping.stop());
  const [config, target] = await readBoth(() => readConfig(process.env), temporalTarget);
  const tokens = new Tokens({ keys: config.sessionKeys, publicUrl: config.publicUrl });
  await checkReturnUrl({ tokens, config });
  const log = createLog(config.logLevel);
  for (const warning of config.warnings) log.warn(warning);
  const tracing = config.traces && (await startTraces(config.traces));
  const { connection, replace } = replaceable(await connect(target, CONNECT_TIMEOUT_MS));
  const { namespace, dataConverter } = target;
  followCredentials(target, async (next) => replace(await allowed(await connect(next), namespace)), log);
  const interceptors = { workflow: tracing ? [tracing.interceptor] : [] };
  const client = new Client({ connection, namespace, dataConverter, interceptors });
  const metrics = createMetrics({ client, taskQueue: config.taskQueue });
  const app = await createApp({
    auth: new ConnectorAuth(client, { taskQueue: config.taskQueue }),
    tokens,
    apiKeys: config.apiKeys,
    config,
    trouble: reachability(() => callTemporal(connection, target.namespace)),
    metrics,
    trace: tracing?.trace,
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
  setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref(); // ends the process if a request gets no answer in time
  await app.close(); // waits for the answers to all open requests
  metricsServer?.close();
  await connection.close();
  await tracing?.stop();
}

/** Loads the code of the traces, and starts their export. */
async function startTraces(traces: OtlpTraces) {
  const { clientInterceptor: interceptor, startTracing } = await import('../temporal/tracing.js');
  const { traceRequests: trace } = await import('./tracing.js');
  return { interceptor, trace, stop: startTracing(traces) };
}

runMain(main, fatalReport('service'));
