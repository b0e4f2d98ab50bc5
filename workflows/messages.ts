/**
 * The contract with callers: the task queue, the signals, updates and queries of a flow, its search attributes. The
 * shapes are in `input.ts` (sent) and `view.ts` (answered). Names are wire format: add, never rename.
 */
import { defineSearchAttributeKey } from '@temporalio/common';
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type {
  AuthorizationRequest,
  Cancel,
  Confirmation,
  CredentialInput,
  OAuthCallback,
  PropertyInput,
} from './input';
import type { AuthorizationLink, Timeline, View } from './view';

export { workflowIdOf, type Intent } from './connector';
export type * from './input';
export * from './view';

export const taskQueue = 'connector-auth';

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

/** What the list of workflows can be searched by. The state is set where somebody is waited for, and at the end. */
export const searchAttributes = {
  accountId: defineSearchAttributeKey('CyclrAccountId', 'KEYWORD'),
  connectorId: defineSearchAttributeKey('CyclrConnectorId', 'KEYWORD'),
  name: defineSearchAttributeKey('ConnectorName', 'KEYWORD'),
  state: defineSearchAttributeKey('ConnectorAuthState', 'KEYWORD'),
};
