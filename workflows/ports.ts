/** The contract with activities: their arguments, results and failures. */
import type { AuthMethod, Connector, ConnectorKey, Sealed } from './connector';
import type { ReplyKey } from './input';

/**
 * The `type` of an activity's ApplicationFailure. The message of the failure is in the history in clear, so it contains
 * no secret. First detail, if present: a `Problem` for `InputRefused` and `CyclrRefused`, else an {@link
 * UnavailableDetail}. Second detail of `CyclrRefused`: the members of the connector that were read after the refusal.
 */
export type ActivityFailureType =
  /** No answer, a 5xx, or an answer that can't be read. Temporal retries the activity. */
  | 'CyclrUnavailable'
  /** 429. Temporal retries the activity, not before the time in `Retry-After`. */
  | 'CyclrThrottled'
  /** 401. The activity is retried with a new token, because the token may have expired. */
  | 'CyclrUnauthorized'
  /** 401 although the token was requested after an earlier 401 for this account, so a new token does not help. */
  | 'CyclrAccessDenied'
  /** The operator's trouble: 403, an IP restriction, a refused client id and secret, or a connector that is too large. */
  | 'CyclrForbidden'
  /** 404 for the account connector or the cycle. */
  | 'CyclrNotFound'
  /** Cyclr did not accept the input. */
  | 'CyclrRefused'
  /** The account id or the connector id is malformed. No request was sent. */
  | 'InvalidInput'
  /**
   * Cyclr does not report the authentication yet. The activity is retried at the next time of {@link readTimesMs}. The
   * last read returns a result.
   */
  | 'NotAuthenticatedYet'
  /**
   * The value is sealed to a key that this worker does not have. The activity is retried, because another worker may
   * have the key.
   */
  | 'UnknownSealingKey'
  /** The activity refused the input, which did not reach Cyclr. */
  | 'InputRefused';

/** The pauses between the attempts of an activity, in milliseconds. */
export const activityRetry = { initialInterval: 1_000, backoffCoefficient: 2, maximumInterval: 30_000 };
/** How long an activity is retried, counted from the beginning of its first attempt. */
export const activityBudgetMs = 60_000;

/**
 * The times of the reads of a verification, in milliseconds, counted from the first read. There are several reads,
 * because Cyclr can report an authentication some seconds late. The summary of the activity names the same times.
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
  /** True if the activity must also take a fingerprint of the `AuthValue` that is stored now. */
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
  /** True if the activity reads the connector only once, and not at all {@link readTimesMs}. */
  once?: boolean;
  /** Absent after `applyCredentials`. Then `Authenticated: true` alone proves the authentication. */
  consent?: {
    /**
     * True if the connector was authenticated before the consent. Then only a changed stored value proves the consent.
     */
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
   * Stores the credentials (an empty `AuthValue` for client credentials). Returns the connector as Cyclr reports it
   * after the call. Safe to repeat, because a repetition overwrites the value.
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
