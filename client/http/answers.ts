/** What is answered: described in the OpenAPI document, and compared with it in tests. */
import { z } from 'zod';
import { finalStates, stateNames } from '../../workflows/view';

export const State = z.enum(stateNames).meta({ description: `Final: ${finalStates.join(', ')}.` });
const Time = z.string().meta({ format: 'date-time', examples: ['2026-01-31T12:00:00.000Z'] });

const code = z.string().meta({ examples: ['refused'] });
const Field = z.object({
  name: z.string(),
  label: z.string(),
  help: z.string().optional(),
  required: z.boolean(),
  secret: z.boolean(),
  stored: z.boolean(),
  options: z.array(z.string()).optional(),
  multiline: z.boolean().optional(),
  default: z.string().optional(),
});
export const View = z.object({
  accountId: z.string(),
  connectorId: z.int(),
  runId: z.string(),
  intent: z.enum(['authenticate', 'reauthenticate']),
  state: State,
  connector: z
    .object({
      name: z.string(),
      description: z.string().optional(),
      icon: z.string().optional(),
      authType: z.string(),
      oauth2Type: z.string().optional(),
      authDescription: z.string().optional(),
      partnerSupplied: z.boolean(),
    })
    .optional(),
  fields: z.array(Field).optional(),
  problem: z
    .object({ code, message: z.string(), fields: z.array(z.object({ name: z.string(), code })).optional() })
    .optional(),
  deadline: Time.optional(),
  attempt: z.object({ id: z.string(), requestedAt: Time, expiresAt: Time }).optional(),
  verification: z.enum(['checked', 'notChecked', 'unproven']).optional(),
  failure: z.object({ code: z.string(), message: z.string() }).optional(),
  revision: z.int(),
});
export const Started = z.object({
  workflowId: z.string(),
  runId: z.string(),
  started: z.boolean(),
  intent: z.enum(['authenticate', 'reauthenticate']),
});
export const Timeline = z.object({
  entries: z.array(
    z.object({
      at: Time,
      from: State,
      event: z.string(),
      to: State,
      id: z.string().optional(),
      by: z.string().optional(),
      note: z.string().optional(),
    }),
  ),
  dropped: z.int().optional(),
});
export const ConnectorList = z.object({
  items: z.array(
    z.object({ accountId: z.string(), connectorId: z.int(), name: z.string().optional(), state: State, since: Time }),
  ),
  next: z.int().optional().meta({ description: 'The page after this one, where there is one.' }),
});
export const Link = z.object({ attemptId: z.string(), url: z.string(), expiresAt: Time });
export const Minted = z.object({ token: z.string(), url: z.string(), expiresAt: Time });
export const Renewed = z.object({ token: z.string(), expiresAt: Time });
export const SessionAnswer = z.object({
  accountId: z.string(),
  accountLabel: z.string().optional(),
  language: z.string(),
  returnTo: z.string().optional(),
  expiresAt: Time,
  connectors: z.array(View),
});
export const SealingKeySet = z.object({
  keys: z.array(
    z.object({
      kty: z.literal('EC'),
      crv: z.literal('P-256'),
      x: z.string(),
      y: z.string(),
      kid: z.string(),
      use: z.literal('enc'),
      alg: z.literal('ECDH-ES'),
    }),
  ),
});

for (const [id, schema] of Object.entries({
  View,
  Started,
  Timeline,
  ConnectorList,
  Link,
  Minted,
  Renewed,
  SessionAnswer,
  SealingKeySet,
}))
  z.globalRegistry.add(schema as z.ZodType, { id });
