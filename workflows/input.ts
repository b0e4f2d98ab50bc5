/**
 * What callers send: the start input and the arguments of signals and updates. Wire format: add fields, never rename.
 * An absent value is left out. No import of Temporal here: HTTP clients and browsers use these types.
 */
import ms from 'ms';
import { isAccountId, isConnectorId, workflowIdOf, type ConnectorKey, type Intent, type Sealed } from './connector';
import type { WaitingStateName } from './view';

/** Milliseconds, or an ms-format string such as `"7 days"`: above 0 and at most 90 days. */
export type Duration = string | number;

/** How long the flow waits for each kind of input, counted from entering the waiting state. 7 days each by default. */
export interface Patience {
  properties?: Duration;
  credentials?: Duration;
  authorization?: Duration;
}

/** The start input. */
export interface Input extends ConnectorKey {
  intent?: Intent;
  patience?: Patience;
  /** When to remind the user, counted from entering the waiting state. */
  remindAfter?: Duration[];
  /** The person or program that starts the flow, at most 100 characters, for the timeline. */
  by?: string;
}

/** Values of a connector's properties, by `TargetName`; secret ones sealed. Accepted whole or not at all. */
export interface PropertyInput {
  submissionId: string;
  values: { [targetName: string]: Sealed | string };
  by?: string;
}

/** An API key, a user name and password, or tokens: always sealed. */
export interface CredentialInput {
  submissionId: string;
  credentials: Sealed;
  by?: string;
}

/** The content of sealed credentials. */
export type Credentials =
  | { kind: 'apiKey'; key: string }
  | { kind: 'basic'; username: string; password: string }
  | { kind: 'tokens'; accessToken: string; refreshToken?: string; expires?: string; refreshExpires?: string };

/** A public P-256 key as JWK, made for one request: the link is sealed to it. */
export interface ReplyKey {
  kty: 'EC';
  crv: 'P-256';
  x: string;
  y: string;
}

/** A request for a link to the third party's consent. */
export interface AuthorizationRequest {
  attemptId: string;
  replyKey: ReplyKey;
  /** Where the browser goes afterwards: absolute https (http on loopback), no user info, at most 2,000 characters. */
  returnTo: string;
  by?: string;
}

/** A request to verify whether the user has consented. */
export interface Confirmation {
  attemptId: string;
  by?: string;
}

/** The browser came back from the third party's consent. It proves nothing: the flow re-reads the connector. */
export interface OAuthCallback {
  attemptId: string;
  by?: string;
}

export interface Cancel {
  reason?: string;
  by?: string;
}

/** Of Temporal's ids; a letter such as ü is six characters there. */
const MAX_WORKFLOW_ID = 1000;
export const MAX_DURATION_MS = 90 * 24 * 3_600_000;
const DEFAULT_PATIENCE = '7 days';
const patienceKeys = ['properties', 'credentials', 'authorization'] as const;

/** Whether a value can say who did something: at most 100 characters. */
export const isBy = (value: unknown): value is string | undefined =>
  value === undefined || (typeof value === 'string' && value.length <= 100);

/** Whether a value is a JSON object. */
export const isObject = (value: unknown): value is { [key: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Milliseconds; NaN for what is no duration above 0 and at most 90 days. */
export function durationMs(duration: unknown): number {
  const isText = typeof duration === 'string' && duration !== ''; // ms throws at an empty one
  const given = isText ? ms(duration as ms.StringValue) : duration;
  return typeof given === 'number' && given > 0 && given <= MAX_DURATION_MS ? given : NaN;
}

const patienceFor: Record<WaitingStateName, keyof Patience> = {
  awaitingProperties: 'properties',
  awaitingCredentials: 'credentials',
  awaitingAuthorization: 'authorization',
};

/** How long a wait may take, in milliseconds. */
export const patienceMs = (patience: Patience | undefined, state: WaitingStateName): number =>
  durationMs(patience?.[patienceFor[state]] ?? DEFAULT_PATIENCE);

const isDuration = (value: unknown): value is Duration => !Number.isNaN(durationMs(value));
const isPatience = (value: unknown): boolean =>
  isObject(value) &&
  Object.entries(value).every(([key, duration]) => patienceKeys.includes(key as never) && isDuration(duration));

/** What is wrong with an input, in words that quote none of it; nothing where it is right. */
export function wrongWithInput(input: unknown): string | undefined {
  if (!isObject(input)) return 'the input is not an object';
  const { accountId, connectorId, intent, patience, remindAfter, by } = input;
  if (!isAccountId(accountId)) return 'accountId is not one that Cyclr can be asked about';
  if (!isConnectorId(connectorId)) return 'connectorId is not a positive integer';
  if (workflowIdOf({ accountId, connectorId }).length > MAX_WORKFLOW_ID)
    return 'accountId is too long for a workflow id, once it is URL-encoded';
  if (intent !== undefined && intent !== 'authenticate' && intent !== 'reauthenticate')
    return 'intent is neither "authenticate" nor "reauthenticate"';
  if (patience !== undefined && !isPatience(patience))
    return 'patience is not made of properties, credentials and authorization, each above 0 and at most 90 days';
  if (
    remindAfter !== undefined &&
    !(Array.isArray(remindAfter) && remindAfter.length <= 20 && remindAfter.every(isDuration))
  )
    return 'remindAfter is not a list of at most 20 durations, each above 0 and at most 90 days';
  if (!isBy(by)) return 'by is not a text of at most 100 characters';
  return undefined;
}

/** The same, for a workflow that was started under an id: else it could show one tenant's flow under another's id. */
export const wrongWithStart = (input: unknown, workflowId: string): string | undefined =>
  wrongWithInput(input) ??
  (workflowIdOf(input as Input) === workflowId
    ? undefined
    : 'the workflow id does not belong to this account and connector');
