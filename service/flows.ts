/** Calls of the library that routes for backends and for browsers share. */
import { randomUUID } from 'node:crypto';
import type { ConnectorAuth, LatestRun } from '../client/connector-auth';
import { ConnectorAuthError, type ConnectorAuthErrorCode } from '../client/connector-auth-error';
import { ConfigError } from '../temporal/environment';
import type { ConnectorKey } from '../workflows/connector';
import { MAX_BY, MAX_URL } from '../workflows/input';
import { finalStates, waitingStates, type View } from '../workflows/view';
import type { Parts } from './parts';
import { ServiceError } from './problems';
import type { Attempt } from './tokens';

/** Makes a call. If the flow refuses the call as `notNow` or `alreadyRunning`, adds the current view to the error. */
export async function withView<T>(auth: ConnectorAuth, key: ConnectorKey, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (err) {
    if (!(err instanceof ConnectorAuthError) || (err.code !== 'notNow' && err.code !== 'alreadyRunning')) throw err;
    throw new ServiceError(err.code, { view: await auth.view(key) });
  }
}

export interface OpenFlowOptions {
  by: string;
  /** The invitation for which a new run is started. */
  invitation?: string;
  /** The targets of the events of a new run. */
  notify?: string[];
  /** True to start a new run even if the connector is authenticated. */
  recheck?: boolean;
}

/**
 * Starts the flow of a connector. If the flow is already open and waits for the user, the flow re-reads the connector
 * instead. If the flow is open in a working state, nothing changes. If the latest run is `authenticated`, a new run
 * starts only if `recheck` is set. A run in a final state has ended, although its worker may not have closed it yet.
 */
export async function openFlow(auth: ConnectorAuth, key: ConnectorKey, options: OpenFlowOptions): Promise<void> {
  const { recheck = false, ...start } = options;
  const run = await latestRunOf(auth, key);
  if (run?.open && ![...waitingStates, ...finalStates].includes(run.state)) return;
  if (run?.state === 'authenticated' && !recheck) return;
  await auth.start(key, start);
}

/** The latest run of a connector. `undefined` if Temporal has no run of the connector. */
export const latestRunOf = (auth: ConnectorAuth, key: ConnectorKey): Promise<LatestRun | undefined> =>
  auth.latestRun(key).catch(undefinedIf('notStarted'));

/** Makes an error handler that returns undefined for an error with one of `codes`, and throws any other error. */
export const undefinedIf =
  (...codes: ConnectorAuthErrorCode[]) =>
  (err: unknown): undefined => {
    if (err instanceof ConnectorAuthError && codes.includes(err.code)) return undefined;
    throw err;
  };

/**
 * Starts the verification of the attempt `given`, or of the newest attempt if `given` is absent. Fails: notFound,
 * closed, notNow.
 */
export async function confirm(auth: ConnectorAuth, key: ConnectorKey, by: string, given?: string): Promise<View> {
  const attemptId = given ?? (await newestAttempt(auth, key));
  return withView(auth, key, () => auth.confirmAuthorization(key, { attemptId, by }));
}

async function newestAttempt(auth: ConnectorAuth, key: ConnectorKey): Promise<string> {
  const view = await auth.view(key);
  if (view.attempt) return view.attempt.id;
  throw new ServiceError(finalStates.includes(view.state) ? 'closed' : 'notNow', { view });
}

const OUTCOME_TIMEOUT_MS = 10_000;

/**
 * Reports a return from the third party. The flow verifies the attempt by a re-read, at most once for each attempt.
 * Returns the view after the verification, or the current view if the verification takes longer than 10 s. Fails:
 * notStarted.
 */
export async function verifyReturn(auth: ConnectorAuth, { attemptId, by, ...key }: Attempt): Promise<View> {
  const view = await viewOfReturn(auth, key, { attemptId, by });
  const isNewest = view.attempt?.id === attemptId;
  if (view.state !== 'awaitingAuthorization' || isNewest || (await isOfPresentRun(auth, key, attemptId))) return view;
  // The current run does not know the attempt: it belongs to an earlier run, or to the time before a reset. So the
  // current run only re-reads the connector, once for each attempt.
  await auth.recheck(key, { by }, `returned-${attemptId}`).catch(undefinedIf('closed', 'notNow'));
  return auth.view(key);
}

async function isOfPresentRun(auth: ConnectorAuth, key: ConnectorKey, attemptId: string): Promise<boolean> {
  const { entries } = await auth.timeline(key);
  return entries.some(({ event, id }) => event === 'linkMinted' && id === attemptId);
}

async function viewOfReturn(
  auth: ConnectorAuth,
  key: ConnectorKey,
  callback: Pick<Attempt, 'attemptId' | 'by'>,
): Promise<View> {
  await auth.oauthReturned(key, callback);
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

/**
 * The form of `depth`: one or two digits. `depth` is the length of the tab's history when the user left the connect
 * page in the same tab.
 */
export const DEPTH = /^\d{1,2}$/;

/**
 * The query of the return page: the signed attempt, and the depth if the user left the connect page in the same tab.
 */
export const returnQuery = (attempt: string, depth?: string): string =>
  `${depth === undefined ? '' : `depth=${depth}&`}attempt=${attempt}`;

/** The address of the service's return page for one attempt. The third party sends the browser to this address. */
export const returnUrl = async (
  { tokens, config: { publicUrl } }: Pick<Parts, 'tokens' | 'config'>,
  attempt: Attempt,
  depth?: string,
): Promise<string> => `${publicUrl}/connect/return?${returnQuery(await tokens.attempt(attempt), depth)}`;

/**
 * The attempt whose return address is the longest possible one, for the check of the length. Each text of the attempt
 * has the highest allowed length, and has only letters that need many bytes in the token.
 */
const longestAttempt: Attempt = {
  ...{ accountId: 'ü'.repeat(200), connectorId: Number.MAX_SAFE_INTEGER, attemptId: randomUUID() },
  by: '漢'.repeat(MAX_BY),
};

/**
 * Fails with a {@link ConfigError} if the return address of an attempt can be longer than the 2,000 characters that a
 * flow accepts. The return address contains the public URL twice: as its beginning, and in its token.
 */
export async function checkReturnUrl(parts: Parameters<typeof returnUrl>[0]): Promise<void> {
  const { length } = await returnUrl(parts, longestAttempt, '99');
  if (length <= MAX_URL) return;
  throw new ConfigError(
    `PUBLIC_URL is too long: a return address after a consent could have ${length} characters, and at most ${MAX_URL} are ` +
      'possible. Use a shorter URL, or a shorter kid of the first key in SESSION_KEYS',
  );
}
