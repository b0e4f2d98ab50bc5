/** The types that all folders share: the connector, its ids and fields, sealed values. Does not import Temporal. */

/** Names one account connector of one account. */
export interface ConnectorKey {
  /** Cyclr's account id: an opaque string, possibly chosen by the partner. See {@link isAccountId}. */
  accountId: string;
  /** The account connector's id in Cyclr, a positive integer. */
  connectorId: number;
}

/**
 * The workflow id of a connector's flow. Each connector has only one such workflow id, so at most one run of its flow
 * is open at a time.
 */
export const workflowIdOf = ({ accountId, connectorId }: ConnectorKey): string =>
  `connector-auth/${encodeURIComponent(accountId)}/${connectorId}`;

/** The connector of a workflow id that `workflowIdOf` made. `undefined` for any other id. */
export function connectorKeyOf(workflowId: string): ConnectorKey | undefined {
  const [, account = '', connector] = /^connector-auth\/([^/]+)\/(\d+)$/.exec(workflowId) ?? [];
  try {
    const key = { accountId: decodeURIComponent(account), connectorId: Number(connector) };
    return isAccountId(key.accountId) && isConnectorId(key.connectorId) ? key : undefined;
  } catch {
    return undefined; // the account id in the workflow id is no valid percent-encoding
  }
}

/**
 * `authenticate`: the flow ends at once if Cyclr already reports `Authenticated`. `reauthenticate`: the flow always
 * asks for new input.
 */
export const intents = ['authenticate', 'reauthenticate'] as const;
export type Intent = (typeof intents)[number];

/** A compact JWE that only the worker can open. The JWE is bound to account, connector, purpose and submission. */
export interface Sealed {
  sealed: string;
}

/**
 * Parses a JSON text; undefined if the text is not JSON. The error of `JSON.parse` is dropped, because this error
 * quotes the text.
 */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** True if a value is a JSON object. */
