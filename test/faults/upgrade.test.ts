/**
 * Follows docs/upgrades.md with `scripts/upgrade.sh`: runs two builds side by side, makes a ramp, a rollback and the
 * upgrade.
 */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { findBinary } from '../../scripts/local/binary';
import { startSandbox, startTemporal, startWorker } from '../../scripts/local/parts';
import { temporalEnv } from '../../scripts/local/settings';
import { generateKey, publicKeyOf } from '../../sealing/keys';
import { sealCredentials } from '../../sealing/seal';
import { connect } from '../../temporal/connection';
import { searchAttributeTypes } from '../../temporal/search-attributes';
import { buildIdOf } from '../../worker/create-worker';
import { workflowIdOf } from '../../workflows/messages';
import { atEnd, launch, temporaryFolder } from '../scripts/parts/scene';
import { eventually } from '../support/eventually';

jest.setTimeout(600_000); // this limit only ends a test that hangs

const DEPLOYMENT = 'connector-auth';
const root = join(__dirname, '..', '..');
const key = { accountId: 'acme', connectorId: 1001 };

/** Copies dist/ with another workflow bundle. The bundle of the copy has the same code, but another hash. */
function nextBuild(): string {
  const folder = temporaryFolder();
  const dist = join(folder, 'dist');
  mkdirSync(dist);
  cpSync(join(root, 'dist'), dist, { recursive: true });
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const bundle = join(dist, 'workflow-bundle.js');
  writeFileSync(bundle, `/* the next build */\n${readFileSync(bundle, 'utf8')}`);
  return dist;
}

test('a waiting flow continues during a ramp, after a rollback and after the upgrade', async () => {
  const logFolder = temporaryFolder();
  const temporal = await startTemporal({ logFolder, searchAttributes: searchAttributeTypes });
  atEnd(() => temporal.stop());
  const sandbox = await startSandbox({ logFolder });
  atEnd(() => sandbox.stop());
  const sealingKeys = JSON.stringify({ keys: [await generateKey()] });
  const { address, namespace } = temporal;
  const connection = await connect({ address, namespace, connectionOptions: { address } });
  atEnd(() => connection.close());
  const client = new Client({ connection });
  const auth = new ConnectorAuth(client);
  const [old, next] = [join(root, 'dist'), nextBuild()];
  const [oldId, nextId] = [old, next].map((dist) => buildIdOf(join(dist, 'workflow-bundle.js'))) as [string, string];
  const TEMPORAL_CLI_PATH = await findBinary('temporal');
  const upgrade = async (...args: string[]) => {
    const env = { ...temporalEnv(temporal), TEMPORAL_CLI_PATH };
    return launch(join(root, 'scripts', 'upgrade.sh'), [DEPLOYMENT, ...args], { env }).ended;
  };
  /** Repeats a step until it succeeds, because the server knows a version only some time after its first poll. */
  const upgraded = (...args: string[]) =>
    eventually(
      () => upgrade(...args),
      ({ code }) => code === 0,
    );
  const startVersion = async (name: string, dist: string) => {
    const worker = await startWorker({
      ...{ name, logFolder, temporal, cyclr: sandbox.cyclr, sealingKeys },
      main: join(dist, 'worker', 'main.js'),
      env: { WORKER_DEPLOYMENT: DEPLOYMENT },
    });
    atEnd(() => worker.stop());
    return worker;
  };
  /**
   * Rechecks the flow until the build `expected` has run the flow's last workflow task. Returns the id of this build.
   */
  const buildAfterTask = async (expected: string) =>
    eventually(
      async () => {
        await auth.recheck(key);
        const { raw } = await client.workflow.getHandle(workflowIdOf(key)).describe();
        return raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId;
      },
      (build) => build === expected,
    );

  const first = await startVersion('first', old);
  await upgraded('current', oldId);
  await auth.start(key);
  for await (const { state } of auth.views(key)) if (state === 'awaitingCredentials') break;
  const second = await startVersion('second', next);
  await upgraded('ramp', nextId, '100');
  const status = await upgrade('status');
  await buildAfterTask(nextId);
  await upgraded('stop-ramp', nextId);
  await buildAfterTask(oldId);
  await upgraded('current', nextId);
  await buildAfterTask(nextId);
  await first.stop();
  const submissionId = 'first';
  const values = { kind: 'apiKey', key: 'right' } as const;
  const credentials = await sealCredentials(values, { ...key, submissionId }, await publicKeyOf(sealingKeys));
  await auth.submitCredentials(key, { submissionId, credentials });

  expect(status.stdout).toContain(nextId);
  expect(await auth.result(key)).toMatchObject({ state: 'authenticated' });
  expect(second.isRunning()).toBe(true);
  expect(second.log()).toContain(`has the current version ${oldId}. A worker of version ${nextId} gets no tasks`);
});

test('upgrade.sh without arguments, and with a step that does not exist, prints its usage', async () => {
  const script = join(root, 'scripts', 'upgrade.sh');

  for (const args of [[], [DEPLOYMENT, 'back']])
    expect(await launch(script, args).ended).toMatchObject({ code: 2, stderr: expect.stringContaining('stop-ramp') });
});
