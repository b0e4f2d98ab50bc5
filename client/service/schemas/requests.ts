/** What is sent: parsed on arrival, and described in the OpenAPI document. */
import { z } from 'zod';
import { isAccountId, isConnectorId } from '../../../workflows/connector';
import { MAX_PLAINTEXT_BYTES, MAX_SEALED_LENGTH } from '../../sealing/binding';
import { NOT_SEALED } from '../problems';
import { State } from './answers';

const MAX_CONNECTORS = 50;
const MAX_VALUES = 200;

export const AccountId = z
  .string()
  .min(1)
  .max(200)
  .refine(isAccountId)
  .meta({ description: "Cyclr's account id.", examples: ['acme'] });
export const ConnectorId = z
  .number()
  .refine(isConnectorId)
  .meta({ type: 'integer', minimum: 1, examples: [1002], description: "The account connector's id." });
const idInPath = z
  .string()
  .regex(/^[1-9]\d{0,15}$/)
  .transform(Number)
  .refine(isConnectorId)
  .meta({ examples: ['1002'] });
export const OfAccount = z.object({ accountId: AccountId });
export const OfConnector = z.object({ accountId: AccountId, connectorId: idInPath });
export const OfSession = z.object({ connectorId: idInPath });
const SubmissionId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,128}$/)
  .meta({ description: 'Made by the caller. One that was taken before changes nothing.', examples: ['8f14e45f-ceea'] });
const By = z.string().max(100).meta({ description: 'Who did it, for the timeline.' });
const Duration = z
  .union([z.string().max(100), z.number()])
  .meta({ description: 'Such as "7 days", or milliseconds.', examples: ['7 days'] });

/** Loose: they stay in the request. */
export const Headers = z.looseObject({
  'idempotency-key': z
    .string()
    .min(1)
    .max(255)
    .optional()
    .meta({ description: 'The same call with the same key is done once.' }),
});

export const Patience = z.strictObject({
  properties: Duration.optional(),
  credentials: Duration.optional(),
  authorization: Duration.optional(),
});
export const StartBody = z.strictObject({
  intent: z.enum(['authenticate', 'reauthenticate']).optional(),
  patience: Patience.optional(),
  by: By.optional(),
});
export const ReauthenticateBody = StartBody.omit({ intent: true });
export const SessionBody = z.strictObject({
  accountId: AccountId,
  accountLabel: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .meta({ description: 'What the user knows the account as.', examples: ['Acme Ltd'] }),
  connectorIds: z.array(ConnectorId).min(1).max(MAX_CONNECTORS),
  origin: z
    .string()
    .max(500)
    .optional()
    .meta({ description: 'The page that embeds it: one of ALLOWED_ORIGINS.', examples: ['https://app.acme.example'] }),
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
    .meta({ description: 'Where the user goes when all is done: on one of ALLOWED_ORIGINS.' }),
  expiresIn: Duration.optional().meta({
    description: 'A session: 15 minutes by default, 1 minute to 1 hour. An invitation: 7 days, 1 minute to 30 days.',
  }),
  kind: z.enum(['session', 'invitation']).optional(),
});

const Sealed = z.strictObject({ sealed: z.string().max(MAX_SEALED_LENGTH) }).meta({
  description: 'A compact JWE, sealed to the first of the sealing keys for this connector and this submission.',
});
const SealedOnly = z.strictObject(
  {
    sealed: z
      .string(NOT_SEALED)
      .max(MAX_SEALED_LENGTH, NOT_SEALED)
      .regex(/^[\w-]+\.[\w-]*\.[\w-]+\.[\w-]*\.[\w-]+$/, NOT_SEALED),
  },
  NOT_SEALED,
);
const text = z.string().max(MAX_PLAINTEXT_BYTES);
const Credentials = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('apiKey'), key: text }),
  z.strictObject({ kind: z.literal('basic'), username: text, password: text }),
  z.strictObject({
    kind: z.literal('tokens'),
    accessToken: text,
    refreshToken: text.optional(),
    expires: text.optional(),
    refreshExpires: text.optional(),
  }),
]);
const valuesOf = <V extends z.ZodType>(value: V) =>
  z
    .record(z.string().min(1).max(1000), value)
    .refine((values) => Object.keys(values).length <= MAX_VALUES)
    .meta({ description: 'By the name of the property. Taken whole or not at all.', examples: [{ Domain: 'acme' }] });
const isAnySealed = (values: object): boolean => Object.values(values).some((value) => typeof value === 'object');

export const PropertiesBody = z
  .strictObject({ submissionId: SubmissionId.optional(), values: valuesOf(z.union([Sealed, text])) })
  .refine(({ submissionId, values }) => submissionId !== undefined || !isAnySealed(values), { path: ['submissionId'] });
export const CredentialsBody = z
  .strictObject({ submissionId: SubmissionId.optional(), credentials: z.union([Sealed, Credentials]) })
  .refine(({ submissionId, credentials }) => submissionId !== undefined || !('sealed' in credentials), {
    path: ['submissionId'],
  });
export const SealedPropertiesBody = z.strictObject({ submissionId: SubmissionId, values: valuesOf(SealedOnly) });
export const SealedCredentialsBody = z.strictObject({ submissionId: SubmissionId, credentials: SealedOnly });
export const AuthorizationBody = z.strictObject({
  returnTo: z
    .string()
    .max(2000)
    .optional()
    .meta({ description: 'On one of ALLOWED_ORIGINS; our own page by default, which has Cyclr asked.' }),
});
export const ConfirmBody = z.strictObject({
  attemptId: SubmissionId.optional().meta({ description: 'The newest by default.' }),
});
/** Of calls that say all by their path. */
export const Nothing = z.strictObject({});
export const CancelBody = z.strictObject({ reason: z.string().max(500).optional() });
const number = (max: number) =>
  z
    .string()
    .regex(/^[1-9]\d{0,5}$/)
    .transform(Number)
    .refine((value) => value <= max);
export const ListQuery = z.strictObject({
  state: State.optional(),
  page: number(100_000)
    .optional()
    .meta({ examples: ['1'] }),
  pageSize: number(200)
    .optional()
    .meta({ description: '50 by default, at most 200.', examples: ['50'] }),
});
