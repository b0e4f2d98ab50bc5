/** The schemas of requests. The service checks requests by these schemas, and the OpenAPI document contains them. */
import { z } from 'zod';
import { intents, isAccountId, isConnectorId } from '../../workflows/connector';
import { durationMs, MAX_BY, MAX_CREDENTIALS, MAX_DURATION_MS, MAX_VALUE, MAX_VALUES } from '../../workflows/input';
import { faultOfOnboarding, MAX_CONNECTORS as MAX_ONBOARDED } from '../../workflows/onboarding';
import { CredentialsShape } from '../../sealing/credentials';
import { isMonitorEvery } from '../../workflows/connection';
import { eventTypes } from '../../workflows/events';
import { finalStates, stateNames } from '../../workflows/view';
import { eventStates, troubles } from '../answers';
import { NOT_SEALED } from './codes';

export const State = z.enum(stateNames).meta({ description: `Final: ${finalStates.join(', ')}.` });

const MAX_CONNECTORS = 50;

// The OpenAPI document can't contain a `refine`. So a `pattern` or a limit in `meta` makes the document as strict as
// the schema.
const opaqueId = (description: string, example: string) =>
  z
    .string()
    .min(1)
    .max(200)
    .refine(isAccountId)
    .meta({
      description,
      examples: [example],
      pattern: String.raw`^(?! |\.{1,2}$)[\u0020-\u007e\u00a0-\u00ff]{1,200}(?<! )$`,
    });
export const AccountId = opaqueId("Cyclr's account id.", 'acme');
const OnboardingId = opaqueId('The caller makes this id. It follows the rules of an account id.', 'crm-sync');
const CycleId = opaqueId("The id of a cycle, Cyclr's word for an integration.", 'a3c1f0de-5d0c-4f57-9b1e-2f6f0a7c1002');
const connectorId = {
  description: "The account connector's id.",
  examples: [1002],
  type: 'integer',
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
} as const;
export const ConnectorId = z.number().refine(isConnectorId).meta(connectorId);
/** A positive integer in a path or a query. */
const integer = (digits: RegExp, isValid: (value: number) => boolean) =>
  z.string().regex(digits).transform(Number).refine(isValid);
const idInPath = integer(/^[1-9][0-9]{0,15}$/, isConnectorId).meta({ ...connectorId, pattern: undefined });
export const OfAccount = z.object({ accountId: AccountId });
export const OfConnector = z.object({ accountId: AccountId, connectorId: idInPath });
export const OfOnboarding = z.object({ accountId: AccountId, onboardingId: OnboardingId });
export const OfSession = z.object({ connectorId: idInPath });
const SubmissionId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,128}$/)
  .meta({
    description: 'The caller makes this id. If the flow has accepted this id before, the input changes nothing.',
    examples: ['8f14e45f-ceea'],
  });
const By = z.string().max(MAX_BY).meta({
  description:
    'The person or program that acts, for the timeline. The service puts `backend` and the name of the API key before this text, and cuts the whole text to 100 characters.',
});
/** The pattern of a duration in the OpenAPI document: each lower-case text that the package `ms` parses. */
const DURATION =
  '^([0-9]+|[0-9]*[.][0-9]+) *(milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w|years?|yrs?|y)?$';
const Duration = z
  .union([z.string().max(100).meta({ pattern: DURATION }), z.number().positive().max(MAX_DURATION_MS)])
  .refine((duration) => durationMs(duration) > 0)
  .meta({ description: 'Milliseconds, or a text such as "7 days": above 0, at most 90 days.', examples: ['7 days'] });

/**
 * The headers of a request that the routes of the service read. The schema is loose, so that the request keeps all
 * other headers.
 */
export const Headers = z.looseObject({
  'idempotency-key': z
    .string()
    .min(1)
    .max(255)
    .optional()
    .meta({ description: 'Repeated calls with the same key have one effect.' }),
});

