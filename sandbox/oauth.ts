import { randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { isOAuth } from './answers';
import { deauthenticate, storeTokens } from './authentication';
import type { Parts } from './calls';
import { badRequest } from './refusal';
import type { OpenConsent, StoredConnector } from './state';
import type { Store } from './store';

/** The user's decision at the third party. `error`: the third party fails. `close`: the user closes the page. */
export const Decision = z.enum(['approve', 'decline', 'error', 'close']);
export type Decision = z.infer<typeof Decision>;

const HOUR_MS = 3_600_000;

const effects: Record<Decision, (parts: Parts, connector: StoredConnector) => void> = {
  approve: grant,
  decline: fail,
  error: fail,
  close: () => undefined,
};

/** Applies a decision to the connector. Fails: 400 for `approve` if a required property is missing. */
export function decide(parts: Parts, connector: StoredConnector, decision: Decision): void {
  effects[decision](parts, connector);
}

/** Starts a consent. */
export function beginConsent(store: Store, consent: Omit<OpenConsent, 'id'>): OpenConsent {
  const begun = { id: randomUUID(), ...consent };
  store.state.consents.push(begun);
  return begun;
}

/** Ends a consent: the user can decide each consent only once. Fails: 400 for an unknown or ended consent. */
export function endConsent(store: Store, id: string): OpenConsent {
  const consent = store.state.consents.find((open) => open.id === id);
  if (!consent) throw badRequest('This consent does not exist, or was decided before.');
  store.state.consents = store.state.consents.filter((open) => open !== consent);
  return consent;
}

/** Replaces the tokens, as Cyclr does before the old tokens expire. Fails: 400 for a connector without OAuth tokens. */
export function refreshTokens(connector: StoredConnector): void {
  if (!isOAuth(connector) || !connector.Authenticated) {
    throw badRequest(`Connector '${connector.Name}' has no OAuth tokens to refresh.`);
  }
  connector.AuthValue = freshTokens();
}

function grant({ store, switches }: Parts, connector: StoredConnector): void {
  const again = switches.reconsentSameValue ? connector.AuthValue : null;
  storeTokens(store, connector, again ?? freshTokens(), switches);
}

function fail({ switches }: Parts, connector: StoredConnector): void {
  if (connector.Authenticated && switches.failedReconsent === 'drops') deauthenticate(connector);
}

function freshTokens(): string {
  const secret = (): string => randomBytes(24).toString('base64url');
  const inHours = (hours: number): string => new Date(Date.now() + hours * HOUR_MS).toISOString();
  return JSON.stringify({
    AccessToken: `at-${secret()}`,
    RefreshToken: `rt-${secret()}`,
    Expires: inHours(1),
    RefreshExpires: inHours(30 * 24),
  });
}
