/** Connects an account's connector, and then runs the application's own workflow. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Client, Connection } from '@temporalio/client';
import { ConnectorAuth, publicKeyOf, sealCredentials } from 'cyclr-connect';
import type { importOrders } from './workflows';

async function main(): Promise<void> {
  const taskQueue = 'acme-app';
  const connection = await Connection.connect({ address: process.env.TEMPORAL_ADDRESS ?? '127.0.0.1:7233' });
  const client = new Client({ connection });
  const auth = new ConnectorAuth(client, { taskQueue });
  const publicKey = await publicKeyOf(readFileSync(process.env.SEALING_KEYS!, 'utf8'));

  const key = { accountId: 'acme', connectorId: 1001 };
  await auth.start(key, { by: 'acme-app' });
  for await (const { state } of auth.views(key)) if (state === 'awaitingCredentials') break;

  const submissionId = randomUUID();
  const credentials = await sealCredentials({ kind: 'apiKey', key: 'my-key' }, { ...key, submissionId }, publicKey);
  await auth.submitCredentials(key, { submissionId, credentials });
  const { state, problem } = await auth.result(key);
  console.log(`connector ${key.connectorId}: ${state} ${problem?.message ?? ''}`);

  const args: Parameters<typeof importOrders> = [key.accountId];
  const orders = await client.workflow.execute<typeof importOrders>('importOrders', {
    ...{ taskQueue, args },
    workflowId: `import-orders/${key.accountId}`,
  });
  console.log(`orders: ${orders}`);
  await connection.close();
}

main().catch((err: unknown) => {
  console.error(err);
  process.exit(1);
});
