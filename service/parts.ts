/** What the service is made of, and what its routes are given. */
import type { FastifyInstance, RawServerDefault, FastifyBaseLogger } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ConnectorAuth } from '../client/connector-auth';
import type { ApiKeys } from './api-keys';
import type { ServiceConfig } from './config';
import type { Session, Tokens } from './tokens';

export interface Parts {
  auth: ConnectorAuth;
  tokens: Tokens;
  config: Pick<ServiceConfig, 'publicUrl' | 'allowedOrigins' | 'sealing' | 'brand'>;
  apiKeys: ApiKeys;
  /** Why Temporal can't be reached; undefined when it can. */
  trouble: () => Promise<string | undefined>;
  /** One for each answer. */
  report: (answered: Answered) => void;
}

/** What may be known outside of a call: no URL, no header, no body. */
export interface Answered {
  method: string;
  /** The pattern, such as `/v1/session/connectors/:connectorId/confirm`. */
  route: string;
  status: number;
  durationMs: number;
  requestId: string;
  accountId?: string;
  /** The kind of an error that nobody expected, and where it came from: never its message. */
  error?: { type: string; at: string[] };
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
    /** Who calls: the id of an API key, or of a session. Set by the hooks of a scope. */
    caller: string;
    /** In the scope of sessions. */
    session: Session | undefined;
    accountId: string | undefined;
    failure: unknown;
  }
}
