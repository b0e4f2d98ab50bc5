/** The contract with activities: their arguments, results and failures. */
import type { FailureReport, Outcome } from './connection';
import type { AuthMethod, Connector, ConnectorKey, Intent, Sealed } from './connector';
import type { EventBody, EventReport, EventType } from './events';
import type { Duration, Patience, ReplyKey } from './input';
import type { Lack, OnboardingKey, Scope } from './onboarding';
import type { FinalStateName } from './view';

/**
 * The `type` of an activity's ApplicationFailure. The message of the failure is in the history in clear, so it contains
 * no secret. First detail, if present: a `Problem` for `InputRefused` and `CyclrRefused`, else an {@link
 * UnavailableDetail}. Second detail of `CyclrRefused`: the members of the connector that were read after the refusal.
 */
export type ActivityFailureType =
  /** No answer, the status 408 or 5xx, or an answer that can't be read. Temporal retries the activity. */
  | 'CyclrUnavailable'
  /** 429. Temporal retries the activity, but not before the time in `Retry-After`. */
  | 'CyclrThrottled'
  /** 401. Temporal retries the activity, and the retry requests a new token, because the token may have expired. */
  | 'CyclrUnauthorized'
  /** 401 for a token that was requested after an earlier 401 for this account. Another new token would get 401, too. */
  | 'CyclrAccessDenied'
  /**
   * The operator's trouble: 403, an IP restriction, a refused client id and secret, or a connector that is too large.
   */
  | 'CyclrForbidden'
  /** 404 for the account connector or the cycle. */
  | 'CyclrNotFound'
  /** Cyclr did not accept the input. */
  | 'CyclrRefused'
  /** The account id or the connector id is malformed. No request was sent. */
  | 'InvalidInput'
  /**
   * Cyclr does not report the authentication yet. Temporal retries the activity at the next time of {@link
   * readTimesMs}. At the last of these times, the activity returns a result, and does not fail.
   */
  | 'NotAuthenticatedYet'
  /**
   * The value is sealed to a key that this worker does not have. Temporal retries the activity, because another worker
   * may have the key.
   */
  | 'UnknownSealingKey'
  /** The activity refused the input before it reached Cyclr. */
  | 'InputRefused';

/** The pauses between the attempts of an activity, in milliseconds. */
export const activityRetry = { initialInterval: 1_000, backoffCoefficient: 2, maximumInterval: 30_000 };
/** An activity ends its retries when this time has passed since the beginning of its first attempt. */
export const activityBudgetMs = 60_000;

/**
 * The times of the reads of a verification, in milliseconds, counted from the first read. There are several reads,
 * because Cyclr can report an authentication some seconds late. The summary of the activity names the same times.
 */
export const readTimesMs = [0, 1, 2, 4, 8, 15, 30].map((seconds) => seconds * 1000);

/** The facts that an activity adds to its failure when a call to Cyclr has failed. */
export interface UnavailableDetail {
  /** The `Retry-After` of Cyclr's answer. */
  retryAfterMs?: number;
  /** The properties that Cyclr accepted before the failure, in this or an earlier activity attempt. */
  taken?: string[];
  /** The kind of the error, if only an operator can repair the cause of the error. */
  reason?: string;
}

export interface ConnectorRead extends ConnectorKey {
  /** The names of targets in the start input. */
  notify?: string[];
}

/** The facts about the targets of a run's events. */
export interface TargetFacts {
  /** The types of events that have a target. */
  types: EventType[];
  /** The names in `notify` that the worker does not know. */
  unknownTargets?: string[];
}

/** The connector, with the facts about the targets of its events. */
export interface ReadConnector extends Connector {
  /** Absent if no event of the flow has a target, and the worker knows all names in `notify`. */
  events?: TargetFacts;
  /** True if a monitor watches the connection after an authentication. */
  isMonitored?: true;
}

/** The argument of `postEvent`: one event and the target that gets it. */
export interface Post {
  target: string;
  body: EventBody;
}

