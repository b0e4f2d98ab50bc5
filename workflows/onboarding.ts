/**
 * The shapes of an onboarding: the start input, the arguments of its signals, its progress. Wire format: you may add a
 * field, but never rename a field. A field without a value is left out. This file does not import Temporal, because
 * HTTP clients and browsers use these types.
 */
import { isAccountId, isConnectorId, isObject, type Intent } from './connector';
import { faultOfInput, MAX_WORKFLOW_ID, type Duration, type Patience } from './input';
import type { FailureCode, FinalStateName } from './view';

/** Names one onboarding of one account. */
export interface OnboardingKey {
  accountId: string;
  /** The caller chooses the id. The id follows the rules of an account id (see {@link isAccountId}). */
  onboardingId: string;
}

/** The workflow id of an onboarding. */
export const onboardingWorkflowIdOf = ({ accountId, onboardingId }: OnboardingKey): string =>
  `onboarding/${encodeURIComponent(accountId)}/${encodeURIComponent(onboardingId)}`;

/** The workflow type of an onboarding. */
export const ONBOARDING_TYPE = 'onboardAccount';

/**
 * The connectors of an onboarding: a list; the unmet prerequisites of a cycle (Cyclr's word for an integration); or all
 * connectors of the account. For a cycle or an account, the scope has only the connectors that are not authenticated.
 */
export type Scope = { connectorIds: number[] } | { cycleId: string } | { all: true };

/** The start input. */
export interface OnboardingInput extends OnboardingKey {
  /** At most 500 connectors. */
  scope: Scope;
  /** True to activate the cycle of the scope when every connector is authenticated. */
  activateCycle?: boolean;
  /** `reauthenticate` needs a scope of `connectorIds`. */
  intent?: Intent;
  /** Patience and reminders of the flows that the onboarding starts. */
  patience?: Patience;
  remindAfter?: Duration[];
  /**
   * The names of targets that get the events of the onboarding, in addition to the target of `WEBHOOK_URL`: at most 10.
   */
  notify?: string[];
  /**
   * Texts of the caller, at most 2,048 characters in all. The progress and the events of the onboarding contain these
   * texts.
   */
  metadata?: { [name: string]: string };
  /** The person or program that starts the onboarding, at most 100 characters. */
  by?: string;
}

/** The argument of the signal `cancel`. */
export interface CancelOnboarding {
  /** True to cancel also the open flows that this onboarding started. */
  cancelFlows?: boolean;
  by?: string;
}

/** The argument of the signal `addConnectors`. */
export interface AddConnectors {
  connectorIds: number[];
  by?: string;
}

const final = ['completed', 'incomplete', 'cancelled', 'failed'] as const;
/** The states of an onboarding. */
export const onboardingStates = ['running', ...final] as const;
/**
 * `completed`: every connector is authenticated, and the cycle is active if the input has `activateCycle`.
 * `incomplete`: the onboarding has ended without being `completed`, because a connector is not authenticated, or the
 * cycle that it must activate is not active.
 */
export type OnboardingState = (typeof onboardingStates)[number];
/** The states in which an onboarding ends. */
export type FinalOnboardingState = (typeof final)[number];
export const finalOnboardingStates: readonly OnboardingState[] = final;

/** Why an onboarding ended as `failed`. */
export const onboardingFailureCodes = [
  'invalidInput',
  'cycleNotFound',
  'accessDenied',
  'terminated',
  'timedOut',
] as const satisfies readonly (FailureCode | 'cycleNotFound')[];
export type OnboardingFailureCode = (typeof onboardingFailureCodes)[number];

export interface OnboardingFailure {
  code: OnboardingFailureCode;
  message: string;
}

/**
 * The states of a connector in an onboarding. `waiting`: the flow of the connector has not started. `running`: the flow
 * is open. Any other state is the final state of the flow.
 */
export const onboardedStates = [
  'waiting',
  'running',
  'authenticated',
  'expired',
  'cancelled',
  'failed',
  'unsupported',
] as const satisfies readonly ('waiting' | 'running' | FinalStateName)[];
export type OnboardedState = (typeof onboardedStates)[number];

export interface OnboardedConnector {
  connectorId: number;
  name: string;
  state: OnboardedState;
  /**
   * The id of the run of the connector's flow. Absent if the onboarding has started or found no flow of the connector.
   */
  runId?: string;
  /** When the connector entered the state. ISO 8601. */
  since?: string;
}

/**
 * An unmet prerequisite of a cycle, as Cyclr reports it. When the onboarding reads the scope, it leaves out the
 * prerequisite that a connector must be authenticated.
 */
export interface Lack {
  reasonCode: number;
  objectType?: string;
  objectId?: string;
}

/**
 * `paused`: this onboarding has not activated the cycle. `active`: this onboarding has activated the cycle. `blocked`:
 * the cycle has unmet prerequisites, which `lacks` lists.
 */
export const cycleStates = ['paused', 'active', 'blocked'] as const;

export interface OnboardedCycle {
  id: string;
  state: (typeof cycleStates)[number];
  lacks?: Lack[];
}