export const Patience = z.strictObject({
  properties: Duration.optional(),
  credentials: Duration.optional(),
  authorization: Duration.optional(),
});
const RemindAfter = z
  .array(Duration)
  .max(20)
  .meta({ description: 'When to remind the user, counted from the beginning of a wait.' });
const Notify = z
  .array(z.string().regex(/^[A-Za-z0-9_-]{1,64}$/))
  .max(10)
  .meta({ description: "Names of further targets of events, in the worker's file `WEBHOOKS`." });
export const StartBody = z.strictObject({
  intent: z.enum(intents).optional(),
  patience: Patience.optional(),
  remindAfter: RemindAfter.optional(),
  notify: Notify.optional(),
  by: By.optional(),
});
export const ReauthenticateBody = StartBody.extend({ intent: z.literal('reauthenticate').optional() });
const Prefilled = z.strictObject({
  value: z.string().min(1).max(1000),
  locked: z.boolean().optional().meta({ description: 'The user can not change the value.' }),
});
/**
 * The limit of a `prefill` in bytes of JSON (UTF-8). The prefill is part of the session's token, and a token must stay
 * short.
 */
export const MAX_PREFILL_BYTES = 2048;
export const Prefill = z.record(
  z.string().regex(/^[1-9][0-9]{0,15}$/),
  z.record(z.string().min(1).max(200), Prefilled),
);
export const SessionBody = z
  .strictObject({
    accountId: AccountId,
    accountLabel: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .meta({ description: 'The name by which the user knows the account.', examples: ['Acme Ltd'] }),
    connectorIds: z
      .array(ConnectorId)
      .min(1)
      .max(MAX_CONNECTORS)
      .optional()
      .meta({
        description:
          'The connectors of the session. A flow starts for each connector whose latest run is neither open nor `authenticated`.',
        examples: [[1002]],
      }),
    onboardingId: OnboardingId.optional().meta({
      description:
        'In place of connectorIds: the session shows the connectors of this onboarding, also connectors that are added later.',
    }),
    reauthenticate: z
      .array(ConnectorId)
      .max(MAX_CONNECTORS)
      .optional()
      .meta({
        description: 'The connectors of `connectorIds` that the session may re-authenticate.',
        examples: [[1002]],
      }),
    prefill: Prefill.optional().meta({
      description:
        'Values of properties by connector id and name, which the page proposes or shows as locked. Never for a secret ' +
        'property: users can read these values. At most 2 KiB.',
      examples: [{ 1004: { Domain: { value: 'acme', locked: true } } }],
    }),
    origin: z
      .string()
      .max(500)
      .optional()
      .meta({
        description: 'The origin of the page that embeds the element: one of ALLOWED_ORIGINS.',
        examples: ['https://app.acme.example'],
      }),
    language: z
      .string()
      .max(35)
      .regex(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/)
      .optional()
      .meta({ description: 'A language tag; en by default.', examples: ['de'] }),
    returnTo: z
      .string()
      .max(2000)
      .optional()
      .meta({
        description: 'The URL to which the user goes at the end: on one of ALLOWED_ORIGINS.',
        examples: ['https://app.acme.example/settings'],
      }),
    expiresIn: Duration.optional().meta({
      description: 'A session: 15 minutes by default, 1 second to 1 hour. An invitation: 7 days, 1 second to 30 days.',
    }),
    kind: z.enum(['session', 'invitation']).optional(),
    notify: Notify.optional(),
    by: By.optional(),
    recheck: z.boolean().optional().meta({
      description:
        'True: also start a new run for each authenticated connector. By default, an authenticated connector gets no new run.',
    }),
  })
  .refine(({ connectorIds, onboardingId }) => (connectorIds === undefined) !== (onboardingId === undefined), {
    path: ['connectorIds'],
  })
  .meta({ oneOf: [{ required: ['connectorIds'] }, { required: ['onboardingId'] }] });

