/** `main.js BUNDLE`: runs this project's worker with the bundle and the task queue of the minimal workflow. */
import { temporalTarget } from '../../temporal/connection';
import { connectNative } from '../../temporal/native-connection';
import { callTemporal } from '../../temporal/readiness';
import { onStopSignal, runMain } from '../../temporal/process';
import { readConfig } from '../../worker/config';
import { createWorker } from '../../worker/create-worker';
import { healthOf, serveHealth } from '../../worker/health';
import { createLogger } from '../../worker/logger';
import { installRuntime } from '../../worker/telemetry';
import { minimalTaskQueue } from '../contenders';

async function main([bundle = '']: string[]): Promise<void> {
  const config = await readConfig(process.env);
  installRuntime(createLogger());
  const target = temporalTarget();
  const connection = await connectNative(target);
  const worker = await createWorker({
    ...config,
    connection,
    namespace: target.namespace,
    taskQueue: minimalTaskQueue,
    bundlePath: bundle,
  });
  onStopSignal(() => worker.shutdown());
  const health = healthOf(worker, () => callTemporal(connection, target.namespace));
  await serveHealth({ port: config.healthPort, host: config.healthHost }, () => health);
  await worker.run();
  await connection.close();
}

runMain(main);
