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
export type { ConnectorList, FlowList, Link, ListedConnector, Started, Trouble } from './answers';
export type { ListRequest } from './connector-list';
export type { BatchSignal, FlowFilter, FlowsRequest } from './flow-list';
export {
  cancel,
  confirmAuthorization,
  credentialInput,
  failureCodes,
  finalStates,
  oauthCallback,
  problemCodes,
  propertyInput,
  recheck,
  recheckUpdate,
  requestAuthorization,
  searchAttributes,
  stateNames,
  submitCredentials,
  submitProperties,
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
  Timeline,
  TimelineEntry,
  Verification,
  View,
  WaitingStateName,
} from '../workflows/messages';
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