const connectorIds = z.array(ConnectorId).min(1).max(MAX_ONBOARDED);
/** The body of a start of an onboarding, with at most 500 connectors (see `OnboardingInput`). */
export const OnboardingBody = z
  .strictObject({
    accountId: AccountId,
    onboardingId: OnboardingId,
    scope: z
      .union([
        z.strictObject({ connectorIds }),
        z.strictObject({ cycleId: CycleId }),
        z.strictObject({ all: z.literal(true) }),
      ])
      .meta({
        description:
          'A list of connectors, the unauthenticated connectors of a cycle, or all unauthenticated connectors of the account.',
        examples: [{ cycleId: 'a3c1f0de-5d0c-4f57-9b1e-2f6f0a7c1002' }],
      }),
    activateCycle: z
      .boolean()
      .optional()
      .meta({ description: 'Activate the cycle when every connector is authenticated. Needs a scope with a cycleId.' }),
    intent: z.enum(intents).optional().meta({ description: '`reauthenticate` needs a scope with connectorIds.' }),
    patience: Patience.optional(),
    remindAfter: RemindAfter.optional(),
    notify: Notify.optional(),
    metadata: z
      .record(z.string(), z.string())
      .optional()
      .meta({ description: 'Texts that the progress and the events return: at most 2,048 characters in all.' }),
    by: By.optional(),
  })
  .superRefine((input, context) => {
    const fault = faultOfOnboarding(input);
    // The text of a fault begins with the name of its field.
    if (fault) context.addIssue({ code: 'custom', path: [fault.split(' ')[0]!], message: 'malformed' });
  });
export const CancelOnboardingBody = z.strictObject({
  cancelFlows: z
    .boolean()
    .optional()
    .meta({ description: 'True: also cancel the open flows that this onboarding has started.' }),
});
export const AddConnectorsBody = z.strictObject({ connectorIds });

const JWE = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+$/;
const sealedUpTo = (max: number) =>
  z.strictObject({ sealed: z.string().max(max).regex(JWE) }).meta({
    description: 'A compact JWE, sealed to the first of the sealing keys for this connector and this submission.',
  });
/**
 * Accepts only sealed values of at most `max` characters. The error is `notSealed` for a value in clear, and
 * `malformed` for an absent value and for a sealed value over the limit.
 */
const onlySealedUpTo = (max: number) =>
  z.strictObject(
    { sealed: z.string(NOT_SEALED).max(max, 'malformed').regex(JWE, NOT_SEALED) },
    { error: ({ input }) => (input === undefined ? 'malformed' : NOT_SEALED) },
  );
const text = z.string().max(MAX_VALUE);
const valuesOf = <V extends z.ZodType>(value: V) =>
  z
    .record(z.string().min(1).max(1000), value)
    .refine((values) => Object.keys(values).length <= MAX_VALUES)
    .meta({
      description: 'Values by the name of the property. The flow accepts all values or none.',
      examples: [{ Domain: 'acme' }],
      maxProperties: MAX_VALUES,
    });
/** A rule for the OpenAPI schema of a body: the body must have a `submissionId`, unless all its values are in clear. */
const neededWith = (inClear: { [property: string]: object }) => ({
  anyOf: [{ required: ['submissionId'] }, { properties: inClear }],
});
const isAnySealed = (values: object): boolean => Object.values(values).some((value) => typeof value === 'object');

export const PropertiesBody = z
  .strictObject({ submissionId: SubmissionId.optional(), values: valuesOf(z.union([sealedUpTo(MAX_VALUE), text])) })
  .refine(({ submissionId, values }) => submissionId !== undefined || !isAnySealed(values), { path: ['submissionId'] })
  .meta(neededWith({ values: { additionalProperties: { type: 'string' } } }));
export const CredentialsBody = z
  .strictObject({
    submissionId: SubmissionId.optional(),
    credentials: z.union([sealedUpTo(MAX_CREDENTIALS), CredentialsShape]),
  })
  .refine(({ submissionId, credentials }) => submissionId !== undefined || !('sealed' in credentials), {
    path: ['submissionId'],
  })
  .meta(neededWith({ credentials: { required: ['kind'] } }));
