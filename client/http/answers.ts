/**
 * The schemas of the service's answers. The OpenAPI document contains these schemas, and tests compare answers with
 * this document. Each schema follows a type, so a missing or unknown field in a schema is a compile error. States and
 * codes come from the lists of `workflows/`.
 */
import { z } from 'zod';
import * as connection from '../../workflows/connection';
import { intents } from '../../workflows/connector';
import { eventTypes } from '../../workflows/events';
import * as view from '../../workflows/view';
import type { Connector, Field } from '../../workflows/connector';
import * as onboarding from '../../workflows/onboarding';
import * as library from '../answers';
import { Prefill, State } from './requests';
import type * as shapes from './shapes';

type Fields<T> = {
  [K in keyof T]-?: undefined extends T[K] ? z.ZodOptional<z.ZodType<NonNullable<T[K]>>> : z.ZodType<T[K]>;
};

/** A schema with exactly the fields of a type. */
const objectOf = <T>(fields: Fields<T>) => z.object(fields) as unknown as z.ZodType<T>;

const Time = z.string().meta({ format: 'date-time', examples: ['2026-01-31T12:00:00.000Z'] });
const Intent = z.enum(intents);
const code = z.enum(view.problemCodes);
const connectorKey = { accountId: z.string(), connectorId: z.int() };

const Help = z
  .record(z.string(), z.object({ text: z.string().optional(), link: z.string().optional() }))
  .meta({ description: "The operator's help, by language; `default` for all other languages." }) as z.ZodType<
  NonNullable<Connector['help']>
>;

const FieldShape = objectOf<Field>({
  name: z.string(),
  label: z.string(),
  help: z.string().optional(),
  required: z.boolean(),
  secret: z.boolean(),
  stored: z.boolean(),
  options: z.array(z.string()).optional(),
  multiline: z.boolean().optional(),
  default: z.string().optional(),
  helpTexts: Help.optional(),
});
const ConnectorShape = objectOf<NonNullable<view.View['connector']>>({
  name: z.string(),
  description: z.string().optional(),
  icon: z.string().optional(),
  authType: z.string(),
  oauth2Type: z.string().optional(),
  authDescription: z.string().optional(),
  partnerSupplied: z.boolean(),
  help: Help.optional(),
});
const Problem = objectOf<view.Problem>({
  code,
  message: z.string(),
  fields: z.array(z.object({ name: z.string(), code })).optional(),
});
export const View = objectOf<view.View>({
  ...connectorKey,
  runId: z.string(),
  intent: Intent,
  state: State,
  connector: ConnectorShape.optional(),
  fields: z.array(FieldShape).optional(),
  problem: Problem.optional(),
  deadline: Time.optional(),
  attempt: objectOf<view.Attempt>({ id: z.string(), requestedAt: Time, expiresAt: Time }).optional(),
  verification: z.enum(view.verifications).optional(),
  identity: z.string().optional().meta({ description: 'The linked account at the third party.' }),
  failure: objectOf<view.Failure>({ code: z.enum(view.failureCodes), message: z.string() }).optional(),
  connected: z.boolean().optional().meta({ description: "Cyclr's Authenticated at the last read." }),
  since: Time.meta({ description: 'When the flow entered the state.' }),
  revision: z.int(),
});
export const Started = objectOf<library.Started>({
  workflowId: z.string(),
  runId: z.string(),
  started: z.boolean(),
  intent: Intent,
});
export const Timeline = objectOf<view.Timeline>({
  entries: z.array(
    objectOf<view.TimelineEntry>({
      at: Time,
      from: State,
      event: z.string(),
      to: State,
      id: z.string().optional(),
      by: z.string().optional(),
      note: z.string().optional(),
      count: z
        .int()
        .optional()
        .meta({ description: 'The number of equal entries in a row, if there is more than one.' }),
    }),
  ),
  dropped: z.int().optional(),
});
export const AuditEntry = objectOf<library.AuditEntry>({
  ...connectorKey,
  runId: z.string(),
  at: Time,
  event: z.string().meta({ description: '`started` and `ended` for a run whose timeline can not be read.' }),
  from: State.optional(),
  to: State.optional(),
  id: z.string().optional(),
  by: z.string().optional(),
  note: z.string().optional(),
  count: z.int().optional(),
});
const items = z.array(
  objectOf<library.ListedConnector>({
    ...connectorKey,
    name: z.string().optional(),
    state: State,
    problem: z.enum(library.troubles).optional(),
    since: Time,
    connected: z.boolean().optional(),
    runId: z.string(),
  }),
);
const Next = z
  .string()
  .optional()
  .meta({ description: 'The value of `page` in the request for the next page. Absent on the last page.' });
