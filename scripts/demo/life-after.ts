/** The demo of the time after the connection: a monitored connection breaks at Cyclr, and a new consent restores it. */
import { OnboardingService } from '../../client/http';
import type { ConnectorKey } from '../../workflows/connector';
import type { EventType } from '../../workflows/events';
import type { Running } from '../local/stack';
import { postJson } from '../post-json';
import type { PersistentOptions } from '../user/persistent';
import { consent, reauthenticate, type PersonParts } from './person';
import type { Receiver } from './receiver';
import { waitFor } from './wait';

const CONNECTOR = 'Ledgerly';
const PERSON = 'jo@acme.example';

export interface LifeAfterParts {
  stack: Running;
  receiver: Receiver;
  /** The last part of the path of Cyclr's transaction-error webhook. */
  webhookSecret: string;
  patience: PersistentOptions;
  /** Prints a line. */
  say: (line: string) => void;
}

/** The parts of the demo, and the connector that the demo connects. `cycleId`: a cycle that has only this connector. */
interface Scene extends LifeAfterParts {
  backend: OnboardingService;
  key: ConnectorKey;
  cycleId: string;
  /** The person who repairs the connection. */
  person?: PersonParts;
}

/**
 * A step of the demo: its name, and the function that does it. The function returns the text that the demo prints for
 * this step. The function fails if the step does not have its effect.
 */
type Step = [name: string, act: (scene: Scene) => Promise<string>];

const steps: Step[] = [
  ['connect', connect],
  ['monitor', monitor],
  ['break', breakAtCyclr],
  ['webhook', reportByCyclr],
  ['event', (scene) => eventOf(scene, 'connection.broken')],
  ['session', makeSession],
  ['consent', consentAgain],
  ['event', (scene) => eventOf(scene, 'connection.restored')],
  ['answer', readConnection],
];

/** Runs the steps in their order, and prints a line for each. Resolves with true if each step has had its effect. */
export async function playLifeAfter(parts: LifeAfterParts): Promise<boolean> {
  const scene = await prepare(parts);
  const { say } = parts;
  say(`\nAccount ${scene.key.accountId}, connector ${scene.key.connectorId}: ${CONNECTOR} (OAuth2, consent)\n`);
  for (const [index, [name, act]] of steps.entries()) {
    const line = `${index + 1} ${name.padEnd(8)}`;
    try {
      say(`✓ ${line} ${await act(scene)}`);
    } catch (err) {
      say(`✗ ${line} ${(err as Error).message}`);
      return false;
    }
  }
  say('\nThe connection broke at Cyclr, and a new consent restored it.');
  return true;
}

async function prepare(parts: LifeAfterParts): Promise<Scene> {
  const { cyclr, service } = parts.stack;
  const accountId = `demo-${new Date().toISOString().slice(0, 19).replace(/:/g, '')}`;
  const accounts = `${cyclr.url}/_sandbox/accounts`;
  const [connector] = (await postJson(accounts, { accountId, connectors: [CONNECTOR] })) as [{ id: number }];
  const cycle = (await postJson(`${accounts}/${accountId}/cycles`, { connectorIds: [connector.id] })) as { id: string };
  const key = { accountId, connectorId: connector.id };
  return { ...parts, backend: new OnboardingService(service), key, cycleId: cycle.id };
}

/** Makes a session by the backend, and returns the data of the person who uses this session. */
async function personOf({ backend, stack, patience, key }: Scene, more: object = {}): Promise<PersonParts> {
  const { accountId, connectorId } = key;
  const session = await backend.createSession({ accountId, connectorIds: [connectorId], by: PERSON, ...more });
  return { serviceUrl: stack.service.url, sandboxUrl: stack.cyclr.url, session, key, patience };
}

async function connect(scene: Scene): Promise<string> {
  const { state } = await consent(await personOf(scene));
  return `${PERSON} consents on the connect page: the flow is ${state}`;
}

/**
 * Waits until the account's list of connections has the connection, because the service passes Cyclr's message only to
 * the monitors in this list.
 */
async function monitor({ backend, key }: Scene): Promise<string> {
  const { state } = await waitFor('The account has no connection with a monitor.', async () => {
    for await (const listed of backend.connections(key.accountId)) if (listed.state === 'connected') return listed;
    return undefined;
  });
  const checkedAt = await waitFor(
    'The monitor has not read the connection.',
    // `checkedAt` is absent until a monitor has read the connector.
    async () => (await backend.connection(key)).checkedAt,
  );
  return `a monitor has started by itself: the connection is ${state}, last read at ${checkedAt}`;
}

async function breakAtCyclr({ stack, key }: Scene): Promise<string> {
  const path = `${stack.cyclr.url}/_sandbox/accounts/${key.accountId}/connectors/${key.connectorId}`;
  const response = await fetch(path, {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ Authenticated: false }),
  });
  if (!response.ok) throw new Error(`The sandbox answers ${response.status}.`);
  return 'the third party withdraws the consent: Cyclr reports Authenticated: false';
}

async function reportByCyclr({ stack, key, cycleId, webhookSecret }: Scene): Promise<string> {
  const path = `${stack.cyclr.url}/_sandbox/accounts/${key.accountId}/cycles/${cycleId}/transaction-errors`;
  const url = `${stack.service.url}/v1/cyclr/transaction-errors/${webhookSecret}`;
  const { status } = (await postJson(path, { url })) as { status: number };
  if (status !== 204) throw new Error(`The service answers ${status} to Cyclr's transaction-error webhook.`);
  return `Cyclr's transaction-error webhook reports a failed call of the cycle: the service answers ${status}`;
}

async function eventOf({ receiver }: Scene, type: EventType): Promise<string> {
  const { data } = await receiver.event(type);
  return `${type} is received and its signature verified: the connection is ${data.state}`;
}

async function makeSession(scene: Scene): Promise<string> {
  scene.person = await personOf(scene, { reauthenticate: [scene.key.connectorId] });
  const { intent } = await reauthenticate(scene.person);
  return `the backend makes a session for ${PERSON}, who starts a flow with the intent ${intent}`;
}

async function consentAgain({ person }: Scene): Promise<string> {
  const { state } = await consent(person!);
  return `${PERSON} consents again: the flow is ${state}`;
}

async function readConnection({ backend, key }: Scene): Promise<string> {
  const { state, lastOutcome } = await backend.connection(key);
  if (state !== 'connected') throw new Error(`The connection is ${state}.`);
  return `the connection is ${state}, authenticated by ${lastOutcome?.by}`;
}