export const isObject = (value: unknown): value is { [key: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** True if a value has the form of a sealed value. Only the worker can tell whether the value can be opened. */
export const isSealed = (value: unknown): value is Sealed =>
  isObject(value) && typeof value.sealed === 'string' && /^[\w-]+\.[\w-]*\.[\w-]+\.[\w-]*\.[\w-]+$/.test(value.sealed);

/** A property as it is shown to the user. */
export interface Field {
  /** Cyclr's `TargetName`: the name under which the value is stored. */
  name: string;
  label: string;
  help?: string;
  required: boolean;
  secret: boolean;
  /** True if Cyclr stores a non-empty value of the property. */
  stored: boolean;
  /** Suggested values. The flow accepts any other value, too. */
  options?: string[];
  multiline?: boolean;
  /** A value that the form proposes to the user. The flow itself never uses this value. Absent for a secret. */
  default?: string;
  /**
   * The operator's help for this field, by language. If this member is present, `help` has the text of the language
   * `default`.
   */
  helpTexts?: Help;
}

/**
 * The operator's help for the user. Each key is a language tag in lower case, such as `de` or `pt-br`, or `default` for
 * all other languages. Links are https.
 */
export interface Help {
  [language: string]: { text?: string; link?: string };
}

/** Milliseconds, or a text that the package `ms` parses, such as `"7 days"`: above 0 and at most 90 days. */
export type Duration = string | number;

/**
 * How long the flow waits for each kind of input after it has entered the waiting state. The default of each wait is 7
 * days.
 */
export interface Patience {
  properties?: Duration;
  credentials?: Duration;
  authorization?: Duration;
}

/** The parts of the operator's policy that a flow needs. These parts never contain a fixed value. */
export interface ConnectorPolicy {
  /** The digest of the policy: a changed policy has another digest. The digest does not depend on fixed values. */
  digest: string;
  /** The fields that authenticate a connector of the auth type AuthFields. */
  authFields?: Field[];
  /** `direct`: a connector with the OAuth2 type PasswordCredentials needs only its properties. */
  passwordCredentials?: 'page' | 'direct';
  /** True if at least one fixed value of the policy is not stored in Cyclr. */
  lacksValues?: true;
  /** True if a method of the policy checks the credentials, or reads the linked account, at the third party. */
  checks?: true;
  patience?: Patience;
  remindAfter?: Duration[];
  monitor?: Duration | 'off';
  reauthenticate?: 'automatic' | 'manual';
}

/** An account connector as read from Cyclr, without any stored value. */
export interface Connector {
  name: string;
  description?: string;
  /** A `data:` URI of an image, up to 8 KB. */
  icon?: string;
  authType: string;
  oauth2Type?: string;
  authDescription?: string;
  /** Cyclr's `IsPartnerIntegrationConnector`: the partner supplies the tokens. */
  partnerSupplied: boolean;
  authenticated: boolean;
  fields: Field[];
  /** The operator's help for the connector. */
  help?: Help;
  /** The operator's policy for the connector. */
  policy?: ConnectorPolicy;
  /** The linked account at the third party, as a method of the policy names it: at most 100 characters. */
  identity?: string;
  /** True if the third party refused the stored credentials when the worker checked them by a method of the policy. */
  refusedByCheck?: true;
}

/** The kind of input that authenticates a connector after Cyclr has stored its required properties. */
export type AuthMethod =
  /** The user types a key, or a user name and password. */
  | 'apiKey'
  | 'basic'
  /** The partner supplies tokens. */
  | 'tokens'
  /** The user types the fields of the policy. */
  | 'fields'
  /** The user consents at the third party. */
  | 'consent'
  /** The user gives no further input, because Cyclr fetches tokens with the properties. */
  | 'clientCredentials'
  | 'none'
  | 'unsupported';

const oauth2Methods: { [type: string]: AuthMethod } = {
  AuthorisationCode: 'consent',
  Unknown: 'consent',
  PasswordCredentials: 'consent',
  ClientCredentials: 'clientCredentials',
};

/**
 * The auth method of a connector, by Cyclr's `AuthType` and `OAuth2Type` and by the connector's policy. A type that
 * Cyclr does not document is `unsupported`.
 */
export function authMethodOf({
  authType,
  oauth2Type = 'Unknown',
  partnerSupplied,
  policy = {},
}: Pick<Connector, 'authType' | 'oauth2Type' | 'partnerSupplied'> & {
  policy?: Pick<ConnectorPolicy, 'authFields' | 'passwordCredentials'>;
}): AuthMethod {
  const byCode = authType === 'OAuth1' || (authType === 'OAuth2' && oauth2Type === 'AuthorisationCode');
  if (byCode) return partnerSupplied ? 'tokens' : 'consent';
  switch (authType) {
    case 'ApiKey':
      return 'apiKey';
    case 'Basic':
      return 'basic';
    case 'None':
      return 'none';
    case 'AuthFields':
      return policy.authFields ? 'fields' : 'unsupported';
    case 'OAuth2':
      if (oauth2Type === 'PasswordCredentials' && policy.passwordCredentials === 'direct') return 'clientCredentials';
      return Object.hasOwn(oauth2Methods, oauth2Type) ? oauth2Methods[oauth2Type]! : 'unsupported';
    default:
      return 'unsupported';
  }
}

/** The required fields for which Cyclr stores no value. */
export const missingFields = ({ fields }: Connector): Field[] =>
  fields.filter(({ required, stored }) => required && !stored);

/**
 * True if a value can be an account id: 1 to 200 characters of U+0020-7E and U+00A0-FF, no space at either end, not `.`
 * or `..`. The reason for the limit: axios drops the characters that a header can't carry. Without the dropped
 * characters, the id could be the id of another tenant.
 */
export const isAccountId = (value: unknown): value is string =>
  typeof value === 'string' &&
  /^(?! )[\u0020-\u007e\u00a0-\u00ff]{1,200}(?<! )$/.test(value) &&
  value !== '.' &&
  value !== '..';

/** True if a value can be the id of an account connector: a positive integer. */
export const isConnectorId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

/** True if a value can be the id of a submission or an attempt: 1 to 128 characters of `[A-Za-z0-9_-]`. */
export const isSubmissionId = (value: unknown): value is string =>
  typeof value === 'string' && /^[A-Za-z0-9_-]{1,128}$/.test(value);

/**
 * True if a URL is https, or http on loopback. A request to any other http URL would send tokens and sealed values in
 * clear.
 */
export const isSecureUrl = ({ protocol, hostname }: { protocol: string; hostname: string }): boolean =>
  protocol === 'https:' || (protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname));
