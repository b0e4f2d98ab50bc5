/**
 * The activities for the user's consent at the third party. The activities make the link, and check whether the consent
 * changed the stored value.
 */
import { publicKeyOf, type PrivateKeys } from '../sealing/keys';
import { seal } from '../sealing/seal';
import type { ConnectorKey } from '../workflows/connector';
import { readTimesMs } from '../workflows/ports';
import type { Authorization, AuthorizationCheck, LinkRequest, MintedLink } from '../workflows/ports';
import { attemptEndMs, type ActivityAttempt } from './attempt';
import type { CyclrClient } from './cyclr/client';
import { notAuthenticatedYet } from './failures';
import { storeFixedValues } from './fixed-values';
import { fingerprintOf, hasChanged } from './fingerprint';

/** The settings for links to Cyclr's consent page. */
export interface ConsentPages {
  /** The origin of Cyclr's pages for users, which is the partner's service domain. */
  serviceUrl: string;
  /**
   * The name of the Cyclr user as which the link signs the browser in. The default is `onboarding-{accountId}`.
   * `{accountId}` is replaced by the account id.
   */
  username?: string;
}

interface Parts {
  cyclr: CyclrClient;
  keys: PrivateKeys;
  consent: ConsentPages;
}

/**
 * `mintLink` returns this marker in place of a fingerprint if the connector is not authenticated. `readConsent` then
 * takes `Authenticated: true` as the proof of the consent, because the connector was not authenticated when the link
 * was made.
 */
const NOTHING = 'nothing';

/**
 * Stores the fixed values of the policy. Then makes a single-use link to Cyclr's OAuth page, and seals the link to the
 * reply key of the request. Each call makes a new link.
 */
export async function mintLink(
  { cyclr, keys, consent }: Parts,
  key: ConnectorKey,
  request: LinkRequest,
): Promise<MintedLink> {
  const { attemptId, returnTo } = request;
  const target = { ...key, endsAtMs: attemptEndMs() };
  // `kid`, `use` and `alg` are left out, because sealing needs only the point on the curve.
  const { kty, crv, x, y } = request.replyKey;
  const fingerprint = request.fingerprint ? await presentFingerprint({ cyclr, keys }, target) : undefined;
  await storeFixedValues(cyclr, target);
  const username = (consent.username ?? 'onboarding-{accountId}').replaceAll('{accountId}', () => key.accountId);
  const { Token: token, ExpiresAtUtc: expiresAtMs } = await cyclr.postSignInToken(target, username);
  // `href` is the normal form of the URL. A backslash in `returnTo` could mean one URL for a browser, and another URL
  // for Cyclr.
  const targetOrigin = new URL(returnTo).href;
  const url = consentUrl(consent.serviceUrl, { id: `${key.connectorId}`, token, targetOrigin });
  const binding = { ...key, purpose: 'link', submissionId: attemptId } as const;
  const link = await seal(url, binding, await publicKeyOf(JSON.stringify({ keys: [{ kty, crv, x, y }] })));
  return { link, expiresAt: new Date(expiresAtMs).toISOString(), ...(fingerprint && { fingerprint }) };
}

/**
 * The URL of Cyclr's page that starts the consent. Every value is encoded, because a token can contain `+`, `/` and
 * `=`.
 */
function consentUrl(serviceUrl: string, values: { [name: string]: string }): string {
  const query = Object.entries(values).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `${serviceUrl.replace(/\/+$/, '')}/connectorauth/updateaccountconnectoroauth?${query.join('&')}`;
}

/**
 * Re-reads the connector once. Fails with `NotAuthenticatedYet` if the read does not prove an authentication and
 * `readTimesMs` has a later time. Temporal retries the activity at this later time, and the retry is the next read. At
 * the last of these times, or with `once`, returns the connector even if the read proves no authentication.
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

/**
 * Reads the connector. If the connector was authenticated before the consent, compares the stored `AuthValue` with the
 * fingerprint: only a changed value proves the consent.
 */
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
