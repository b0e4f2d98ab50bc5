/** What both kinds of callers do with a flow: the library's calls, answered as HTTP has it. */
import type { ConnectorKey } from '../workflows/connector';
import { finalStates, type View } from '../workflows/messages';
import type { ConnectorAuth } from '../client/connector-auth';
import { ConnectorAuthError } from '../client/connector-auth-error';
import { ServiceError } from './problems';

/** A call that the present state may refuse: the refusal then shows where the flow stands. */
export async function withView<T>(auth: ConnectorAuth, key: ConnectorKey, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (err) {
    if (!(err instanceof ConnectorAuthError) || (err.code !== 'notNow' && err.code !== 'alreadyRunning')) throw err;
    throw new ServiceError(err.code, await auth.view(key));
  }
}

/** Asks Cyclr whether the user has consented: about this attempt, or the newest. Fails: notFound, closed, notNow. */
export async function confirmed(auth: ConnectorAuth, key: ConnectorKey, by: string, given?: string): Promise<View> {
  const attemptId = given ?? (await newestAttempt(auth, key));
  return withView(auth, key, () => auth.confirmAuthorization(key, { attemptId, by }));
}

async function newestAttempt(auth: ConnectorAuth, key: ConnectorKey): Promise<string> {
  const view = await auth.view(key);
  if (view.attempt) return view.attempt.id;
  throw new ServiceError(finalStates.includes(view.state) ? 'closed' : 'notNow', view);
}

const OUTCOME_WITHIN_MS = 10_000;

/**
 * A browser came back from a third party: Cyclr is asked, at most once for each attempt. The view once that is known,
 * or as it stands after 10 s. Fails: notStarted.
 */
export async function returned(auth: ConnectorAuth, key: ConnectorKey, attemptId: string): Promise<View> {
  await auth.oauthReturned(key, { attemptId, by: 'user' });
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), OUTCOME_WITHIN_MS);
  try {
    for await (const view of auth.views(key, late.signal)) if (view.state !== 'verifyingAuthorization') return view;
    return await auth.view(key);
  } finally {
    clearTimeout(timer);
    late.abort();
  }
}
