/**
 * The contract with callers: the task queue, the signals, updates and queries of a flow, its search attributes. The
 * shapes of the arguments are in `input.ts`, and the shapes of the answers are in `view.ts`. Names are wire format: you
 * may add a name, but never rename an existing name.
 */
import { defineSearchAttributeKey } from '@temporalio/common';
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type {
  AuthorizationRequest,
  Cancel,
  Confirmation,
  ConnectorFinished,
  CredentialInput,
  OAuthCallback,
  PropertyInput,
  Recheck,
  Subscription,
} from './input';
import type { ConnectionView, FailureReport, MonitorCheck } from './connection';
import type { AddConnectors, CancelOnboarding, OnboardingProgress } from './onboarding';
import type { AuthorizationLink, Timeline, View } from './view';

export { workflowIdOf, type Intent } from './connector';
export type * from './input';
export * from './view';

export const taskQueue = 'connector-auth';

/**
 * Inputs of the user as signals. A signal has no answer, and a caller can send it in each state. If the flow has
 * accepted an input with the same `submissionId` before, the input changes nothing.
 */
export const propertyInput = defineSignal<[PropertyInput]>('propertyInput');
export const credentialInput = defineSignal<[CredentialInput]>('credentialInput');
export const oauthCallback = defineSignal<[OAuthCallback]>('oauthCallback');
/**
 * Ends the flow as `cancelled`. If an activity is sending credentials when the signal arrives, and Cyclr accepts the
 * credentials, the flow ends as `authenticated` instead.
 */
export const cancel = defineSignal<[Cancel?]>('cancel');
/**
 * Lets a waiting flow re-read the connector, at most once in 10 s. After the re-read, the flow chooses its next state
 * as it does after the first read. If the flow pauses in an outage, the flow repeats its failed call at once. In any
 * other state, the signal changes nothing.
 */
export const recheck = defineSignal<[Recheck?]>('recheck');
/**
 * Subscribes a workflow to the end of the flow: at its end, the flow sends the signal `connectorFinished` to this
 * workflow. A flow accepts at most 20 subscribers, and sends `connectorFinished` once to each workflow id. If
 * `connectorFinished` fails, the flow ignores the failure.
 */
export const subscribe = defineSignal<[Subscription]>('subscribe');
/**
 * Tells a subscriber that a run of a flow has ended. The handler of this signal is in the subscriber, which is a
 * workflow.
 */
export const connectorFinished = defineSignal<[ConnectorFinished]>('connectorFinished');

/**
 * Sends an input, as the signals `propertyInput` and `credentialInput` do. Answers with the view after Cyclr has
 * accepted or refused the input, or with the current view if Cyclr has done neither within 10 s. If the validator finds
 * a fault in the input, it rejects the update, without an event in the history. The update then fails with an
 * ApplicationFailure, whose type is the code of the problem. In a working state, the validator checks only the shape
 * and the size of the input: if the flow later refuses the input, the update answers with the view. Update id: the
 * submission id.
 */
export const submitProperties = defineUpdate<View, [PropertyInput]>('submitProperties');
export const submitCredentials = defineUpdate<View, [CredentialInput]>('submitCredentials');
/**
 * Answers each request with a new link. The newest attempt supersedes the older attempts. Fails: `malformed` (also if
 * an earlier request had the same attempt id), `notNow`, `cyclrUnavailable`. Update id: the attempt id.
 */
export const requestAuthorization = defineUpdate<AuthorizationLink, [AuthorizationRequest]>('requestAuthorization');
/**
 * If a verification is running, waits for its end. If no verification is running, starts a verification, at most once
 * in 5 s. Answers with the view after the verification, or with the current view if the verification has not ended
 * within 10 s. If no verification is running and the update starts no verification, for example because the attempt id
 * is unknown, answers with the current view at once. Update id: a new id each time.
 */
export const confirmAuthorization = defineUpdate<View, [Confirmation]>('confirmAuthorization');
/**
 * Acts as the signal `recheck`, and answers with the view after the re-read. Answers with the current view if there is
 * no re-read, or if the re-read takes longer than 10 s. Update id: a new id each time.
 */
export const recheckUpdate = defineUpdate<View, [Recheck]>('recheck');

/** The view of the flow. The result of a closed flow is the final view. */
export const view = defineQuery<View>('view');
/** The last 200 transitions and refused inputs. */
export const timeline = defineQuery<Timeline>('timeline');

/**
 * Ends an onboarding as `cancelled`. The flows of the onboarding continue, unless the argument has `cancelFlows: true`.
 */
export const cancelOnboarding = defineSignal<[CancelOnboarding?]>('cancel');
/**
 * Adds connectors to an onboarding. The onboarding does not add a connector that it already has. An onboarding has at
 * most 500 connectors.
 */
export const addConnectors = defineSignal<[AddConnectors]>('addConnectors');
/** The progress of an onboarding. The result of a closed onboarding is the final progress. */
export const progress = defineQuery<OnboardingProgress>('progress');

/**
 * Reports that a call of an integration failed to authenticate: the monitor reads the connector, at most once in a
 * minute. Changes nothing if the connection is broken already, or if the connector was authenticated after the failed
 * call.
 */
export const reportFailure = defineSignal<[FailureReport?]>('reportFailure');
/** Lets the monitor read the connector now, at most once in 10 s. `every` changes the time between two reads. */
export const checkConnection = defineSignal<[MonitorCheck?]>('check');
/** Ends the monitoring. */
export const stopMonitor = defineSignal('stop');
/** The connection, as the monitor knows it. The result of a closed monitor is its last view of the connection. */
export const connection = defineQuery<ConnectionView>('connection');

/**
 * The search attributes of the workflows. A flow sets `state`, `since` and `connected` in waiting and final states, and
 * when an outage begins or ends. In other states, the flow does not set these attributes, because each upsert costs
 * time.
 */
export const searchAttributes = {
  accountId: defineSearchAttributeKey('CyclrAccountId', 'KEYWORD'),
  connectorId: defineSearchAttributeKey('CyclrConnectorId', 'KEYWORD'),
  name: defineSearchAttributeKey('ConnectorName', 'KEYWORD'),
  state: defineSearchAttributeKey('ConnectorAuthState', 'KEYWORD'),
  /** `cyclrUnavailable` or `operatorsTrouble` during an outage. Unset if there is no outage. */
  problem: defineSearchAttributeKey('ConnectorAuthProblem', 'KEYWORD'),
  /** When the flow entered `state`. */
  since: defineSearchAttributeKey('ConnectorAuthSince', 'DATETIME'),
  /** Cyclr's `Authenticated` at the last read. */
  connected: defineSearchAttributeKey('ConnectorConnected', 'BOOL'),
};
