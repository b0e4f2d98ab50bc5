/** The contract with activities: their arguments, results and failures. */
import type { AuthMethod, Connector, ConnectorKey, Sealed } from './connector';
import type { ReplyKey } from './input';

/**
 * The `type` of an activity's ApplicationFailure. The failure's message holds no secret: the history has it in clear.
 * First detail, if any: a `Problem` for `InputRefused` and `CyclrRefused`, else an {@link UnavailableDetail}. Second detail
 * of `CyclrRefused`: the members of the connector that were read after the refusal.
 */
export type ActivityFailureType =
  /** No answer, a 5xx, or an answer that can't be read. Retried. */
  | 'CyclrUnavailable'
  /** 429. Retried, not before the time in `Retry-After`. */
  | 'CyclrThrottled'
  /** The first 401 in a row for this account: the token may have expired. Retried with a new token. */
  | 'CyclrUnauthorized'
  /** The second 401 in a row for this account, although the token was requested after the first 401. */
  | 'CyclrAccessDenied'
  /** The operator's trouble: 403, an IP restriction, a refused client id and secret, or a connector that is too large. */
  | 'CyclrForbidden'
  /** 404 for the account connector. */
  | 'CyclrNotFound'
  /** Cyclr did not accept the input. */
  | 'CyclrRefused'
  /** The account id or the connector id is malformed. No request was sent. */
  | 'InvalidInput'
  /** Cyclr does not report the authentication yet. Retried at {@link readTimesMs}. The last read returns a result. */
  | 'NotAuthenticatedYet'
  /** The value is sealed to a key that this worker does not have. Retried: another worker may have it. */
  | 'UnknownSealingKey'
  /** The activity refused the input, which did not reach Cyclr. */
  | 'InputRefused';

/** The pauses between the attempts of an activity, in milliseconds. */
export const activityRetry = { initialInterval: 1_000, backoffCoefficient: 2, maximumInterval: 30_000 };
/** How long an activity is retried, counted from the beginning of its first attempt. */
export const activityBudgetMs = 60_000;

/**
 * The times of the reads of a verification in milliseconds, counted from its first read: several, because Cyclr can
 * report an authentication some seconds late. The summary of the activity in Temporal Web names them, too.
 */
export const readTimesMs = [0, 1, 2, 4, 8, 15, 30].map((seconds) => seconds * 1000);

/** Facts that the activity knows although its call failed. */
export interface UnavailableDetail {
  /** The `Retry-After` of Cyclr's answer. */
  retryAfterMs?: number;
  /** The properties that Cyclr accepted before the failure, in this or an earlier activity attempt. */
  taken?: string[];
}

export interface PropertyValues {
  submissionId: string;
  /** An empty value means "unchanged" if a value is stored, else "not given". */
  values: { [targetName: string]: Sealed | string };
  /** The properties that must have a value: required, and not stored. */
  required: string[];
}

export interface CredentialValue {
  method: AuthMethod;
  /** Absent for client credentials, which need no input except the properties. */
  submissionId?: string;
  credentials?: Sealed;
}

export interface LinkRequest {
  attemptId: string;
  replyKey: ReplyKey;
  returnTo: string;
  /** True to take a fingerprint of the value that is stored now. */
  fingerprint: boolean;
}

export interface MintedLink {
  /** The link, sealed to the reply key. */
  link: Sealed;
  /** ISO 8601. */
  expiresAt: string;
  /**
   * The fingerprint of the stored value, or a fixed marker if the connector is not authenticated. Absent if the value
   * can't be read, or if the request asks for no fingerprint.
   */
  fingerprint?: string;
}

export interface AuthorizationCheck {
  /** Read once, instead of at all {@link readTimesMs}. */
  once?: boolean;
  /** Absent if the user sent credentials: then `Authenticated` alone is the proof. */
  consent?: {
    /** The connector was authenticated before: then only a changed stored value proves the consent. */
    wasAuthenticated: boolean;
    /** The fingerprint of the value that was stored before the consent. */
    fingerprint?: string;
  };
}

export interface Authorization {
  connector: Connector;
  /** False if `Authenticated` can be older than the consent. */
  isProven: boolean;
}

export interface ConnectorActivities {
  /** Reads the account connector. Safe to repeat. */
  fetchConnector(key: ConnectorKey): Promise<Connector>;
  /** Sets the properties, then re-reads the connector. Safe to repeat: values are overwritten. */
  applyProperties(key: ConnectorKey, input: PropertyValues): Promise<Connector>;
  /**
   * Stores the credentials (an empty `AuthValue` for client credentials). Returns the connector as Cyclr then
   * reports it. Safe to repeat: the value is overwritten.
   */
  applyCredentials(key: ConnectorKey, input: CredentialValue): Promise<Connector>;
  /** Lets Cyclr make a link to the third party's consent. A repetition makes another link; an unused link expires. */
  mintLink(key: ConnectorKey, request: LinkRequest): Promise<MintedLink>;
  /**
   * Re-reads the account connector until Cyclr reports a proven authentication, at most until the last of
   * {@link readTimesMs}. Each read is one activity attempt. Safe to repeat.
   */
  verifyAuthorization(key: ConnectorKey, check: AuthorizationCheck): Promise<Authorization>;
}
