/** The objects that the routes of the service use, and the types that the routes share. */
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ConnectorAuth } from '../client/connector-auth';
import type { ServiceConfig } from './config';
import type { ApiKeys } from './keys';
import type { Session, Tokens } from './tokens';

export interface Parts {
  auth: ConnectorAuth;
  tokens: Tokens;
  config: Pick<ServiceConfig, 'publicUrl' | 'allowedOrigins' | 'sealing' | 'brand'>;
  apiKeys: ApiKeys;
  /** The reason why Temporal does not answer. Undefined if Temporal answers. */
  trouble: () => Promise<string | undefined>;
  /** Called once for each answer. */
  report: (answered: Answered) => void;
}

/** The parts of a request that may be in logs and metrics: no URL, no header, no body. */
export interface Answered {
  method: string;
  /** The pattern of the route, such as `/v1/session/connectors/:connectorId/confirm`. */
  route: string;
  status: number;
  durationMs: number;
  requestId: string;
  accountId?: string;
  /** Type and stack of an unexpected error, without its message. */
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
    /** The id of the API key or of the session. Empty before the caller is authenticated. */
    caller: string;
    /** The session of the token; set only in routes for browsers. */
    session: Session | undefined;
    accountId: string | undefined;
    failure: unknown;
  }
}