export interface PropertyValues {
  submissionId: string;
  /**
   * If Cyclr stores a value of the property, an empty value means "unchanged". If Cyclr stores no value, an empty value
   * means "not given".
   */
  values: { [targetName: string]: Sealed | string };
  /** The required properties for which Cyclr stores no value: the input must have a value for each of them. */
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
  /** True if the activity must take a fingerprint of the stored `AuthValue` before it makes the link. */
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
  /**
   * True if the activity reads the connector only once. Without `once`, the activity reads at each time of {@link
   * readTimesMs} until the connector is authenticated.
   */
  once?: boolean;
  /** Absent after `applyCredentials`: in this case, `Authenticated: true` alone proves the authentication. */
  consent?: {
    /**
     * True if the connector was authenticated before the consent. In this case, only a change of the value that Cyclr
     * stores proves the consent.
     */
    wasAuthenticated: boolean;
    /** The fingerprint of the value that was stored before the consent. */
    fingerprint?: string;
  };
}

export interface Authorization {
  connector: Connector;
  /**
   * True if the consent is proven. False if Cyclr's `Authenticated: true` can come from the time before the consent.
   */
  isProven: boolean;
}

/** The result of the policy's calls to the third party. */
export interface ConnectionCheck {
  /** `refused`: the third party does not accept the credentials. `notChecked`: the calls gave no result. */
  verification: 'checked' | 'notChecked' | 'refused';
  /** The linked account, at most 100 characters. */
  identity?: string;
}

export interface ConnectorActivities {
  /** Reads the account connector. Safe to repeat. */
  fetchConnector(key: ConnectorRead): Promise<ReadConnector>;
  /**
   * Starts the workflow `deliverEvent` for an event of the calling workflow; does nothing if the event has no target.
   * Safe to repeat, because Temporal starts only one workflow for each event id.
   */
  sendEvent(report: EventReport): Promise<void>;
  /** Sets the properties, then re-reads the connector. Safe to repeat, because a repetition overwrites the values. */
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
  /**
   * Calls the third party by the methods of the policy, within 10 s. After an outage, a missing permission or an
   * unknown method, the result is `notChecked`. Safe to repeat if the methods only read.
   */
  checkConnection(key: ConnectorKey): Promise<ConnectionCheck>;
}

/** A connector that is in the scope, or that the onboarding already has, with its data from Cyclr's list. */
export interface ScopeConnector {
  connectorId: number;
  name: string;
  authenticated: boolean;
  /** True if the connector is in the scope. */
  needed: boolean;
}

export interface ScopeRequest {
  scope: Scope;
  /** The ids of the connectors that the onboarding already has. */
  known: number[];
  /** The names of targets in the start input. */
  notify?: string[];
}

export interface ScopeAnswer {
  /** Every connector in the scope, and every connector in `known` that Cyclr still lists. */
  connectors: ScopeConnector[];
  /** The prerequisites that the cycle lacks, other than the authentication of connectors. */
  lacks?: Lack[];
  /** Absent if no event of the onboarding has a target, and the worker knows all names in `notify`. */
  events?: TargetFacts;
}

/** The state of the flow of a connector. `running`: the flow is open. */
export interface FlowStatus {
  connectorId: number;
  runId?: string;
  state: 'running' | FinalStateName;
}

/** A run of the flow of a connector. */
export interface FlowRun {
  connectorId: number;
  runId: string;
}

export interface FlowsToStart {
  connectorIds: number[];
  /** The workflow id (`subscriber`) and the first run id of the onboarding. */
  subscriber: string;
  firstRunId: string;
  /** The options of each flow that the activity starts. An open flow keeps the options of its own start. */
  options: { intent?: Intent; patience?: Patience; remindAfter?: Duration[]; notify?: string[]; by?: string };
}

export interface FlowsToCheck {
  /**
   * The started flows, except the flows that have ended as authenticated. Flows that have ended in another state are
   * included, because another caller can have started them again.
   */
  flows: FlowStatus[];
  /** The workflow id of the onboarding. */
  subscriber: string;
}

/**
 * The activities of an onboarding. `startFlows`, `checkFlows` and `cancelFlows` call only Temporal, and Temporal
 * retries them without a limit. `awaitEnds` also calls only Temporal, and has 90 s for its attempts: after a timeout,
 * the onboarding calls `awaitEnds` again.
 */
