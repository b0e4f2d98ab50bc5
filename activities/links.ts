/** The third party's consent: a link to it, and what became of it. */
import { publicKeyOf, type PrivateKeys } from '../sealing/keys';
import { seal } from '../sealing/seal';
import type { ConnectorKey } from '../workflows/connector';
import type { Authorization, LinkRequest, MintedLink } from '../workflows/ports';
import type { CyclrClient } from './cyclr/client';
import { fingerprintOf, hasChanged } from './fingerprint';

/** Where Cyclr's pages for users are, and who signs in there. */
export interface ConsentPages {
  /** The partner service domain. */
  serviceUrl: string;
  /** `onboarding-{accountId}` by default; `{accountId}` is replaced. */
  username?: string;
}

interface Parts {
  cyclr: CyclrClient;
  keys: PrivateKeys;
  consent: ConsentPages;
}

/** In place of a fingerprint, where nothing was authenticated: whatever is, afterwards, has changed. */
const NOTHING = 'nothing';

/** A single-use link to Cyclr's OAuth page, sealed to whoever asked. */
export async function mintLink(
  { cyclr, keys, consent }: Parts,
  key: ConnectorKey,
  request: LinkRequest,
): Promise<MintedLink> {
  const { attemptId, returnTo } = request;
  const { kty, crv, x, y } = request.replyKey; // a kid or a use that it came with is not ours to judge
  const fingerprint = request.fingerprint ? await presentFingerprint({ cyclr, keys }, key) : undefined;
  const username = (consent.username ?? 'onboarding-{accountId}').replaceAll('{accountId}', () => key.accountId);
  const { Token: token, ExpiresAtUtc: expiresAtMs } = await cyclr.postSignInToken(key, username);
  const url = consentUrl(consent.serviceUrl, { id: `${key.connectorId}`, token, targetOrigin: returnTo });
  const binding = { ...key, purpose: 'link', submissionId: attemptId } as const;
  const link = await seal(url, binding, await publicKeyOf(JSON.stringify({ keys: [{ kty, crv, x, y }] })));
  return { link, expiresAt: new Date(expiresAtMs).toISOString(), ...(fingerprint && { fingerprint }) };
}

/** Cyclr's page that starts the consent; every value encoded, since a token can contain `+`, `/` and `=`. */
function consentUrl(serviceUrl: string, values: { [name: string]: string }): string {
  const query = Object.entries(values).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `${serviceUrl.replace(/\/+$/, '')}/connectorauth/updateaccountconnectoroauth?${query.join('&')}`;
}

/** Reads the connector, and whether what is stored is another value than the fingerprint's. */
export async function readAuthorization(
  { cyclr, keys }: Parts,
  key: ConnectorKey,
  { fingerprint }: { fingerprint?: string },
): Promise<Authorization> {
  const { connector, authValue } = await cyclr.getAuthorization(key);
  if (fingerprint === NOTHING) return { connector, changed: connector.authenticated };
  const isComparable = fingerprint !== undefined && authValue !== undefined;
  return { connector, changed: isComparable && (await hasChanged(authValue, fingerprint, key, keys)) };
}

async function presentFingerprint(
  { cyclr, keys }: Omit<Parts, 'consent'>,
  key: ConnectorKey,
): Promise<string | undefined> {
  const { connector, authValue } = await cyclr.getAuthorization(key);
  if (!connector.authenticated) return NOTHING;
  return authValue && fingerprintOf(authValue, key, keys);
}
