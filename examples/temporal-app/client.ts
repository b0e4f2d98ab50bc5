/** Runs the application's own workflow, which waits for a connector, and connects this connector as a user would. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Client, Connection } from '@temporalio/client';
import { ConnectorAuth, publicKeyOf, sealCredentials, type ConnectorKey, type View } from 'cyclr-connect';
import type { importOrders } from './workflows';

/** Returns the first view of a flow that waits for input, has a problem or has ended. */
async function nextStop(auth: ConnectorAuth, key: ConnectorKey): Promise<View> {
  let view = await auth.view(key);
  for await (view of auth.views(key)) if (view.problem || view.state.startsWith('awaiting')) break;
  return view; // the last view of a flow that has ended is the final view
}

/** Starts the flow, unless the workflow has already started it, and sends the API key. */
async function connect(auth: ConnectorAuth, key: ConnectorKey): Promise<View> {
  await auth.start(key, { by: 'acme-app' });
  const view = await nextStop(auth, key);
  if (view.state !== 'awaitingCredentials') return view;
  const publicKey = await publicKeyOf(readFileSync(process.env.SEALING_KEYS!, 'utf8'));
  const submissionId = randomUUID();
  const credentials = await sealCredentials({ kind: 'apiKey', key: 'my-key' }, { ...key, submissionId }, publicKey);
  await auth.submitCredentials(key, { submissionId, credentials, by: 'acme-app' });
  return nextStop(auth, key);
}

async function main(): Promise<void> {
  const taskQueue = 'acme-app';
  const connection = await Connection.connect({ address: process.env.TEMPORAL_ADDRESS ?? '127.0.0.1:7233' });
  const client = new Client({ connection });

  const key = { accountId: 'Müller & Söhne/1', connectorId: 2001 };
  const importing = await client.workflow.start<typeof importOrders>('importOrders', {
    taskQueue,
    args: [key],
    // The id of a subscriber must have only printable ASCII characters.
    workflowId: `import-orders/${encodeURIComponent(key.accountId)}`,
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
  const { state, problem } = await connect(new ConnectorAuth(client, { taskQueue }), key);
  if (state !== 'authenticated') throw new Error(`connector ${key.connectorId}: ${state} ${problem?.message ?? ''}`);
  console.log(`connector ${key.connectorId}: ${state}`);
  console.log(`orders: ${await importing.result()}`);
  await connection.close();
}

main().catch((err: unknown) => {
  console.error(err);
  process.exit(1);
});
