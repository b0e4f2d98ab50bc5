/**
 * The start input and the arguments of signals and updates: their shapes, and the checks that need no state of a flow.
 * Wire format: you may add a field, but never rename a field. A field without a value is left out. This file does not
 * import Temporal, because HTTP clients and browsers use these types.
 */
import ms from 'ms';
import {
  isAccountId,
  isConnectorId,
  isObject,
  isSecureUrl,
  isSubmissionId,
  workflowIdOf,
  type Connector,
  type ConnectorKey,
  type Duration,
  type Intent,
  type Patience,
  type Sealed,
} from './connector';
import type { FinalStateName, WaitingStateName } from './view';

export type { Duration, Patience } from './connector';

/** The start input. */
export interface Input extends ConnectorKey {
  intent?: Intent;
  patience?: Patience;
  /** The times of the reminders, counted from the time when the flow enters a waiting state. */
  remindAfter?: Duration[];
  /** The names of targets that get the events of the flow, in addition to the target of `WEBHOOK_URL`: at most 10. */
  notify?: string[];
  /** The person or program that starts the flow, at most 100 characters, for the timeline. */
  by?: string;
}

/**
 * Values of a connector's properties, by `TargetName`. The values of secret properties are sealed. The flow accepts all
 * values or none.
 */
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
  | { kind: 'tokens'; accessToken: string; refreshToken?: string; expires?: string; refreshExpires?: string }
  /** The fields of the connector's policy, by name. */
  | { kind: 'fields'; values: { [name: string]: string } };

/** A public P-256 key as JWK, made for one request for a link. The link is sealed to this key. */
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
  /**
   * The URL to which the browser goes after the consent: absolute https (http on loopback), no user info, at most 2,000
   * characters.
   */
  returnTo: string;
  by?: string;
}

/** A request to verify whether the user has consented. */
export interface Confirmation {
  attemptId: string;
  by?: string;
}

/**
 * Reports that the browser came back from the third party's consent page. The return of the browser proves no consent,
 * so the flow re-reads the connector.
 */
export interface OAuthCallback {
  attemptId: string;
  by?: string;
}

/** A request to re-read the connector from Cyclr. */
export interface Recheck {
  by?: string;
}

export interface Cancel {
  reason?: string;
  by?: string;
}

/** The argument of the signal `subscribe`: the workflow to which the flow reports its end. */
export interface Subscription {
  /** 1 to 1,000 characters of printable ASCII. */
  workflowId: string;
}

/** The argument of the signal `connectorFinished`: how a run of a flow ended. */
export interface ConnectorFinished {
  connectorId: number;
  state: FinalStateName;
  runId: string;
  /** When the run ended. ISO 8601. Present only in a signal to a monitor. */
  at?: string;
  /** The person or program that acted last in the run. Present only in a signal to a monitor. */
  by?: string;
}

/**
 * Temporal's limit for a workflow id, in characters. The account id is URL-encoded in a workflow id, so a letter such
 * as ü takes six characters.
 */
export const MAX_WORKFLOW_ID = 1000;
export const MAX_URL = 2000;
/**
 * The highest number of values in one property input. This limit is high, because one input must have all required
 * properties.
 */
export const MAX_VALUES = 1000;
/**
 * The limits of the texts in an input, in characters: one value, sealed or not (`MAX_VALUE`), all values of one input
 * (`MAX_INPUT`), sealed credentials (`MAX_CREDENTIALS`).
 */
export const MAX_VALUE = 64 * 1024;
export const MAX_INPUT = 256 * 1024;
export const MAX_CREDENTIALS = 32 * 1024;
export const MAX_DURATION_MS = 90 * 24 * 3_600_000;
const DEFAULT_PATIENCE = '7 days';
const patienceKeys = ['properties', 'credentials', 'authorization'] as const;

/** The limit of the member `by` of a message, in characters. */
export const MAX_BY = 100;

/** True if a value is a valid `by`: absent, or a text of at most 100 characters. */
export const isBy = (value: unknown): value is string | undefined =>
  value === undefined || (typeof value === 'string' && value.length <= MAX_BY);

/** True if a value can be the name of a target of events. */
export const isTargetName = (value: unknown): value is string =>
  typeof value === 'string' && /^[\w-]{1,64}$/.test(value);

const MAX_TARGETS = 10;

/** True if a value can be the `notify` of a start input. */
export const isNotify = (value: unknown): value is string[] | undefined =>
  value === undefined || (Array.isArray(value) && value.length <= MAX_TARGETS && value.every(isTargetName));

/** The milliseconds of a duration that is above 0 and at most 90 days. NaN for any other value. */
export function durationMs(duration: unknown): number {
  const isText = typeof duration === 'string' && duration !== ''; // the package ms throws an error for an empty string
  const given = isText ? ms(duration as ms.StringValue) : duration;
  return typeof given === 'number' && given > 0 && given <= MAX_DURATION_MS ? given : NaN;
}

const patienceFor: Record<WaitingStateName, keyof Patience> = {
  awaitingProperties: 'properties',
  awaitingCredentials: 'credentials',
  awaitingAuthorization: 'authorization',
};

