/**
 * The events in the OpenAPI document, as webhooks (OpenAPI 3.1). The bodies of the events use the schemas of the
 * service's answers.
 */
import { eventTypes, isFinalType, type EventBody, type EventType } from '../workflows/events';
import type { ConnectionView } from '../workflows/connection';
import type { OnboardingProgress } from '../workflows/onboarding';
import type { View } from '../workflows/view';

interface ObjectSchema {
  required?: string[];
  properties?: { [name: string]: object };
}
/** All schemas of the OpenAPI document by name, including the schemas of the answers. */
type Schemas = { [name: string]: ObjectSchema };

const text = { type: 'string' };
const time = { type: 'string', format: 'date-time' };
const identity = {
  id: { ...text, description: '`{runId}.{sequence}`, or `{runId}.final`. Each delivery of an event has the same id.' },
  sequence: { type: 'integer', description: 'The number of the event in its run. Absent if Temporal ended the run.' },
  accountId: text,
  workflowId: text,
  runId: text,
};
const identityRequired = ['id', 'accountId', 'workflowId', 'runId'];

const schemaOf: { [subject: string]: string } = {
  connector: 'View',
  onboarding: 'OnboardingProgress',
  connection: 'Connection',
};

/** The schema of the member `data` of an event. */
function dataOf(type: EventType, schemas: Schemas): object {
  const [subject, name] = type.split('.') as [string, string];
  const { required = [], properties = {} } = schemas[schemaOf[subject]!]!;
  const change = changeOf(type, name, properties);
  return {
    type: 'object',
    required: [...new Set([...identityRequired, ...required, ...change.required])].filter((one) => one !== change.without), // prettier-ignore
    properties: Object.fromEntries(
      Object.entries({ ...properties, ...identity, ...change.properties }).filter(([one]) => one !== change.without),
    ),
  };
}

/**
 * The difference between the `data` of an event and the view or the progress on which the `data` is based: the members
 * that the event type adds, and the member that it leaves out (`without`).
 */
function changeOf(
  type: EventType,
  name: string,
  { connectors }: { [name: string]: object },
): ObjectSchema & { required: string[]; without?: string } {
  if (type === 'onboarding.progress')
    return {
      required: ['connector'],
      properties: { connector: (connectors as { items: object }).items },
      without: 'connectors',
    };
  if (!isFinalType(type)) return { required: type === 'connector.problem' ? ['problem'] : [] };
  const required = name === 'failed' ? ['failure'] : [];
  const state = { const: name };
  return type.startsWith('connector.')
    ? {
        required: [...required, 'timeline'],
        properties: { state, timeline: { $ref: '#/components/schemas/Timeline' } },
      }
    : { required, properties: { state } };
}

const RUN = '01a22425-412c-71cc-82a6-9f5d19251d65';
const AT = '2026-01-31T12:00:00.000Z';

function exampleOfConnection(type: EventType) {
  const states = { 'connection.broken': 'broken', 'connection.restored': 'connected' } as const;
  const state = type === 'connection.broken' || type === 'connection.restored' ? states[type] : 'gone';
  const lastOutcome = { runId: RUN, state: 'authenticated', at: AT, by: 'jo' } as const;
  return {
    accountId: 'acme',
    connectorId: 1002,
    state,
    since: AT,
    checkedAt: AT,
    name: 'Brightdesk',
    lastOutcome,
    revision: 3,
  } satisfies ConnectionView;
}

/** An example of a body, with the members that most events of the type have. */
function exampleOf(type: EventType): EventBody {
  const isOfConnector = type.startsWith('connector.');
  const isOfConnection = type.startsWith('connection.');
  const sequence = type === 'connector.waiting' || type === 'onboarding.progress' ? 1 : 2;
  const ids = {
    id: `${RUN}.${isFinalType(type) ? 'final' : sequence}`,
    sequence,
    accountId: 'acme',
    workflowId: isOfConnector
      ? 'connector-auth/acme/1002'
      : isOfConnection
        ? 'connection/acme/1002'
        : 'onboarding/acme/order-17',
    runId: RUN,
  };
  const data = isOfConnector
    ? exampleOfView(type)
    : isOfConnection
      ? exampleOfConnection(type)
      : exampleOfProgress(type);
  return { type, timestamp: AT, data: { ...ids, ...data, runId: RUN } };
}

function exampleOfView(type: EventType) {
  const state = isFinalType(type) ? (type.split('.')[1] as View['state']) : 'awaitingCredentials';
  const view: View = {
    accountId: 'acme',
    connectorId: 1002,
    runId: RUN,
    intent: 'authenticate',
    state,
    connector: { name: 'Brightdesk', authType: 'ApiKey', partnerSupplied: false },
    connected: state === 'authenticated',
    since: AT,
    revision: 4,
    ...(state === 'authenticated' && { verification: 'notChecked' }),
    ...(state === 'failed' && { failure: { code: 'connectorNotFound', message: 'Cyclr has no such connector.' } }),
    ...(state === 'awaitingCredentials' && { deadline: '2026-02-07T12:00:00.000Z' }),
    ...(type === 'connector.problem' && { problem: { code: 'refused', message: 'Cyclr did not accept the input.' } }),
  };
  const entries = [{ at: AT, from: 'awaitingCredentials', event: 'cancelled', to: state }] as const;
  return isFinalType(type) ? { ...view, timeline: { entries } } : view;
}

function exampleOfProgress(type: EventType) {
  const connector = { connectorId: 1002, name: 'Brightdesk', state: 'authenticated', runId: RUN, since: AT } as const;
  const state = isFinalType(type) ? (type.split('.')[1] as OnboardingProgress['state']) : 'running';
  const progress = {
    accountId: 'acme',
    onboardingId: 'order-17',
    state,
    total: 1,
    done: 1,
    ...(state === 'failed' && { failure: { code: 'cycleNotFound', message: 'Cyclr has no such cycle.' } as const }),
    metadata: { order: '17' },
    revision: 4,
  };
  return type === 'onboarding.progress' ? { ...progress, connector } : { ...progress, connectors: [connector] };
}

const header = (name: string, description: string) => ({
  name,
  in: 'header',
  required: true,
  description,
  schema: text,
});

const bodyOf = (type: EventType, schemas: Schemas) => ({
  type: 'object',
  required: ['type', 'timestamp', 'data'],
  properties: { type: { const: type }, timestamp: time, data: dataOf(type, schemas) },
  examples: [exampleOf(type)],
});

const webhookOf = (type: EventType, schemas: Schemas) => ({
  post: {
    summary: `Event ${type}`,
    operationId: type.replace('.', '-'),
    tags: ['events'],
    parameters: [
      header('webhook-id', 'The id of the event.'),
      header('webhook-timestamp', 'The time of this post, in seconds since 1970.'),
      header(
        'webhook-signature',
        '`v1,` and the base64 of HMAC-SHA256 over `{id}.{timestamp}.{body}`, for each secret.',
      ),
    ],
    requestBody: { required: true, content: { 'application/json': { schema: bodyOf(type, schemas) } } },
    responses: {
      '2XX': { description: 'The receiver took the event.' },
      410: { description: 'The receiver wants no further post of this event.' },
      default: { description: 'The worker repeats the post for 3 days, and not before the time in `Retry-After`.' },
    },
  },
});

/** One webhook for each type of events. `schemas`: the schemas of the answers in the document. */
export const webhooksOf = (schemas: Schemas): object =>
  Object.fromEntries(eventTypes.map((type) => [type, webhookOf(type, schemas)]));
