/** The contract with activities: the calls the workflow needs made. */
import type { AuthMethod, Connector, ConnectorKey, Sealed } from './connector';
import type { ReplyKey } from './input';

/**
 * How an activity fails, as the `type` of its ApplicationFailure. Its message is built from known-safe words only.
 * `InputRefused` and `CyclrRefused` can carry a `Problem` as first detail, the others an {@link UnavailableDetail}.
 */
export type ActivityFailureType =
  /** No answer, a 5xx, or an answer that can't be read. Retried. */
  | 'CyclrUnavailable'
  /** 429. Retried, not before its `Retry-After`. */
  | 'CyclrThrottled'
  /** The first 401 in a row for this account: the token may just be old. Retried with a new one. */
  | 'CyclrUnauthorized'
  /** A second 401 in a row, with a token minted after the first. */
  | 'CyclrAccessDenied'
  /** 403, an IP restriction, or Cyclr refused our client id and secret: the operator's trouble. */
  | 'CyclrForbidden'
  /** 404 for the account connector. */
  | 'CyclrNotFound'
  /** Cyclr did not take what was given. */
  | 'CyclrRefused'
  /** An account id or connector id that must not be sent. */
  | 'InvalidInput'
  /** Sealed to a key this worker does not hold. Retried: another worker may hold it. */
  | 'UnknownSealingKey'
  /** What was given can't be used; it did not reach Cyclr. */
  | 'InputRefused';

/** What is known although the call failed. */
export interface UnavailableDetail {
  /** How long Cyclr asked to be left alone. */
  retryAfterMs?: number;
  /** The properties that Cyclr took before it failed, this time or at an attempt before. */
  taken?: string[];
}

export interface PropertyValues {
  submissionId: string;
  /** An empty value means "unchanged" where one is stored, "not given" otherwise. */
  values: { [targetName: string]: Sealed | string };
  /** The properties that must be given: required, and not stored. */
  required: string[];
}

export interface CredentialValue {
  method: AuthMethod;
  /** Absent where the properties are enough. */
  submissionId?: string;
  credentials?: Sealed;
}

export interface LinkRequest {
  attemptId: string;
  replyKey: ReplyKey;
  returnTo: string;
  /** Whether a fingerprint of what is stored now is wanted. */
  fingerprint: boolean;
}

export interface MintedLink {
  /** Sealed to the reply key. */
  link: Sealed;
  /** ISO 8601. */
  expiresAt: string;
  /** A keyed one, of the stored value; a marker where nothing was authenticated; absent where that can't be read. */
  fingerprint?: string;
}

export interface Authorization {
  connector: Connector;
  /** Whether what is stored differs from what the fingerprint was taken of; false also where that can't be told. */
  changed: boolean;
}

export interface ConnectorActivities {
  /** Reads the account connector. Safe to repeat. */
  fetchConnector(key: ConnectorKey): Promise<Connector>;
  /** Sets the properties, then reads the connector again. Repeatable as a whole: an existing one is overwritten. */
  applyProperties(key: ConnectorKey, input: PropertyValues): Promise<Connector>;
  /**
   * Stores the credentials; without any, tells Cyclr that the properties are enough.
   * Safe to repeat: the value is overwritten.
   */
  applyCredentials(key: ConnectorKey, input: CredentialValue): Promise<Connector>;
  /** Has Cyclr make a link to the third party's consent. Repeating makes another one; an unused one runs out by itself. */
  mintLink(key: ConnectorKey, request: LinkRequest): Promise<MintedLink>;
  /** Reads the account connector, and what became of the value of this fingerprint. Safe to repeat. */
  readAuthorization(key: ConnectorKey, since: { fingerprint?: string }): Promise<Authorization>;
}
