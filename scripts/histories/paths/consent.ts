/** The third party's consent: given, declined, in two tabs, in the moment something else happens. */
import type { Credentials } from '../../../workflows/messages';
import { signInPath, type Flow } from '../flow';
import type { Path, Paths, Play } from '../path';
import { right } from './inputs';

const tokens: Credentials = { kind: 'tokens', accessToken: 'recorded', refreshToken: 'recorded' };
export const wrongTokens: Credentials = { ...tokens, accessToken: 'wrong' };

/** A flow that waits for consent. */
export async function waiting({ start }: Play): Promise<Flow> {
  const flow = await start('Ledgerly');
  await flow.reaches('awaitingAuthorization');
  return flow;
}

const path =
  (act: (flow: Flow) => Promise<Flow>): Path =>
  async (play) =>
    act(await waiting(play));

export const consent: Paths = {
  'consent-returned': path(async (flow) => {
    const link = await flow.asks();
    await flow.decides(link, 'approve');
    await flow.returns(link);
    await flow.returns(link);
    return flow.ends('authenticated');
  }),

  'consent-declined': path(async (flow) => {
    const declined = await flow.asks();
    await flow.decides(declined, 'decline');
    await flow.returns(declined);
    await flow.reaches('awaitingAuthorization', 'notAuthorized');
    const approved = await flow.asks();
    await flow.decides(approved, 'approve');
    await flow.confirms(approved);
    return flow.ends('authenticated');
  }),

  'consent-in-the-older-tab': path(async (flow) => {
    const [older] = [await flow.asks(), await flow.asks()];
    await flow.returns(older); // too early: one look, and it waits again
    await flow.reaches('awaitingAuthorization', 'notAuthorized');
    await flow.decides(older, 'approve');
    await flow.confirms(older);
    return flow.ends('authenticated');
  }),

  'two-links-at-once': path(async (flow) => {
    const [, second] = await Promise.all([flow.asks(), flow.asks()]);
    await flow.decides(second, 'approve');
    await flow.returns(second);
    return flow.ends('authenticated');
  }),

  'confirmations-and-a-return-at-once': path(async (flow) => {
    const link = await flow.asks();
    await flow.decides(link, 'approve');
    flow.fails({ method: 'GET', then: { kind: 'slow', ms: 1000 } });
    await Promise.all([flow.confirms(link), flow.confirms(link), flow.returns(link)]);
    return flow.ends('authenticated');
  }),

  'unknown-attempts': path(async (flow) => {
    await flow.returns({ attemptId: 'unknown' });
    await flow.confirms({ attemptId: 'unknown' });
    await flow.signals('oauthCallback', { attemptId: 'no such id!' });
    await flow.reaches('awaitingAuthorization', 'malformed');
    await flow.signals('propertyInput', { submissionId: 'p', values: {} });
    await flow.reaches('awaitingAuthorization', 'notNow');
    await flow.signals('cancel');
    return flow.ends('cancelled');
  }),

  'tokens-instead-of-consent': path(async (flow) => {
    await flow.asks();
    await flow.gives(right);
    await flow.reaches('awaitingAuthorization', 'wrongKind');
    await flow.gives(wrongTokens);
    await flow.reaches('awaitingAuthorization', 'refused');
    await flow.gives(tokens);
    return flow.ends('authenticated');
  }),

  'link-not-to-be-had': path(async (flow) => {
    flow.fails({ path: signInPath(flow), then: { status: 403 } });
    await flow.asks().catch(() => undefined);
    await flow.asks();
    await flow.signals('cancel', { reason: 'enough', by: 'recorder' });
    return flow.ends('cancelled');
  }),

  'link-of-no-use-any-more': path(async (flow) => {
    flow.fails({ path: signInPath(flow), then: { kind: 'slow', ms: 2000 } });
    const asked = flow.asks().catch(() => undefined);
    await flow.gives(tokens);
    await asked;
    return flow.ends('authenticated');
  }),
};
