/** Messages to a flow, sent without the checks of the library, as any caller of Temporal can send them. */
import { randomUUID } from 'node:crypto';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { ConnectorAuthError } from '../../client/connector-auth-error';
import { generateKey, privateKeysOf, type PrivateKeys } from '../../sealing/keys';
import type { AuthorizationRequest, CredentialInput } from '../../workflows/input';
import type { Problem, TimelineEntry, View } from '../../workflows/view';
import { eventually } from './eventually';
import type { Scene } from './scene';
import type { Stage } from './stage';

export { asInResult } from '../../scripts/faults/flow-record';

/** The return address after a consent. No server listens at this address. */
export const RETURN_TO = 'http://127.0.0.1:9/done?attempt=signed%2B1';

/** Sends an update. The default update id is a new id. */
export const updates = <Answer = View>(
  { handle }: Pick<Scene, 'handle'>,
  name: string,
  body?: unknown,
  updateId: string = randomUUID(),
): Promise<Answer> =>
  handle.executeUpdate<Answer, [unknown]>(name, { args: (body === undefined ? [] : [body]) as [unknown], updateId });

/** Returns the code and the problem of a rejected or failed update. Fails if the update succeeded. */
export async function refusal(update: Promise<unknown>): Promise<{ code: unknown; problem: Problem }> {
  const error = await update.then(
    () => new Error('The update was not refused'),
    (err: unknown) => err,
  );
  if (!(error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure)) throw error;
  const { type, details } = error.cause;
  return { code: type, problem: details?.[0] as Problem };
}

/** Makes an input with an API key that is sealed for the flow of `key`. By default, the API key is `right`. */
export const keyInput = async (
  stage: Stage,
  { key }: Pick<Scene, 'key'>,
  submissionId: string = randomUUID(),
  value = 'right',
): Promise<CredentialInput> => ({
  submissionId,
  credentials: await stage.sealed(key, submissionId, { kind: 'apiKey', key: value }),
});

/** A request for a link, and the private keys that open the answer. */
export async function linkRequest(
  more: Partial<AuthorizationRequest> = {},
): Promise<{ body: AuthorizationRequest; keys: PrivateKeys }> {
  const jwk = await generateKey();
  const { kty, crv, x, y } = jwk;
  const body = { attemptId: randomUUID(), replyKey: { kty, crv, x, y }, returnTo: RETURN_TO, ...more };
  return { body, keys: await privateKeysOf(JSON.stringify({ keys: [jwk] })) };
}

/** Waits until the timeline has at least `times` entries of the event. Returns the timeline. */
export const happens = (scene: Pick<Scene, 'timeline'>, event: string, times = 1): Promise<TimelineEntry[]> =>
  eventually(scene.timeline, (entries) => entries.filter((entry) => entry.event === event).length >= times);

/** Waits until the flow has read all messages that were sent before this call. Returns the timeline. */
export async function isRead(scene: Pick<Scene, 'signals' | 'timeline'>): Promise<TimelineEntry[]> {
  const mark = `mark-${randomUUID()}`;
  await scene.signals(mark);
  return eventually(scene.timeline, (entries) => entries.some(({ note }) => note === mark));
}

/** Returns the view in the answer, or the view in the error `closed`. Fails for any other error. */
export const answered = (answer: Promise<View>): Promise<View> =>
  answer.catch((err: unknown) => {
    if (err instanceof ConnectorAuthError && err.code === 'closed') return err.view!;
    throw err;
  });

/** Repeats `send` until it succeeds or fails with the error `closed`. Returns the view. */
export const sendUntilAnswered = (send: () => Promise<View>): Promise<View> =>
  eventually(
    () => answered(send()),
    () => true,
  );
