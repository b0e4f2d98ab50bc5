/** Runs one flow on the worker of `createWorker`, with the workflow bundle of the package. */
const { readFileSync } = require('node:fs');
const { Client, Connection } = require('@temporalio/client');
const { NativeConnection } = require('@temporalio/worker');
const { ConnectorAuth, publicKeyOf, sealCredentials } = require('cyclr-connect');
const { createWorker, readConfig } = require('cyclr-connect/worker');

const key = { accountId: 'acme', connectorId: 1004 };
const taskQueue = 'bundle';
const address = process.env.TEMPORAL_ADDRESS;

async function connectorOf(auth) {
  const publicKey = await publicKeyOf(readFileSync(process.env.SEALING_KEYS, 'utf8'));
  await auth.start(key);
  for await (const { state } of auth.views(key)) if (state === 'awaitingCredentials') break;
  const submissionId = 'submission-1';
  const credentials = await sealCredentials({ kind: 'apiKey', key: 'my-key' }, { ...key, submissionId }, publicKey);
  await auth.submitCredentials(key, { submissionId, credentials });
  return auth.result(key);
}

async function main() {
  const config = await readConfig(process.env);
  const connection = await NativeConnection.connect({ address });
  const worker = await createWorker({ ...config, connection, taskQueue });
  const client = new Client({ connection: await Connection.connect({ address }) });
  const { state } = await worker.runUntil(connectorOf(new ConnectorAuth(client, { taskQueue })));
  console.log(`connector ${key.connectorId}: ${state}`);
}

main().then(
  () => process.exit(0),
  (err) => {
    console.error(err);
    process.exit(1);
  },
);
