/** Checks credentials, and converts them into Cyclr's `AuthValue`. */
import type { AuthMethod } from '../workflows/connector';
import type { Credentials } from '../workflows/messages';

/**
 * The kind of credentials that each method accepts. `consent` accepts the tokens of a partner that has them already.
 */
const kinds: Record<AuthMethod, Credentials['kind'] | undefined> = {
  apiKey: 'apiKey',
  basic: 'basic',
  tokens: 'tokens',
  consent: 'tokens',
  clientCredentials: undefined,
  none: undefined,
  unsupported: undefined,
};

/** True if the credentials are of the kind that the method accepts. */
export const fits = (method: AuthMethod, credentials: Credentials | undefined): boolean =>
  kinds[method] === credentials?.kind;

/**
 * The credentials without the white space and line breaks that a paste adds at both ends of an API key and of each
 * token. User names and passwords stay as typed. Undefined if a key or token is empty without this space.
 */
export function withoutPastedSpace(credentials: Credentials): Credentials | undefined {
  switch (credentials.kind) {
    case 'apiKey': {
      const key = credentials.key.trim();
      return key === '' ? undefined : { ...credentials, key };
    }
    case 'basic':
      return credentials;
    case 'tokens': {
      const [accessToken, refreshToken] = [credentials.accessToken.trim(), credentials.refreshToken?.trim()];
      const isEmpty = accessToken === '' || refreshToken === '';
      return isEmpty ? undefined : { ...credentials, accessToken, ...(refreshToken && { refreshToken }) };
    }
  }
}

/**
 * Cyclr's `AuthValue` of credentials. Without credentials the result is `{}`: for client credentials, Cyclr needs only
 * the properties.
 */
export function authValueOf(credentials: Credentials | undefined): string {
  switch (credentials?.kind) {
    case 'apiKey':
      return credentials.key;
    case 'basic':
      return Buffer.from(`${credentials.username}:${credentials.password}`, 'utf8').toString('base64');
    case 'tokens': {
      const { accessToken, refreshToken, expires, refreshExpires } = credentials;
      return JSON.stringify({
        AccessToken: accessToken,
        RefreshToken: refreshToken,
        Expires: expires,
        RefreshExpires: refreshExpires,
      });
    }
    case undefined:
      return '{}';
  }
}
