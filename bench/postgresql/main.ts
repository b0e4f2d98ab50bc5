/** Runs the steps of the state machine in machine.ts, with the database at DATABASE_URL. */
import { CyclrClient } from '../../activities/cyclr/client';
import { onStopSignal, runMain } from '../../temporal/process';
import { readConfig } from '../../worker/config';
import { serveHealth } from '../../worker/health';
import { runSteps } from './machine';

async function main(): Promise<void> {
  const { cyclr, keys, healthPort: port, healthHost: host } = await readConfig(process.env);
  const steps = await runSteps(process.env.DATABASE_URL!, { cyclr: new CyclrClient(cyclr), keys });
  await serveHealth({ port, host }, () => ({ failure: () => undefined, notReady: async () => undefined }));
  await new Promise(onStopSignal);
  await steps.stop();
}

runMain(main);
