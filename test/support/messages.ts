/** What is sent to a flow as anybody could send it: nothing is checked before. */
import { randomUUID } from 'node:crypto';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { ConnectorAuthError } from '../../client/connector-auth-error';
import { generateKey, privateKeysOf, type PrivateKeys } from '../../sealing/keys';
import type { AuthorizationRequest, CredentialInput, Problem, TimelineEntry, View } from '../../workflows/messages';
import { eventually } from './eventually';
import type { Scene, Stage } from './stage';

/** Where a browser goes after the consent: a query is kept, nobody goes there. */
export const RETURN_TO = 'http://127.0.0.1:9/done?attempt=signed%2B1';

/** Sends an update. By default each has an id of its own. */
export const updates = <Answer = View>(
  { handle }: Pick<Scene, 'handle'>,
  name: string,
  body?: unknown,
  updateId: string = randomUUID(),
): Promise<Answer> =>
  handle.executeUpdate<Answer, [unknown]>(name, { args: (body === undefined ? [] : [body]) as [unknown], updateId });

/** What an update was rejected, or failed, with. Fails where it was neither. */
export async function refusal(update: Promise<unknown>): Promise<{ code: unknown; problem: Problem }> {
  const error = await update.then(
    () => new Error('It was not refused'),
    (err: unknown) => err,
  );
  if (!(error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure)) throw error;
  const { type, details } = error.cause;
  return { code: type, problem: details?.[0] as Problem };
}

/** A right API key, or another one, sealed for this flow. */
export const keyInput = async (
  stage: Stage,
  { key }: Pick<Scene, 'key'>,
  submissionId: string = randomUUID(),
  value = 'right',
): Promise<CredentialInput> => ({
  submissionId,
  credentials: await stage.sealed(key, submissionId, { kind: 'apiKey', key: value }),
});

/** A request for a link, and the keys that open the answer. */
export async function linkRequest(
  more: Partial<AuthorizationRequest> = {},
): Promise<{ body: AuthorizationRequest; keys: PrivateKeys }> {
  const jwk = await generateKey();
  const { kty, crv, x, y } = jwk;
  const body = { attemptId: randomUUID(), replyKey: { kty, crv, x, y }, returnTo: RETURN_TO, ...more };
  return { body, keys: await privateKeysOf(JSON.stringify({ keys: [jwk] })) };
}

/** The timeline, once it has an entry of this event. */
export const happens = (scene: Pick<Scene, 'timeline'>, event: string, times = 1): Promise<TimelineEntry[]> =>
  eventually(scene.timeline, (entries) => entries.filter((entry) => entry.event === event).length >= times);

/** Everything that was sent before this is read when it returns. */
export async function isRead(scene: Pick<Scene, 'signals' | 'timeline'>): Promise<TimelineEntry[]> {
  const mark = `mark-${randomUUID()}`;
  await scene.signals(mark);
  return eventually(scene.timeline, (entries) => entries.some(({ note }) => note === mark));
}

/** The view that somebody got, be it as the answer or because the flow had ended. Fails for any other error. */
export const answered = (answer: Promise<View>): Promise<View> =>
  answer.catch((err: unknown) => {
    if (err instanceof ConnectorAuthError && err.code === 'closed') return err.view!;
    throw err;
  });

/** As a caller who sends the very same again while no answer comes. */
export const patiently = (send: () => Promise<View>, withinMs: number): Promise<View> =>
  eventually(
    () => answered(send()),
    () => true,
    withinMs,
  );
