/**
 * The contract with callers: the queue, the ids, what can be sent to a running authentication and what it answers.
 * Names and shapes are wire format: they may be added to, never renamed. Times are ISO 8601; what is absent is left
 * out; durations are ms-format strings or milliseconds.
 */
import { defineSearchAttributeKey } from '@temporalio/common';
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Connector, ConnectorKey, Field, Sealed } from './connector';

export const taskQueue = 'connector-auth';

/** The workflow id of one account connector's authentication: at most one runs at a time. */
export const workflowIdOf = ({ accountId, connectorId }: ConnectorKey): string =>
  `connector-auth/${encodeURIComponent(accountId)}/${connectorId}`;

/** Milliseconds, or a text such as `"7 days"`: above 0 and at most 90 days. */
export type Duration = string | number;
export type Intent = 'authenticate' | 'reauthenticate';

/** How long each wait for somebody may take, counted from entering it. 7 days each by default. */
export interface Patience {
  properties?: Duration;
  credentials?: Duration;
  authorization?: Duration;
}

/** What an authentication starts with. */
export interface Input extends ConnectorKey {
  intent?: Intent;
  patience?: Patience;
  /** When to remind whoever is waited for, counted from entering the wait. */
  remindAfter?: Duration[];
  /** Who started it, at most 100 characters, for the timeline. */
  by?: string;
}

/** Values for a connector's properties, by `TargetName`; a sensitive one must be sealed. Taken whole or not at all. */
export interface PropertyInput {
  submissionId: string;
  values: { [targetName: string]: Sealed | string };
  by?: string;
}

/** An API key, a user name and password, or tokens: sealed, always. */
export interface CredentialInput {
  submissionId: string;
  credentials: Sealed;
  by?: string;
}

/** A public P-256 key as JWK, made for one request alone: the link is sealed to it. */
export interface ReplyKey {
  kty: 'EC';
  crv: 'P-256';
  x: string;
  y: string;
}

/** Asks for a link to the third party's consent. */
export interface AuthorizationRequest {
  attemptId: string;
  replyKey: ReplyKey;
  /** Where the browser goes afterwards: absolute https (http on loopback), no user info, at most 2,000 characters. */
  returnTo: string;
  by?: string;
}

/** A link to the third party's consent, for whoever holds the private half of the `replyKey` alone. */
export interface AuthorizationLink {
  attemptId: string;
  expiresAt: string;
  link: Sealed;
}

/** Asks whether the user has consented. */
export interface Confirmation {
  attemptId: string;
  by?: string;
}

/** The browser came back from the third party's consent. It proves nothing: Cyclr is asked. */
export interface OAuthCallback {
  attemptId: string;
  by?: string;
}

export interface Cancel {
  reason?: string;
  by?: string;
}

/** What credentials are, once opened. */
export type Credentials =
  | { kind: 'apiKey'; key: string }
  | { kind: 'basic'; username: string; password: string }
  | { kind: 'tokens'; accessToken: string; refreshToken?: string; expires?: string; refreshExpires?: string };

/** Facts from UI events: never answered, never able to harm; a `submissionId` seen before changes nothing. */
export const propertyInput = defineSignal<[PropertyInput]>('propertyInput');
export const credentialInput = defineSignal<[CredentialInput]>('credentialInput');
export const oauthCallback = defineSignal<[OAuthCallback]>('oauthCallback');
/** Ends the authentication as `cancelled`, unless Cyclr takes the credentials first. */
export const cancel = defineSignal<[Cancel?]>('cancel');

/**
 * The same inputs, for callers who want an answer: the view after Cyclr took or refused it, or as it stands after 10 s.
 * Rejected without a trace, with the problem's code as the failure's type, where the flow itself refuses the input.
 * Update id: the submission id.
 */
