/** Runs flows of both workflows. Each flow gets a property by signal, then an API key by signal. */
import { randomUUID } from 'node:crypto';
import { sealCredentials } from '../sealing/seal';
import { postJson } from '../scripts/post-json';
import type { ConnectorKey } from '../workflows/connector';
import type { CredentialInput, PropertyInput } from '../workflows/messages';
import { endOf, startsOf, type ContenderName, type Execution } from './contenders';
import { Follower } from './follower';
import type { Stack } from './stack';

const CONNECTOR = 'Fernhill';
const DOMAIN = 'acme';

/** A connector and the inputs of its flow. The inputs are made before the measurement, because sealing takes time. */
export interface Part {
  key: ConnectorKey;
  properties: PropertyInput;
  credentials: CredentialInput;
}

/** A flow that waits for its property. */
export interface Waiting {
  part: Part;
  execution: Execution;
  follower: Follower;
}

/**
 * A flow that has got both inputs. The times are in milliseconds, from the start or from an input until the flow
 * reaches its next state.
 */
export interface Played {
  part: Part;
  execution: Execution;
  startMs: number;
  propertyMs: number;
  credentialMs: number;
}

/** The length and the size of a closed flow's history. */
export interface Remains {
  events: number;
  bytes: number;
}

/** Makes an account with these connectors of the sandbox's catalogue. Returns their keys in the same order. */
export async function install({ sandboxUrl }: Stack, connectors: readonly string[]): Promise<ConnectorKey[]> {
  const accountId = `bench-${randomUUID()}`;
  const installed = await postJson(`${sandboxUrl}/_sandbox/accounts`, { accountId, connectors });
  return (installed as { id: number }[]).map(({ id: connectorId }) => ({ accountId, connectorId }));
}

/** Installs `count` connectors in a new account, and seals their credentials. */
export async function prepare(stack: Stack, count: number): Promise<Part[]> {
  const keys = await install(stack, Array<string>(count).fill(CONNECTOR));
  return Promise.all(
    keys.map(async (key) => {
      const submissionId = randomUUID();
      const credentials = await sealCredentials(
        { kind: 'apiKey', key: 'right' },
        { ...key, submissionId },
        stack.publicKey,
      );
      const properties = { submissionId: randomUUID(), values: { Domain: DOMAIN } };
      return { key, properties, credentials: { submissionId, credentials } };
    }),
  );
}

/** Starts a flow, and resolves when it is in `awaitingProperties`. */
export async function start({ client }: Stack, contender: ContenderName, part: Part): Promise<Waiting> {
  const execution = await startsOf(client)[contender](part.key);
  const follower = new Follower(client, execution);
  await follower.reaches(1);
  return { part, execution, follower };
}

/** Sends the property. Returns the milliseconds until the flow waits for the next input. */
export const sendProperty = ({ client }: Stack, { part, execution, follower }: Waiting): Promise<number> =>
  timed(async () => {
    const { workflowId, runId } = execution;
    await client.workflow.getHandle(workflowId, runId).signal('propertyInput', part.properties);
    await follower.reaches(2);
  });

const sendCredentials = ({ client }: Stack, { part, execution, follower }: Waiting): Promise<number> =>
  timed(async () => {
    const { workflowId, runId } = execution;
    await client.workflow.getHandle(workflowId, runId).signal('credentialInput', part.credentials);
    await follower.reaches(3);
  });

/** Runs one flow from start to end. */
export async function play(stack: Stack, contender: ContenderName, part: Part): Promise<Played> {
  const since = performance.now();
  const waiting = await start(stack, contender, part);
  const startMs = performance.now() - since;
  const propertyMs = await sendProperty(stack, waiting);
  const credentialMs = await sendCredentials(stack, waiting);
  return { part, execution: waiting.execution, startMs, propertyMs, credentialMs };
}

/** Returns the history's size. Fails unless the flow is `authenticated` and Cyclr stores the property that was sent. */
export async function checked(stack: Stack, { part, execution }: Played): Promise<Remains> {
  const handle = stack.client.workflow.getHandle(execution.workflowId, execution.runId);
  const state = endOf(await handle.result());
  if (state !== 'authenticated') throw new Error(`${execution.workflowId} ended as ${state}`);
  await checkConnector(stack, part.key);
  const { historyLength, historySize = NaN } = await handle.describe();
  return { events: historyLength, bytes: historySize };
}

/** Fails unless the connector is authenticated in Cyclr, and Cyclr stores the property that was sent. */
export async function checkConnector({ sandboxUrl }: Stack, { accountId, connectorId }: ConnectorKey): Promise<void> {
  const response = await fetch(`${sandboxUrl}/_sandbox/accounts/${accountId}/connectors/${connectorId}`);
  const { Authenticated, Properties } = (await response.json()) as { Authenticated?: boolean; Properties?: Property[] };
  const domain = Properties?.find(({ Name }) => Name === 'Domain')?.Value;
  if (!Authenticated || domain !== DOMAIN)
    throw new Error(`Cyclr: connector ${connectorId} of ${accountId}: ${Authenticated}, Domain ${domain}`);
}

interface Property {
  Name: string;
  Value: string;
}

/** Runs `act`, and returns how long `act` took, in milliseconds. */
export async function timed(act: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await act();
  return performance.now() - since;
}