export interface OnboardingActivities {
  /** Reads the scope from Cyclr. Fails: `InvalidInput` for more than 500 connectors. Safe to repeat. */
  readScope(key: OnboardingKey, request: ScopeRequest): Promise<ScopeAnswer>;
  /** Activates a cycle. If Cyclr refuses, returns the unmet prerequisites. Safe to repeat. */
  activateCycle(key: OnboardingKey, cycleId: string): Promise<{ lacks?: Lack[] }>;
  /**
   * Subscribes to the flow of each connector. Starts each flow that is not open: one call to Temporal starts the flow
   * and subscribes to the flow. Safe to repeat, because a later activity attempt starts no second flow for a connector.
   */
  startFlows(key: OnboardingKey, request: FlowsToStart): Promise<FlowStatus[]>;
  /**
   * Finds the flows that have ended without a signal to the onboarding, and subscribes to new runs of the flows.
   * Returns the flows whose status has changed. Safe to repeat.
   */
  checkFlows(key: OnboardingKey, request: FlowsToCheck): Promise<FlowStatus[]>;
  /**
   * Sends the signal `cancel` to the open flows that this onboarding has started. Returns the runs of these flows. Safe
   * to repeat.
   */
  cancelFlows(key: OnboardingKey, request: { connectorIds: number[]; by?: string }): Promise<FlowRun[]>;
  /**
   * Succeeds if each of the runs has ended or is paused. Otherwise fails as `FlowsOpen`, and Temporal retries the
   * activity. Between the attempts, the wait takes no activity slot of a worker. Safe to repeat.
   */
  awaitEnds(key: OnboardingKey, runs: FlowRun[]): Promise<void>;
}

/** A connector as its monitor reads it. */
export interface ConnectionRead {
  connectorName: string;
  /** Cyclr's `Authenticated`. */
  authenticated: boolean;
  /**
   * The end of the latest flow. Absent if the monitor already knows this end, if the flow is open, or if Temporal has
   * no run of the flow.
   */
  outcome?: Outcome;
  isFlowOpen?: true;
  /** The time between two reads, from the policy or from MONITOR_EVERY of the worker. */
  every?: Duration;
  /** True if the policy has `reauthenticate: automatic`. */
  automatic?: true;
  /** Absent if no event of the connection has a target. */
  events?: TargetFacts;
}

/** Cyclr's message that a call of a cycle failed to authenticate. */
export interface TransactionError extends Pick<FailureReport, 'transactionId' | 'at'> {
  accountId: string;
  cycleId: string;
}

/** The activities of monitors. All but `readConnection` and `reportTransactionError` call only Temporal. */
export interface MonitorActivities {
  /** Reads the connector from Cyclr, and the end of its latest flow from Temporal. Safe to repeat. */
  readConnection(key: ConnectorKey, knownRunId?: string): Promise<ConnectionRead>;
  /**
   * Starts a flow with the intent `reauthenticate`, or finds the open flow, and subscribes to it. Returns its run. Safe
   * to repeat, because Temporal starts no second run while a flow is open.
   */
  startReauthentication(key: ConnectorKey, request: { subscriber: string }): Promise<{ runId: string }>;
  /**
   * Reports the end of the calling flow to the monitor of its connector, and starts the monitor after an
   * authentication. For any other end, does nothing if no monitor is open. Safe to repeat.
   */
  reportToMonitor(key: ConnectorKey, outcome: Outcome): Promise<void>;
  /**
   * Reads the connectors of a cycle, and sends the signal `reportFailure` to their monitors. Does not call Cyclr if the
   * account has no monitor. Safe to repeat.
   */
  reportTransactionError(error: TransactionError): Promise<void>;
}

/** The activities of the task queue for events. */
export interface EventActivities {
  /**
   * Posts an event to a target. Fails with a {@link PostFailureType} if the target does not answer with 2xx within 15
   * s. A repetition posts the same event id again.
   */
  postEvent(post: Post): Promise<void>;
}

/**
 * The `type` of a failed post. The failure's message holds neither the address of the target nor the body of its
 * answer.
 */
export type PostFailureType =
  /**
   * The target did not answer within 15 s, or its answer had no 2xx status. Temporal retries the post, but not before
   * the time in `Retry-After`.
   */
  | 'NotTaken'
  /** The target answered 410, so Temporal does not repeat the post. */
  | 'Gone'
  /** This worker does not know the target. Temporal retries the post, because another worker may know the target. */
  | 'UnknownTarget';

/** The pauses between the attempts to post one event to a target. */
export const postRetry = { initialInterval: 5_000, backoffCoefficient: 2, maximumInterval: 6 * 3_600_000 };
/** Temporal ends the retries of a post after this time. */
export const postBudget = '3 days';
