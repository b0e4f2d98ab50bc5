/** Calls of the library that routes for backends and for browsers share. */
import type { ConnectorAuth } from '../client/connector-auth';
import { ConnectorAuthError } from '../client/connector-auth-error';
import type { ConnectorKey } from '../workflows/connector';
import { finalStates, type View } from '../workflows/view';
import type { Parts } from './parts';
import { ServiceError } from './problems';
import type { Attempt } from './tokens';

/** Makes a call, and adds the current view to its refusal as `notNow` or `alreadyRunning`. */
export async function withView<T>(auth: ConnectorAuth, key: ConnectorKey, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (err) {
    if (!(err instanceof ConnectorAuthError) || (err.code !== 'notNow' && err.code !== 'alreadyRunning')) throw err;
    throw new ServiceError(err.code, await auth.view(key));
  }
}

/** Starts the verification of an attempt, by default of the newest. Fails: notFound, closed, notNow. */
export async function confirm(auth: ConnectorAuth, key: ConnectorKey, by: string, given?: string): Promise<View> {
  const attemptId = given ?? (await newestAttempt(auth, key));
  return withView(auth, key, () => auth.confirmAuthorization(key, { attemptId, by }));
}

async function newestAttempt(auth: ConnectorAuth, key: ConnectorKey): Promise<string> {
  const view = await auth.view(key);
  if (view.attempt) return view.attempt.id;
  throw new ServiceError(finalStates.includes(view.state) ? 'closed' : 'notNow', view);
}

const OUTCOME_TIMEOUT_MS = 10_000;

/**
 * Reports a return from the third party. The flow verifies it against Cyclr, at most once for each attempt. Returns the
 * view after the verification, or the current view after 10 s. Fails: notStarted.
 */
export async function verifyReturn(auth: ConnectorAuth, key: ConnectorKey, attemptId: string): Promise<View> {
  await auth.oauthReturned(key, { attemptId, by: 'user' });
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), OUTCOME_TIMEOUT_MS);
  try {
    for await (const view of auth.views(key, timeout.signal)) if (view.state !== 'verifyingAuthorization') return view;
    return await auth.view(key);
  } finally {
    clearTimeout(timer);
    timeout.abort();
  }
}

/** The length of the tab's history when the user left the page in that tab: one or two digits. */
export const DEPTH = /^\d{1,2}$/;

/** The query of the return page: the signed attempt, and the depth if the user left in the same tab. */
export const returnQuery = (attempt: string, depth?: string): string =>
  `${depth === undefined ? '' : `depth=${depth}&`}attempt=${attempt}`;

/** The address of our return page for one attempt: the third party sends the browser there. */
export const returnUrl = async (
  { tokens, config: { publicUrl } }: Pick<Parts, 'tokens' | 'config'>,
  attempt: Attempt,
  depth?: string,
): Promise<string> => `${publicUrl}/connect/return?${returnQuery(await tokens.attempt(attempt), depth)}`;
