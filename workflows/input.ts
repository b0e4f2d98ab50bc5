import ms from 'ms';
import { isAccountId, isConnectorId } from './connector';
import type { WaitingState } from './authenticate-connector/machine';
import { workflowIdOf, type Duration, type Input, type Patience } from './messages';

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

const patienceFor: Record<WaitingState['name'], keyof Patience> = {
  awaitingProperties: 'properties',
  awaitingCredentials: 'credentials',
  awaitingAuthorization: 'authorization',
};

/** How long a wait may take, in milliseconds. */
export const patienceMs = (patience: Patience | undefined, state: WaitingState['name']): number =>
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