export const submitProperties = defineUpdate<View, [PropertyInput]>('submitProperties');
export const submitCredentials = defineUpdate<View, [CredentialInput]>('submitCredentials');
/** A fresh link at each request; the newest attempt wins. Fails: `notNow`, `cyclrUnavailable`. Update id: the attempt id. */
export const requestAuthorization = defineUpdate<AuthorizationLink, [AuthorizationRequest]>('requestAuthorization');
/**
 * The view once Cyclr was asked whether the user has consented, or as it stands after 10 s. At most one verification in
 * 5 s; joins a running one. An attempt that the flow does not know changes nothing. Update id: a fresh one each time.
 */
export const confirmAuthorization = defineUpdate<View, [Confirmation]>('confirmAuthorization');

/** Where it stands, without any secret. Answered by a closed authentication too. */
export const view = defineQuery<View>('view');
/** How it got there: the last 200 transitions and refused inputs. */
export const timeline = defineQuery<Timeline>('timeline');

export type StateName =
  | 'fetchingConnector'
  | 'awaitingProperties'
  | 'applyingProperties'
  | 'awaitingCredentials'
  | 'awaitingAuthorization'
  | 'applyingCredentials'
  | 'verifyingAuthorization'
  | 'authenticated'
  | 'expired'
  | 'cancelled'
  | 'failed'
  | 'unsupported';

/** Why an input, or Cyclr, did not bring it further. A closed list: pages translate by code. */
export type ProblemCode =
  | 'malformed'
  | 'notNow'
  | 'notSealed'
  | 'notOpenable'
  | 'wrongKind'
  | 'unknownProperty'
  | 'missingProperty'
  | 'refused'
  | 'notAuthorized'
  | 'cyclrUnavailable';

/** What went wrong last, and where. It goes with the next success. */
export interface Problem {
  code: ProblemCode;
  message: string;
  fields?: { name: string; code: ProblemCode }[];
}

export type FailureCode = 'invalidInput' | 'connectorNotFound' | 'accessDenied' | 'terminated' | 'timedOut';

export interface Failure {
  code: FailureCode;
  message: string;
}

/**
 * Whether `authenticated` is more than Cyclr's word that a value is stored: `checked` by a call to the third party,
 * `notChecked`, or `unproven` (a re-consent that left no trace).
 */
export type Verification = 'checked' | 'notChecked' | 'unproven';

/** One minted link to the third party's consent. */
export interface Attempt {
  id: string;
  requestedAt: string;
  expiresAt: string;
}

/** All that may be known outside: an allow-list. */
export interface View extends ConnectorKey {
  runId: string;
  intent: Intent;
  state: StateName;
  connector?: Omit<Connector, 'authenticated' | 'fields'>;
  /** Only in `awaitingProperties`: all that can be set, in display order. */
  fields?: Field[];
  problem?: Problem;
  /** When the present wait ends as `expired`. */
  deadline?: string;
  attempt?: Attempt;
  /** Always there in `authenticated`. */
  verification?: Verification;
  failure?: Failure;
  /** One more at every visible change. */
  revision: number;
}

/** One transition, or an input that was refused (`from` equals `to`, and `note` is the problem's code). */
export interface TimelineEntry {
  at: string;
  from: StateName;
  event: string;
  to: StateName;
  /** The submission's or the attempt's id. */
  id?: string;
  by?: string;
  note?: string;
}

export interface Timeline {
  entries: TimelineEntry[];
  /** How many older entries were dropped. */
  dropped?: number;
}

/** The states that a run ends in. */
export const finalStates: readonly StateName[] = ['authenticated', 'expired', 'cancelled', 'failed', 'unsupported'];

/** What the list of workflows can be searched by. The state is set where somebody is waited for, and at the end. */
export const searchAttributes = {
  accountId: defineSearchAttributeKey('CyclrAccountId', 'KEYWORD'),
  connectorId: defineSearchAttributeKey('CyclrConnectorId', 'KEYWORD'),
  name: defineSearchAttributeKey('ConnectorName', 'KEYWORD'),
  state: defineSearchAttributeKey('ConnectorAuthState', 'KEYWORD'),
};