export const FlowList = objectOf<library.FlowList>({
  items,
  next: Next,
});
export const Event = objectOf<library.ListedEvent>({
  id: z.string(),
  type: z.enum(eventTypes),
  accountId: z.string(),
  state: z.enum(library.eventStates),
  sentAt: Time.meta({ description: 'When the latest delivery started.' }),
  endedAt: Time.optional().meta({ description: 'When the latest delivery ended.' }),
});
export const EventList = objectOf<library.EventList>({ items: z.array(Event), next: Next });
export const Batch = z.object({ batchId: z.string() });
export const ConnectorList = objectOf<library.ConnectorList>({
  items,
  next: Next,
});
const listedConnection = {
  ...connectorKey,
  state: z
    .enum(connection.connectionStates)
    .optional()
    .meta({ description: '`connected`: integrations may run. Absent before the first read of Cyclr.' }),
  since: Time.optional().meta({ description: 'When the state was entered.' }),
  name: z.string().optional(),
  lastOutcome: objectOf<connection.Outcome>({
    runId: z.string(),
    state: z.enum(view.stateNames).extract([...view.finalStates] as never),
    at: Time,
    by: z.string().optional(),
  }).optional(),
};
export const Connection = objectOf<connection.ConnectionView>({
  ...listedConnection,
  checkedAt: Time.optional().meta({ description: 'When the monitor last read Cyclr. Absent without a monitor.' }),
  revision: z.int(),
});
export const ConnectionList = objectOf<library.ConnectionList>({
  items: z.array(objectOf<library.ListedConnection>(listedConnection)),
  next: Next,
});
export const Link = objectOf<library.Link>({ attemptId: z.string(), url: z.string(), expiresAt: Time });
export const Minted = objectOf<shapes.Session>({ token: z.string(), url: z.string(), expiresAt: Time });
export const Renewed = z.object({ token: z.string(), expiresAt: Time });
export const SessionAnswer = z.object({
  accountId: z.string(),
  accountLabel: z.string().optional(),
  language: z.string(),
  returnTo: z.string().optional(),
  expiresAt: Time,
  reauthenticate: z
    .array(z.int())
    .optional()
    .meta({ description: 'The connectors that the session may re-authenticate.' }),
  prefill: Prefill.optional().meta({ description: 'Proposed and locked values, by connector id and property.' }),
  connectors: z.array(View),
});
export const OnboardingProgress = objectOf<onboarding.OnboardingProgress>({
  accountId: z.string(),
  onboardingId: z.string(),
  state: z.enum(onboarding.onboardingStates).meta({ description: 'Final: all states but `running`.' }),
  total: z.int().meta({ description: 'The number of connectors.' }),
  done: z.int().meta({ description: 'The number of connectors that are authenticated.' }),
  connectors: z.array(
    objectOf<onboarding.OnboardedConnector>({
      connectorId: z.int(),
      name: z.string(),
      state: z.enum(onboarding.onboardedStates).meta({
        description: '`waiting`: the flow of the connector has not started yet. `running`: the flow is open.',
      }),
      runId: z.string().optional(),
      since: Time.optional(),
    }),
  ),
  cycle: objectOf<onboarding.OnboardedCycle>({
    id: z.string(),
    state: z.enum(onboarding.cycleStates),
    lacks: z
      .array(
        objectOf<onboarding.Lack>({
          reasonCode: z.int(),
          objectType: z.string().optional(),
          objectId: z.string().optional(),
        }),
      )
      .optional(),
  }).optional(),
  problem: z.enum(library.troubles).optional(),
  failure: objectOf<onboarding.OnboardingFailure>({
    code: z.enum(onboarding.onboardingFailureCodes),
    message: z.string(),
  }).optional(),
  metadata: z.record(z.string(), z.string()).optional(),
  revision: z.int(),
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

/** The schemas of whole answers, each with a description for the OpenAPI document. */
const described: { [id: string]: [schema: z.ZodType, description: string] } = {
  View: [View, 'The view of the flow.'],
  Started: [Started, 'The run: started by this call (201), or open already (200).'],
  Timeline: [Timeline, 'The transitions and refused inputs of the flow, up to 200.'],
  ConnectorList: [ConnectorList, 'A page of connectors, each with the latest run of its flow.'],
  Connection: [Connection, 'The connection: whether integrations may run.'],
  ConnectionList: [ConnectionList, 'A page of connections.'],
  FlowList: [FlowList, 'A page of flows.'],
  Event: [Event, 'The event, with its new delivery.'],
  EventList: [EventList, 'A page of events, newest first.'],
  Batch: [Batch, "The id of Temporal's batch operation, which sends the signals from now on."],
  Link: [Link, "The link to the third party's consent: for one user."],
  Minted: [Minted, 'The token, and the link to the connect page with it: for one user.'],
  Renewed: [Renewed, 'The token of the session.'],
  SessionAnswer: [SessionAnswer, 'The session, and the views of its connectors.'],
  OnboardingProgress: [OnboardingProgress, 'The progress of the onboarding.'],
  SealingKeySet: [SealingKeySet, 'The public JWK set: seal to the first key.'],
};
for (const [id, [schema, description]] of Object.entries(described)) z.globalRegistry.add(schema, { id, description });
