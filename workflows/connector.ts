/** One account connector of one account: what everything here is about. */
export interface ConnectorKey {
  /** Cyclr's account id: an opaque string that the partner may have chosen. See {@link isAccountId}. */
  accountId: string;
  /** The account connector's id in Cyclr, a positive integer. */
  connectorId: number;
}

/** The workflow id of a connector's flow: at most one run is open at a time. */
export const workflowIdOf = ({ accountId, connectorId }: ConnectorKey): string =>
  `connector-auth/${encodeURIComponent(accountId)}/${connectorId}`;

/** `authenticate` ends at once if Cyclr already says authenticated; `reauthenticate` replaces what is stored. */
export type Intent = 'authenticate' | 'reauthenticate';

/** A value only the worker can read: a compact JWE, bound to account, connector, purpose and submission. */
export interface Sealed {
  sealed: string;
}

/** A property of the connector that somebody may set. */
export interface Field {
  /** Cyclr's `TargetName`: what the property is called when it is stored. */
  name: string;
  label: string;
  help?: string;
  required: boolean;
  secret: boolean;
  /** Whether Cyclr holds a value for it already, one that is not empty. */
  stored: boolean;
  /** Suggestions, not a closed list. */
  options?: string[];
  multiline?: boolean;
  /** Proposed, never applied by itself, and never given for a secret. */
  default?: string;
}

/** An account connector as Cyclr has it, in our words: no stored value, no secret. */
export interface Connector {
  name: string;
  description?: string;
  /** A `data:` URI of an image, up to 8 KB. */
  icon?: string;
  authType: string;
  oauth2Type?: string;
  authDescription?: string;
  /** The partner's own connector: the partner supplies the authentication. */
  partnerSupplied: boolean;
  authenticated: boolean;
  fields: Field[];
}

/** How a connector wants to be authenticated: what has to be asked, once its properties are there. */
export type AuthMethod =
  /** The user types a key or a password. */
  | 'apiKey'
  | 'basic'
  /** The partner supplies tokens. */
  | 'tokens'
  /** The user consents at the third party. */
  | 'consent'
  /** The properties are enough: Cyclr fetches tokens itself. */
  | 'clientCredentials'
  | 'none'
  | 'unsupported';

const oauth2Methods: { [type: string]: AuthMethod } = {
  AuthorisationCode: 'consent',
  Unknown: 'consent',
  PasswordCredentials: 'consent',
  ClientCredentials: 'clientCredentials',
};

/** The method of each `AuthType` of Cyclr; one that nobody knows is `unsupported`. */
export function authMethodOf({
  authType,
  oauth2Type = 'Unknown',
  partnerSupplied,
}: Pick<Connector, 'authType' | 'oauth2Type' | 'partnerSupplied'>): AuthMethod {
  const byCode = authType === 'OAuth1' || (authType === 'OAuth2' && oauth2Type === 'AuthorisationCode');
  if (byCode) return partnerSupplied ? 'tokens' : 'consent';
  switch (authType) {
    case 'ApiKey':
      return 'apiKey';
    case 'Basic':
      return 'basic';
    case 'None':
      return 'none';
    case 'OAuth2':
      return Object.hasOwn(oauth2Methods, oauth2Type) ? oauth2Methods[oauth2Type]! : 'unsupported';
    default:
      return 'unsupported';
  }
}

/** The required fields that Cyclr holds no value for. */
export const missingFields = ({ fields }: Connector): Field[] =>
  fields.filter(({ required, stored }) => required && !stored);

/**
 * Whether a text can be an account id: 1 to 200 characters of U+0020-7E and U+00A0-FF, no space at either end,
 * not `.` or `..`. Anything else would reach Cyclr changed, as the id of somebody else's account.
 */
export const isAccountId = (value: unknown): value is string =>
  typeof value === 'string' &&
  /^(?! )[\u0020-\u007e\u00a0-\u00ff]{1,200}(?<! )$/.test(value) &&
  value !== '.' &&
  value !== '..';

/** Whether a value can be an account connector's id: a positive integer. */
export const isConnectorId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

/** Whether a text can be a submission's or an attempt's id: 1 to 128 of `[A-Za-z0-9_-]`. */
export const isSubmissionId = (value: unknown): value is string =>
  typeof value === 'string' && /^[A-Za-z0-9_-]{1,128}$/.test(value);

/** Whether a URL is https, or http on loopback: any other would send tokens and sealed values over a network in clear. */
export const isSecureUrl = ({ protocol, hostname }: { protocol: string; hostname: string }): boolean =>
  protocol === 'https:' || (protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname));
