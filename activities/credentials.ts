/** Credentials in Cyclr's terms. */
import type { AuthMethod } from '../workflows/connector';
import type { Credentials } from '../workflows/messages';

/** The kind of credentials that each method takes. `consent` takes the tokens of a partner that has them already. */
const kinds: Record<AuthMethod, Credentials['kind'] | undefined> = {
  apiKey: 'apiKey',
  basic: 'basic',
  tokens: 'tokens',
  consent: 'tokens',
  clientCredentials: undefined,
  none: undefined,
  unsupported: undefined,
};

/** True if the credentials are of the kind that the method takes. */
export const fits = (method: AuthMethod, credentials: Credentials | undefined): boolean =>
  kinds[method] === credentials?.kind;

/** Cyclr's `AuthValue` of credentials. The result is `{}` without credentials, because the properties are enough. */
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
