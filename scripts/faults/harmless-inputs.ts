/** Inputs that must not change a flow: malformed, forged, of another flow, replayed, unknown, or repeated. */
import { randomUUID } from 'node:crypto';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ConnectorAuthError, translated } from '../../client/connector-auth-error';
import { workflowIdOf } from '../../workflows/connector';
import type { Patience } from '../../workflows/input';
import { credentialInputOf, sendSignal } from '../user/transports';
import type { FlowRecord } from './flow-record';
import { credentialsFor, sealerWith, type CredentialMistake } from './mistakes';
import type { TestSecrets } from './secret-search';
import type { FaultStack } from './stack';

/**
 * The kinds of harmless inputs. The number of a kind is its weight: a kind with a greater weight is drawn more often.
 */
export const harmlessKinds = {
  unknownSignal: 2,
  malformedProperties: 3,
  malformedCredentials: 3,
  malformedCallback: 2,
  malformedUpdate: 2,
  malformedLink: 1,
  unknownUpdate: 1,
  forgedCallback: 2,
  foreignCallback: 3,
  replayedCallback: 3,
  forgedConfirmation: 1,
  foreignCredentials: 2,
  usedSubmission: 3,
  clearCredentials: 2,
};
/**
 * Inputs that are harmless only while the flow is open. After the end of the flow, these inputs would start a new run.
 */
export const startKinds = { secondStart: 8, reauthentication: 4 };

export interface HarmlessInput {
  kind: keyof typeof harmlessKinds | keyof typeof startKinds;
  /** A number from 0 to less than 1 that selects a variant of the kind. */
  choice: number;
}

/** The flow to which the input is sent. */
export interface Target {
  stack: FaultStack;
  secrets: TestSecrets;
  record: FlowRecord;
  /** A text that each value of the input contains. */
  label: string;
  /** The ids of the credentials that the user sent in the present run. */
  usedIds: string[];
  /** The patience of the present run. */
  patience?: Patience;
  /** The ids of the OAuth attempts of all flows. */
  attempts: string[];
}

const malformed: unknown[] = [
  undefined,
  null,
  7,
  'text',
  [],
  {},
  { submissionId: '' },
  { submissionId: 'a b', values: {} },
];

type Choose = <T>(items: readonly T[]) => T;
const by = 'test of harmless inputs';

const sends: Record<HarmlessInput['kind'], (target: Target, choose: Choose) => Promise<unknown>> = {
  unknownSignal: (target) => signal(target, 'unknownSignal', { nothing: 'here' }),
  malformedProperties: (target, choose) =>
    signal(target, 'propertyInput', choose([...malformed, { submissionId: randomUUID(), values: 7, by }])),
  malformedCredentials: (target, choose) =>
    signal(target, 'credentialInput', choose([...malformed, { submissionId: randomUUID(), credentials: '', by }])),
  malformedCallback: (target, choose) =>
    signal(target, 'oauthCallback', choose([...malformed, { attemptId: randomUUID(), by: 7 }])),
  malformedUpdate: (target, choose) =>
    rejectedUpdate(
      target,
      choose(['submitProperties', 'submitCredentials', 'confirmAuthorization']),
      choose(malformed),
    ),
  malformedLink: (target) =>
    rejectedUpdate(target, 'requestAuthorization', {
      attemptId: randomUUID(),
      returnTo: 'http://127.0.0.1:9/',
      replyKey: { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) },
    }),
  unknownUpdate: (target) => rejectedUpdate(target, 'submitEverything', {}),
  forgedCallback: (target) => signal(target, 'oauthCallback', { attemptId: randomUUID(), by }),
  foreignCallback: (target, choose) =>
    signal(target, 'oauthCallback', { attemptId: choose(foreignAttempts(target)) ?? 'none', by }),
  // This callback has the id of a real OAuth attempt, which the flow may verify once. The check `verifications` counts
  // this verification as caused by a callback.
  replayedCallback: async (target, choose) => {
    const attemptId = choose([...(target.record.runs.at(-1)?.confirmations.keys() ?? [])]);
    if (attemptId) await signal(target, 'oauthCallback', { attemptId, by: 'callback' });
  },
  forgedConfirmation: (target) => update(target, 'confirmAuthorization', { attemptId: randomUUID(), by }),
  foreignCredentials: async (target) =>
    signal(target, 'credentialInput', await credentials(target, randomUUID(), 'foreign')),
  // Sends a wrong value under the id of an earlier submission. If there is no earlier submission, the id is new, and
  // Cyclr refuses the value.
  usedSubmission: async (target, choose) => {
    const submissionId = choose(target.usedIds) ?? randomUUID();
    await signal(target, 'credentialInput', await credentials(target, submissionId, 'wrong'));
  },
  clearCredentials: async (target) =>
    rejectedUpdate(target, 'submitCredentials', await credentials(target, randomUUID(), 'clear')),
  secondStart: async ({ stack, record, patience }) => {
    const started = await stack.auth.start(record.key, { patience, by }).catch(unlessOfLibrary);
    if (started && started.runId !== record.runs.at(-1)!.runId)
      record.problems.push('a second start started another run');
  },
  reauthentication: async ({ stack, record }) => {
    const started = await stack.auth.start(record.key, { intent: 'reauthenticate', by }).catch(unlessOfLibrary);
    if (started) record.problems.push('a re-authentication started during an authentication');
  },
};

/** Sends the harmless input once. Ignores errors of the library, such as a missing answer. */
export async function sendHarmless(target: Target, { kind, choice }: HarmlessInput): Promise<void> {
  await sends[kind](target, (items) => items[Math.floor(choice * items.length)]!);
}

const signal = ({ stack, record }: Target, name: string, body: unknown) =>
  sendSignal(stack.client, record.key, name, body).catch(unlessOfLibrary);

const UPDATE_MS = 15_000;

/**
 * Sends an update. Returns true if the flow accepted the update, false if the flow rejected it, and undefined if the
 * outcome is unknown.
 */
async function update({ stack, record }: Target, name: string, body: unknown): Promise<boolean | undefined> {
  const { client } = stack;
  const handle = client.workflow.getHandle(workflowIdOf(record.key));
  const send = () => handle.executeUpdate(name, { args: [body] });
  try {
    await client.withDeadline(Date.now() + UPDATE_MS, send);
    return true;
  } catch (err) {
    if (err instanceof WorkflowUpdateFailedError) return false;
    await translated(() => Promise.reject(err as Error)).catch(unlessOfLibrary);
    return undefined;
  }
}

async function rejectedUpdate(target: Target, name: string, body: unknown): Promise<void> {
  if (await update(target, name, body))
    target.record.problems.push(`the flow accepted the update ${name} although it has a mistake`);
}

async function credentials(
  { stack, secrets, record, label }: Target,
  submissionId: string,
  mistake: CredentialMistake,
) {
  const submission = {
    submissionId,
    credentials: credentialsFor('ApiKey', secrets, { label: `${label}-harmless`, mistake }),
  };
  return { ...(await credentialInputOf(sealerWith(mistake, stack.publicKey), record.key, submission)), by };
}

const foreignAttempts = ({ attempts, record }: Target): string[] =>
  attempts.filter((id) => !record.runs.some(({ confirmations }) => confirmations.has(id)));

function unlessOfLibrary(err: unknown): undefined {
  if (!(err instanceof ConnectorAuthError)) throw err;
}