/** The answer of the query `progress`, and the result of a closed onboarding. */
export interface OnboardingProgress extends OnboardingKey {
  state: OnboardingState;
  /** The number of the connectors. */
  total: number;
  /** The number of the connectors that are authenticated. */
  done: number;
  connectors: OnboardedConnector[];
  /** Present if the scope is a cycle. */
  cycle?: OnboardedCycle;
  /** `cyclrUnavailable`, or `operatorsTrouble` if only an operator can end the outage. Absent without an outage. */
  problem?: 'cyclrUnavailable' | 'operatorsTrouble';
  /** Present in the state `failed`. */
  failure?: OnboardingFailure;
  metadata?: { [name: string]: string };
  /** Grows by one at each visible change. */
  revision: number;
}

/**
 * The progress of an onboarding of which only the start input is known, for example because no worker answers the
 * query.
 */
export const emptyProgress = ({
  accountId,
  onboardingId,
  metadata,
}: Pick<OnboardingInput, keyof OnboardingKey | 'metadata'>): OnboardingProgress => ({
  accountId,
  onboardingId,
  state: 'running',
  total: 0,
  done: 0,
  connectors: [],
  ...(metadata && { metadata }),
  revision: 0,
});

/** The highest number of connectors of one onboarding. */
export const MAX_CONNECTORS = 500;
const MAX_METADATA = 2048;

/** True if a value can be an onboarding id or a cycle id. Both ids follow the rules of an account id. */
const isOpaqueId = isAccountId;

/** True if a value is a list of 1 to 500 connector ids. */
export const isConnectorIds = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length > 0 && value.length <= MAX_CONNECTORS && value.every(isConnectorId);

/** True if the argument of `addConnectors` is valid. */
export const isAddConnectors = (value: unknown): value is AddConnectors =>
  isObject(value) && isConnectorIds(value.connectorIds);

/**
 * The first fault of a start input, as a text that quotes no part of the input. `undefined` if the input has no fault.
 */
export function faultOfOnboarding(input: unknown): string | undefined {
  if (!isObject(input)) return 'the input is not an object';
  const { accountId, onboardingId, scope, activateCycle, intent, patience, remindAfter, notify, metadata, by } = input;
  if (!isOpaqueId(onboardingId)) return 'onboardingId does not follow the rules of an account id';
  // Checks the options of the flows as a flow checks its start input. The check needs a connector id, and uses the
  // longest possible id: if the workflow id with this connector id is short enough, the workflow id of each flow is
  // short enough, too.
  const fault = faultOfInput({
    accountId,
    connectorId: Number.MAX_SAFE_INTEGER,
    intent,
    patience,
    remindAfter,
    notify,
    by,
  });
  if (fault) return fault;
  if (onboardingWorkflowIdOf({ accountId: accountId as string, onboardingId }).length > MAX_WORKFLOW_ID)
    return `accountId and onboardingId are too long: the URL-encoded workflow id has more than ${MAX_WORKFLOW_ID} characters`;
  return faultOfScope(scope, { activateCycle, intent }) ?? faultOfMetadata(metadata);
}

function faultOfScope(scope: unknown, { activateCycle, intent }: { [name: string]: unknown }): string | undefined {
  const [kind, ...more] = isObject(scope) ? Object.keys(scope) : [];
  if (!isObject(scope) || kind === undefined || more.length > 0)
    return 'scope has not exactly one of connectorIds, cycleId and all';
  if (!isScope(scope)) return 'scope is none of 1 to 500 connectorIds (positive integers), a cycleId and all: true';
  if (activateCycle !== undefined && typeof activateCycle !== 'boolean') return 'activateCycle is not a boolean';
  if (activateCycle && kind !== 'cycleId') return 'activateCycle needs a scope with a cycleId';
  if (intent === 'reauthenticate' && kind !== 'connectorIds')
    return 'intent "reauthenticate" needs a scope with connectorIds';
  return undefined;
}

const isScope = ({ connectorIds, cycleId, all }: { [name: string]: unknown }): boolean =>
  isConnectorIds(connectorIds) || isOpaqueId(cycleId) || all === true;

function faultOfMetadata(metadata: unknown): string | undefined {
  if (metadata === undefined) return undefined;
  const texts = isObject(metadata) ? Object.entries(metadata).flat() : [0];
  return texts.every((text) => typeof text === 'string') && texts.join('').length <= MAX_METADATA
    ? undefined
    : `metadata is not an object of texts with at most ${MAX_METADATA} characters in all`;
}

/**
 * Checks a start input as {@link faultOfOnboarding} does, and checks that the workflow id belongs to the input. With a
 * wrong id, one tenant could see the onboarding of another tenant.
 */
export const faultOfOnboardingStart = (input: unknown, workflowId: string): string | undefined =>
  faultOfOnboarding(input) ??
  (onboardingWorkflowIdOf(input as OnboardingInput) === workflowId
    ? undefined
    : 'the workflow id does not belong to this account and onboarding');
