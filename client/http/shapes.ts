/**
 * The requests and answers of the service, for a backend in TypeScript. This file has only types, so that a backend
 * loads no schema. This file does not import Temporal.
 */
import type { z } from 'zod';
import type * as requests from './requests';

export type { ConnectorKey, Field, Intent, Sealed } from '../../workflows/connector';
export type { ConnectionState, ConnectionView, Outcome } from '../../workflows/connection';
export type {
  Failure,
  FailureCode,
  Problem,
  ProblemCode,
  StateName,
  Timeline,
  TimelineEntry,
  Verification,
  View,
} from '../../workflows/view';
export type {
  Lack,
  OnboardedConnector,
  OnboardedCycle,
  OnboardedState,
  OnboardingFailure,
  OnboardingFailureCode,
  OnboardingKey,
  OnboardingProgress,
  OnboardingState,
} from '../../workflows/onboarding';
export type {
  ConnectionList,
  ConnectorList,
  EventList,
  EventState,
  FlowList,
  AuditEntry,
  ListedEvent,
  Link,
  ListedConnection,
  ListedConnector,
  Started,
  Trouble,
} from '../answers';

/**
 * A session or an invitation. Send the `url` only to the user, because the `url` gives access to connectors of the
 * account.
 */
export interface Session {
  token: string;
  url: string;
  /** ISO 8601. */
  expiresAt: string;
}

export type SessionRequest = z.input<typeof requests.SessionBody>;
/** Values to propose or lock, by connector id and property. */
export type Prefill = z.input<typeof requests.Prefill>;
export type StartRequest = z.input<typeof requests.StartBody>;
export type ReauthenticateRequest = z.input<typeof requests.ReauthenticateBody>;
export type PropertiesRequest = z.input<typeof requests.PropertiesBody>;
export type CredentialsRequest = z.input<typeof requests.CredentialsBody>;
export type AuthorizationRequest = z.input<typeof requests.AuthorizationBody>;
export type ConfirmRequest = z.input<typeof requests.ConfirmBody>;
export type CancelRequest = z.input<typeof requests.CancelBody>;
export type ListRequest = z.output<typeof requests.ListQuery>;
export type AuditRequest = z.input<typeof requests.AuditQuery>;
export type EventsRequest = z.input<typeof requests.EventsQuery>;
export type FlowsRequest = z.input<typeof requests.FlowsQuery>;
export type OnboardingRequest = z.input<typeof requests.OnboardingBody>;
export type CancelOnboardingRequest = z.input<typeof requests.CancelOnboardingBody>;
export type AddConnectorsRequest = z.input<typeof requests.AddConnectorsBody>;
export type ConnectionsRequest = z.output<typeof requests.ConnectionsQuery>;
export type MonitorRequest = z.input<typeof requests.MonitorBody>;
export type BatchRequest = z.input<typeof requests.BatchBody>;
