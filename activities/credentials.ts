/** Checks credentials, and converts them into Cyclr's `AuthValue`. */
import type { AuthMethod } from '../workflows/connector';
import type { Credentials } from '../workflows/messages';

/**
 * The kind of credentials that each auth method accepts. `consent` accepts tokens, because a partner can already have
 * the tokens of a user.
 */
const kinds: Record<AuthMethod, Credentials['kind'] | undefined> = {
  apiKey: 'apiKey',
  basic: 'basic',
  tokens: 'tokens',
  consent: 'tokens',
  fields: 'fields',
  clientCredentials: undefined,
  none: undefined,
  unsupported: undefined,
};

/** True if the credentials are of the kind that the auth method accepts. */
export const fits = (method: AuthMethod, credentials: Credentials | undefined): boolean =>
  kinds[method] === credentials?.kind;

/**
 * Removes white space and line breaks at both ends of an API key and of each token, because pasted text often contains
 * them. User names and passwords stay unchanged. Returns undefined if a key or a token contains only white space.
 */
export function withoutPastedSpace(credentials: Credentials): Credentials | undefined {
  switch (credentials.kind) {
    case 'apiKey': {
      const key = credentials.key.trim();
      return key === '' ? undefined : { ...credentials, key };
    }
    case 'basic':
    case 'fields':
      return credentials;
    case 'tokens': {
      const [accessToken, refreshToken] = [credentials.accessToken.trim(), credentials.refreshToken?.trim()];
      const isEmpty = accessToken === '' || refreshToken === '';
      return isEmpty ? undefined : { ...credentials, accessToken, ...(refreshToken && { refreshToken }) };
    }
  }
}

/**
 * Converts credentials into the `AuthValue` that Cyclr stores. Without credentials the result is `{}`, because for the
 * auth method `clientCredentials` Cyclr needs only the properties.
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
    case 'fields': // not used: `storeAuthFields` makes the `AuthValue` of fields
    case undefined:
      return '{}';
  }
}
