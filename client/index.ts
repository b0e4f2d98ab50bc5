/**
 * The entry point `cyclr-connect` of the package: the library for programs that reach Temporal, the messages of a flow,
 * and sealing.
 */
export {
  ConnectorAuth,
  type ConnectorAuthOptions,
  type LatestRun,
  type LinkRequest,
  type Progress,
  type StartOptions,
} from './connector-auth';
export { ConnectorAuthError, type ConnectorAuthErrorCode } from './connector-auth-error';
export type {
  AuditEntry,
  EventList,
  EventState,
  ListedEvent,
  ShownEvent,
  ConnectionList,
  ConnectorList,
  ListedConnection,
  FlowList,
  Link,
  ListedConnector,
  Started,
  Trouble,
} from './answers';
export { eventTypes, type EventBody, type EventType } from '../workflows/events';
export type { AuditRequest } from './audit';
export type { StartedOnboarding } from './onboarding';
export type { ConnectionsRequest, MonitorRequest } from './connections';
export type { ListRequest } from './connector-list';
export type { EventsRequest } from './events';
export type { BatchSignal, FlowFilter, FlowsRequest } from './flow-list';

export {
  addConnectors,
  cancel,
  cancelOnboarding,
  checkConnection,
  confirmAuthorization,
  connection,
  connectorFinished,
  credentialInput,
  failureCodes,
  finalStates,
  oauthCallback,
  problemCodes,
  progress,
  propertyInput,
  recheck,
  recheckUpdate,
  reportFailure,
  requestAuthorization,
  searchAttributes,
  stateNames,
  stopMonitor,
  submitCredentials,
  submitProperties,
  subscribe,
  taskQueue,
  timeline,
  verifications,
  view,
  waitingStates,
  workflowIdOf,
} from '../workflows/messages';
export type {
  Attempt,
  AuthorizationLink,
  AuthorizationRequest,
  Cancel,
  Confirmation,
  ConnectorFinished,
  CredentialInput,
  Credentials,
  Duration,
  Failure,
  FailureCode,
  FinalStateName,
  FlowResult,
  Input,
  Intent,
  OAuthCallback,
  Patience,
  Problem,
  ProblemCode,
  PropertyInput,
  Recheck,
  ReplyKey,
  StateName,
  Subscription,
  Timeline,
  TimelineEntry,
  Verification,
  View,
  WaitingStateName,
} from '../workflows/messages';
export {
  finalOnboardingStates,
  onboardingStates,
  onboardingWorkflowIdOf,
  type AddConnectors,
  type CancelOnboarding,
  type FinalOnboardingState,
  type Lack,
  type OnboardedConnector,
  type OnboardedCycle,
  type OnboardedState,
  type OnboardingFailure,
  type OnboardingFailureCode,
  type OnboardingInput,
  type OnboardingKey,
  type OnboardingProgress,
  type OnboardingState,
  type Scope,
} from '../workflows/onboarding';
export {
  connectionStates,
  connectionWorkflowIdOf,
  type ConnectionState,
  type ConnectionView,
  type FailureReport,
  type MonitorCheck,
  type MonitorInput,
  type Outcome,
} from '../workflows/connection';
export type { TransactionError } from '../workflows/ports';
export type { AuthMethod, Connector, ConnectorKey, Field, Sealed } from '../workflows/connector';

export {
  open,
  seal,
  sealCredentials,
  sealProperties,
  SealingError,
  type Binding,
  type SealingErrorCode,
  type Submission,
} from '../sealing/seal';
export {
  generateKey,
  keySetOf,
  KeySetError,
  privateKeysOf,
  publicHalf,
  publicKeyOf,
  type Jwk,
  type KeySet,
  type PrivateKeys,
  type SealingKey,
} from '../sealing/keys';

export { missingSearchAttributes, registerSearchAttributes } from '../temporal/search-attributes';