export const SealedPropertiesBody = z.strictObject({
  submissionId: SubmissionId,
  values: valuesOf(onlySealedUpTo(MAX_VALUE)),
});
export const SealedCredentialsBody = z.strictObject({
  submissionId: SubmissionId,
  credentials: onlySealedUpTo(MAX_CREDENTIALS),
});
export const AuthorizationBody = z.strictObject({
  returnTo: z
    .string()
    .max(2000)
    .optional()
    .meta({
      description: 'On one of ALLOWED_ORIGINS. By default the return page of the service, which verifies the consent.',
      examples: ['https://app.acme.example/settings'],
    }),
});
export const ConfirmBody = z.strictObject({
  attemptId: SubmissionId.optional().meta({ description: 'The newest attempt by default.' }),
});
/** The body of calls that need only their path: an empty object. */
export const Nothing = z.strictObject({});
/** The body of the call that starts, changes or ends the monitoring of a connector. */
export const MonitorBody = z.strictObject({
  every: Duration.refine(isMonitorEvery)
    .optional()
    .meta({ description: 'Time between two reads: 1 minute to 90 days.', examples: ['6 hours'] }),
  stop: z.literal(true).optional().meta({ description: 'Ends the monitoring.' }),
});
export const CancelBody = z.strictObject({ reason: z.string().max(500).optional() });
const Trouble = z.enum(troubles).meta({ description: 'The flow waits for Cyclr, or for an operator.' });
const Page = z
  .string()
  .min(1)
  .max(4000)
  .regex(/^[A-Za-z0-9_-]+$/)
  .meta({ description: 'The `next` of the previous page; absent or `1` for the first page.' });
export const FlowsQuery = z.strictObject({
  accountId: AccountId.optional(),
  state: State.optional(),
  problem: Trouble.optional(),
  olderThan: z
    .string()
    .max(100)
    .regex(new RegExp(DURATION))
    .refine((duration) => durationMs(duration) > 0)
    .optional()
    .meta({ description: 'Only flows that entered their state at least this long ago.', examples: ['2 hours'] }),
  page: Page.optional(),
});
export const EventsQuery = z.strictObject({
  accountId: AccountId.optional(),
  type: z.enum(eventTypes).optional(),
  state: z.enum(eventStates).optional(),
  page: Page.optional(),
});
const StartTime = z.union([z.iso.datetime({ offset: true }), z.iso.date()]);
export const AuditQuery = z.strictObject({
  from: StartTime.optional().meta({
    description: 'Only runs that started at this time or later. ISO 8601.',
    examples: ['2026-01-31T12:00:00Z'],
  }),
  to: StartTime.optional().meta({ description: 'Only runs that started before this time. ISO 8601.' }),
});
/** The id of an event in a path. */
export const OfEvent = z.object({ id: z.string().min(1).max(200) });
/**
 * The filter of a batch operation: which flows get the signal. A filter must have at least one member, so that a batch
 * does not reach all flows by mistake.
 */
export const BatchBody = z
  .strictObject({ accountId: AccountId.optional(), state: State.optional(), problem: Trouble.optional() })
  .refine((filter) => Object.keys(filter).length > 0)
  .meta({ minProperties: 1 });
const MAX_PAGE_SIZE = 200;
const paging = {
  page: Page.optional(),
  pageSize: integer(/^[1-9][0-9]{0,2}$/, (value) => value <= MAX_PAGE_SIZE)
    .optional()
    .meta({
      ...{ type: 'integer', minimum: 1, maximum: MAX_PAGE_SIZE, pattern: undefined },
      description:
        'The largest number of items of a page: 50 by default, at most 200. Even a page with a `next` can have fewer items.',
      examples: [50],
    }),
};
export const ListQuery = z.strictObject({
  state: State.optional(),
  ...paging,
});
export const ConnectionsQuery = z.strictObject(paging);
