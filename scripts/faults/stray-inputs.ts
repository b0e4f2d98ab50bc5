/** Sends what changes nothing: malformed, forged, foreign, replayed, unknown, and the same again. */
import { randomUUID } from 'node:crypto';
import { ConnectorAuthError } from '../../client/connector-auth-error';
import { signal, update } from './calls';
import { credentialEntry } from './inputs';
import type { Ledger } from './ledger';
import type { Stray } from './strays';
import type { World } from './world';

export interface Scene {
  world: World;
  ledger: Ledger;
  /** Attempts of all flows. */
  attempts: string[];
}

const shapeless: unknown[] = [
  undefined,
  null,
  7,
  'text',
  [],
  {},
  { submissionId: '' },
  { submissionId: 'a b', values: {} },
];

type Send = (scene: Scene, choose: <T>(items: readonly T[]) => T) => Promise<unknown>;

const by = 'stray';
const sends: Record<Stray['kind'], Send> = {
  unknownSignal: (scene) => signals(scene, `unknown-${scene.ledger.plan.number}`, { nothing: 'here' }),
  malformedProperties: (scene, choose) =>
    signals(scene, 'propertyInput', choose([...shapeless, { submissionId: randomUUID(), values: 7, by }])),
  malformedCredentials: (scene, choose) =>
    signals(scene, 'credentialInput', choose([...shapeless, { submissionId: randomUUID(), credentials: '', by }])),
  malformedCallback: (scene, choose) =>
    signals(scene, 'oauthCallback', choose([...shapeless, { attemptId: randomUUID(), by: 7 }])),
  malformedUpdate: (scene, choose) =>
    rejected(scene, choose(['submitProperties', 'submitCredentials', 'confirmAuthorization']), choose(shapeless)),
  malformedLink: (scene) =>
    rejected(scene, 'requestAuthorization', {
      attemptId: randomUUID(),
      returnTo: 'http://127.0.0.1:9/',
      replyKey: { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) },
    }),
  unknownUpdate: (scene) => rejected(scene, 'submitEverything', {}),
  forgedCallback: (scene) => signals(scene, 'oauthCallback', { attemptId: randomUUID(), by }),
  foreignCallback: (scene, choose) =>
    signals(scene, 'oauthCallback', { attemptId: choose(foreignAttempts(scene)) ?? 'none', by }),
  // The one that came back already: it may be verified once, and no more.
  replayedCallback: async (scene, choose) => {
    const attemptId = choose([...(scene.ledger.runs.at(-1)?.confirmations.keys() ?? [])]);
    if (attemptId) await signals(scene, 'oauthCallback', { attemptId, by: 'callback' });
  },
  forgedConfirmation: (scene) =>
    update(scene.world.client, scene.ledger.workflowId, 'confirmAuthorization', { attemptId: randomUUID(), by }),
  foreignCredentials: async (scene) =>
    signals(scene, 'credentialInput', (await entry(scene, randomUUID(), 'foreign')).input),
  // An id that was taken, with another value; where it was not, Cyclr refuses the value.
  usedSubmission: async (scene) => {
    const { runs, plan } = scene.ledger;
    const submissionId = `f${plan.number}-r${runs.length - 1}-credentials-0`;
    await signals(scene, 'credentialInput', (await entry(scene, submissionId, 'wrong')).input);
  },
  clearCredentials: async (scene) =>
    rejected(scene, 'submitCredentials', (await entry(scene, randomUUID(), 'clear')).input),
  secondStart: async ({ world, ledger }) => {
    const { runId, plan } = ledger.runs.at(-1)!;
    const started = await world.auth.start(ledger.key, { patience: plan.patience, by }).catch(unlessPromised);
    if (started && started.runId !== runId) ledger.troubles.push('a second start started another run');
  },
  reauthentication: async ({ world, ledger }) => {
    const started = await world.auth.start(ledger.key, { intent: 'reauthenticate', by }).catch(unlessPromised);
    if (started) ledger.troubles.push('a re-authentication started beside an authentication');
  },
};

/** Sends it. What is sent in a race with the flow's end is nobody's. */
export async function sendStray(scene: Scene, { kind, choice }: Stray): Promise<void> {
  await sends[kind](scene, (items) => items[Math.floor(choice * items.length)]!);
}

const signals = ({ world, ledger }: Scene, name: string, body: unknown) =>
  signal(world.client, ledger.workflowId, name, body);

/** It must be refused; what nobody answered is nothing. */
async function rejected({ world, ledger }: Scene, name: string, body: unknown): Promise<void> {
  const answer = await update(world.client, ledger.workflowId, name, body);
  if (answer === 'taken') ledger.troubles.push(`${name} was taken, and had to be refused`);
}

const entry = ({ world, ledger }: Scene, submissionId: string, what: 'foreign' | 'wrong' | 'clear') =>
  credentialEntry(world, { key: ledger.key, submissionId, label: `f${ledger.plan.number}-stray` }, what, 'ApiKey');

const foreignAttempts = ({ attempts, ledger }: Scene): string[] =>
  attempts.filter((id) => !ledger.runs.some(({ confirmations }) => confirmations.has(id)));

function unlessPromised(err: unknown): undefined {
  if (!(err instanceof ConnectorAuthError)) throw err;
}