/** How long the flow waits in this state, in milliseconds. */
export const patienceMs = (patience: Patience | undefined, state: WaitingStateName): number =>
  durationMs(patience?.[patienceFor[state]] ?? DEFAULT_PATIENCE);

/**
 * The patience and the reminders of a flow. A value in the start input overrides the value in the policy of the
 * connector.
 */
export const waitRulesOf = (
  { patience, remindAfter }: Pick<Input, 'patience' | 'remindAfter'>,
  { policy }: Pick<Connector, 'policy'>,
): { patience: Patience; remindAfter: Duration[] } => ({
  patience: { ...policy?.patience, ...patience },
  remindAfter: remindAfter ?? policy?.remindAfter ?? [],
});

const isDuration = (value: unknown): value is Duration => !Number.isNaN(durationMs(value));
const isPatience = (value: unknown): boolean =>
  isObject(value) &&
  Object.entries(value).every(([key, duration]) => patienceKeys.includes(key as never) && isDuration(duration));

/**
 * The first fault of a start input, as a text that quotes no part of the input. `undefined` if the input has no fault.
 */
export function faultOfInput(input: unknown): string | undefined {
  if (!isObject(input)) return 'the input is not an object';
  const { accountId, connectorId, intent, patience, remindAfter, notify, by } = input;
  if (!isAccountId(accountId)) return 'accountId is not a valid account id of Cyclr';
  if (!isConnectorId(connectorId)) return 'connectorId is not a positive integer';
  if (workflowIdOf({ accountId, connectorId }).length > MAX_WORKFLOW_ID)
    return `accountId is too long: the URL-encoded workflow id has more than ${MAX_WORKFLOW_ID} characters`;
  if (intent !== undefined && intent !== 'authenticate' && intent !== 'reauthenticate')
    return 'intent is neither "authenticate" nor "reauthenticate"';
  if (patience !== undefined && !isPatience(patience))
    return 'patience has other keys than properties, credentials and authorization, or a duration that is not above 0 and at most 90 days';
  if (
    remindAfter !== undefined &&
    !(Array.isArray(remindAfter) && remindAfter.length <= 20 && remindAfter.every(isDuration))
  )
    return 'remindAfter is not a list of at most 20 durations, each above 0 and at most 90 days';
  if (!isNotify(notify))
    return 'notify is not a list of at most 10 names of targets: 1 to 64 of A-Z, a-z, 0-9, _ and -';
  if (!isBy(by)) return `by is not a string of at most ${MAX_BY} characters`;
  return undefined;
}

/**
 * Checks a start input as {@link faultOfInput} does, and checks that the workflow id belongs to the input. With a wrong
 * id, one tenant could see the flow of another tenant.
 */
export const faultOfStart = (input: unknown, workflowId: string): string | undefined =>
  faultOfInput(input) ??
  (workflowIdOf(input as Input) === workflowId
    ? undefined
    : 'the workflow id does not belong to this account and connector');

export const isAuthorizationRequest = (value: unknown): value is AuthorizationRequest =>
  isObject(value) &&
  isSubmissionId(value.attemptId) &&
  isBy(value.by) &&
  isReturnTo(value.returnTo) &&
  isReplyKey(value.replyKey);

/** True if a value is an absolute https URL (http on loopback) without user info, at most 2,000 characters. */
export function isReturnTo(value: unknown): value is string {
  // A text with characters outside printable ASCII is refused here, because the URL parser drops or repairs such
  // characters.
  if (typeof value !== 'string' || value.length > MAX_URL || !/^https?:\/\/[!-~]+$/i.test(value)) return false;
  try {
    const url = new URL(value);
    return isSecureUrl(url) && url.username === '' && url.password === '';
  } catch {
    return false;
  }
}

/** The constants p and b of the curve P-256, y² = x³ - 3x + b modulo p (SP 800-186, 3.2.1.3). */
const p = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/**
 * True if a value is a public key on the curve. With a point off the curve, the key agreement could reveal the private
 * key that the worker uses for the link.
 */
export function isReplyKey(value: unknown): value is ReplyKey {
  if (!isObject(value) || value.kty !== 'EC' || value.crv !== 'P-256' || value.d !== undefined) return false;
  const [x, y] = [coordinateOf(value.x), coordinateOf(value.y)];
  return x !== undefined && y !== undefined && (y * y - (x * x * x - 3n * x + b)) % p === 0n;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/**
 * Decodes a coordinate: 32 bytes as base64url, in 43 characters. The last two bits of the last character are unused,
 * and must be 0. Returns `undefined` for any other value, and for a number that is p or higher.
 */
function coordinateOf(text: unknown): bigint | undefined {
  if (typeof text !== 'string' || !/^[\w-]{42}[AEIMQUYcgkosw048]$/.test(text)) return undefined;
  const number = [...text].reduce((sum, digit) => sum * 64n + BigInt(alphabet.indexOf(digit)), 0n) / 4n;
  return number < p ? number : undefined;
}
