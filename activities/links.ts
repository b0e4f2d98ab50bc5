/** The user's consent at the third party: the link, and the check whether the consent changed the stored value. */
import { publicKeyOf, type PrivateKeys } from '../sealing/keys';
import { seal } from '../sealing/seal';
import type { ConnectorKey } from '../workflows/connector';
import { readTimesMs } from '../workflows/ports';
import type { Authorization, AuthorizationCheck, LinkRequest, MintedLink } from '../workflows/ports';
import type { ActivityAttempt } from './attempt';
import type { CyclrClient } from './cyclr/client';
import { notAuthenticatedYet } from './failures';
import { fingerprintOf, hasChanged } from './fingerprint';

/** Cyclr's pages for users. */
export interface ConsentPages {
  /** Origin of the partner service domain. */
  serviceUrl: string;
  /** The user name that signs in to Cyclr: `onboarding-{accountId}` by default. `{accountId}` is replaced by the id. */
  username?: string;
}

interface Parts {
  cyclr: CyclrClient;
  keys: PrivateKeys;
  consent: ConsentPages;
}

/** The marker in place of a fingerprint if the connector is not authenticated: any later authentication is a change. */
const NOTHING = 'nothing';

/** A single-use link to Cyclr's OAuth page, sealed to the reply key of the request. Each call makes another link. */
export async function mintLink(
  { cyclr, keys, consent }: Parts,
  key: ConnectorKey,
  request: LinkRequest,
): Promise<MintedLink> {
  const { attemptId, returnTo } = request;
  const { kty, crv, x, y } = request.replyKey; // kid, use and alg are dropped: sealing needs only the point
  const fingerprint = request.fingerprint ? await presentFingerprint({ cyclr, keys }, key) : undefined;
  const username = (consent.username ?? 'onboarding-{accountId}').replaceAll('{accountId}', () => key.accountId);
  const { Token: token, ExpiresAtUtc: expiresAtMs } = await cyclr.postSignInToken(key, username);
  // The URL as the parser writes it, because a browser and Cyclr could read a backslash in different ways.
  const targetOrigin = new URL(returnTo).href;
  const url = consentUrl(consent.serviceUrl, { id: `${key.connectorId}`, token, targetOrigin });
  const binding = { ...key, purpose: 'link', submissionId: attemptId } as const;
  const link = await seal(url, binding, await publicKeyOf(JSON.stringify({ keys: [{ kty, crv, x, y }] })));
  return { link, expiresAt: new Date(expiresAtMs).toISOString(), ...(fingerprint && { fingerprint }) };
}

/** The URL of Cyclr's page that starts the consent. Every value is encoded: a token can contain `+`, `/` and `=`. */
function consentUrl(serviceUrl: string, values: { [name: string]: string }): string {
  const query = Object.entries(values).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `${serviceUrl.replace(/\/+$/, '')}/connectorauth/updateaccountconnectoroauth?${query.join('&')}`;
}

/**
 * Re-reads the connector once. Fails with `NotAuthenticatedYet` if Cyclr reports no proven authentication and
 * `readTimesMs` has a later time. Temporal retries the activity at this later time, and the retry is the next read.
 */
export async function verifyAuthorization(
  parts: Omit<Parts, 'consent'>,
  key: ConnectorKey,
  { once = false, consent }: AuthorizationCheck,
  attempt: ActivityAttempt,
): Promise<Authorization> {
  const authorization = consent ? await readConsent(parts, key, consent) : await readStored(parts, key);
  const nextReadMs = once ? undefined : attempt.untilNext(readTimesMs);
  const isConfirmed = authorization.connector.authenticated && authorization.isProven;
  if (isConfirmed || nextReadMs === undefined) return authorization;
  throw notAuthenticatedYet(nextReadMs);
}

const readStored = async ({ cyclr }: Pick<Parts, 'cyclr'>, key: ConnectorKey): Promise<Authorization> => ({
  connector: await cyclr.getAccountConnector(key),
  isProven: true,
});

/** Reads the connector, and compares the stored `AuthValue` with the fingerprint. */
export async function readConsent(
  { cyclr, keys }: Omit<Parts, 'consent'>,
  key: ConnectorKey,
  { wasAuthenticated, fingerprint }: NonNullable<AuthorizationCheck['consent']>,
): Promise<Authorization> {
  const { connector, authValue } = await cyclr.getAuthorization(key);
  if (!wasAuthenticated) return { connector, isProven: true };
  if (fingerprint === NOTHING) return { connector, isProven: connector.authenticated };
  const isComparable = fingerprint !== undefined && authValue !== undefined;
  return { connector, isProven: isComparable && (await hasChanged(authValue, fingerprint, key, keys)) };
}

async function presentFingerprint(
  { cyclr, keys }: Omit<Parts, 'consent'>,
  key: ConnectorKey,
): Promise<string | undefined> {
  const { connector, authValue } = await cyclr.getAuthorization(key);
  if (!connector.authenticated) return NOTHING;
  return authValue && fingerprintOf(authValue, key, keys);
}
