/** The objects that the routes of the service use, and the types that the routes share. */
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ConnectorAuth } from '../client/connector-auth';
import type { ServiceConfig } from './config';
import type { ApiKeys } from './keys';
import type { Onboarded } from './onboarded';
import type { ErrorKind } from './problems';
import type { Session, Tokens } from './tokens';

export interface Parts {
  auth: ConnectorAuth;
  tokens: Tokens;
  onboarded: Onboarded;
  config: Pick<ServiceConfig, 'publicUrl' | 'allowedOrigins' | 'sealing' | 'brand' | 'cyclrWebhookSecret'>;
  apiKeys: ApiKeys;
  /** The reason why Temporal does not answer. Undefined if Temporal answers. */
  trouble: () => Promise<string | undefined>;
  metrics: PartMetrics;
  /** Adds the hook that traces requests. Absent if no traces are exported. */
  trace?: (app: App, parts: Pick<Parts, 'apiKeys'>) => void;
  /** The service calls this function once for each answer, also if the caller leaves before the answer. */
  report: (answered: Answered) => void;
}

/** The metrics that the routes count themselves. */
export interface PartMetrics {
  /** The open streams of events. */
  streams: { inc(): void; dec(): void };
  /** Counts a new session or invitation that the service has made for a backend. */
  countSession(kind: 'session' | 'invitation'): void;
}

/**
 * The facts about an answered request that logs and metrics may contain. Logs and metrics must not contain the URL, the
 * headers or the body.
 */
export interface Answered {
  method: string;
  /** The pattern of the route, such as `/v1/session/connectors/:connectorId/confirm`. */
  route: string;
  /** 499 if the caller left before the service began to send the answer. */
  status: number;
  durationMs: number;
  requestId: string;
  accountId?: string;
  /** Type and stack of an unexpected error, without its message. */
  error?: { type: string; at: string[] };
  /**
   * The error because of which the service did not handle the message of a caller, although the answer has the status
   * 204. Only Cyclr's webhook answers in this way.
   */
  lost?: ErrorKind;
}

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * The id by which limits count the calls of the caller, such as `key {id}` or `session {id}`. Empty before the
     * service has authenticated the caller.
     */
    caller: string;
    /** The caller in the `by` of an action: `backend`, `backend:{key name}` or `session:{id}`. */
    actor: string;
    /** The session of the token. Set only in routes for browsers. */
    session: Session | undefined;
    accountId: string | undefined;
    failure: unknown;
    lost: ErrorKind | undefined;
  }
}
