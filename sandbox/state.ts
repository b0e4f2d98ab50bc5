import { z } from 'zod';

const Property = z.object({ Id: z.number(), Name: z.string(), Value: z.string() });

/** A stored account connector. The definition of the connector comes from the catalogue. */
const StoredConnector = z.object({
  Id: z.number(),
  key: z.string(),
  Name: z.string(),
  Description: z.string().nullable(),
  AuthValue: z.string().nullable(),
  Authenticated: z.boolean(),
  IsPartnerIntegrationConnector: z.boolean(),
  Properties: z.array(Property),
  /**
   * The time from which Cyclr reports the connector as authenticated, in ms since the epoch. The first GET after this
   * time authenticates the connector.
   */
  settlesAt: z.number().optional(),
  /** Fields of the definition that a test has changed. */
  Connector: z.record(z.string(), z.unknown()).optional(),
});

const Cycle = z.object({
  id: z.string(),
  connectorIds: z.array(z.number()),
  /** The reason codes of further unmet prerequisites of the cycle, besides its unauthenticated connectors. */
  otherReasonCodes: z.array(z.number()),
  status: z.enum(['Paused', 'Active', 'Stopped']).default('Paused'),
});

const Account = z.object({ id: z.string(), connectors: z.array(StoredConnector), cycles: z.array(Cycle) });

const Token = z.object({
  id: z.number(),
  value: z.string(),
  /** The only account that the token can reach. Absent if the token was minted without a scope. */
  accountId: z.string().optional(),
  /** Milliseconds since 1970. */
  expiresAt: z.number(),
});

/** A single-use token that signs a browser in. */
const SignInToken = z.object({
  value: z.string(),
  accountId: z.string(),
  username: z.string(),
  /** Milliseconds since 1970. */
  expiresAt: z.number(),
  used: z.boolean(),
});

/** A consent that the user has not decided yet. */
const OpenConsent = z.object({
  id: z.string(),
  accountId: z.string(),
  connectorId: z.number(),
  targetOrigin: z.string(),
  /** The message to the opener's window. Empty if Cyclr redirects the browser instead. */
  callbackMessage: z.string(),
});

/** The state that a restart keeps. */
export const State = z.object({
  nextConnectorId: z.number(),
  nextPropertyId: z.number(),
  accounts: z.array(Account),
  tokens: z.array(Token),
  signInTokens: z.array(SignInToken),
  consents: z.array(OpenConsent),
});

export type Property = z.infer<typeof Property>;
export type StoredConnector = z.infer<typeof StoredConnector>;
export type Cycle = z.infer<typeof Cycle>;
export type Account = z.infer<typeof Account>;
export type Token = z.infer<typeof Token>;
export type SignInToken = z.infer<typeof SignInToken>;
export type OpenConsent = z.infer<typeof OpenConsent>;
export type State = z.infer<typeof State>;
