/**
 * The schema of the file of policies (`CONNECTOR_POLICIES`). A script writes `docs/policies.schema.json` from this
 * schema.
 */
import { z } from 'zod';
import { isMonitorEvery } from '../../workflows/connection';
import { durationMs } from '../../workflows/input';
import { namesIn, piecesOf } from './template';

const MAX_TEXT = 2_000;
const MAX_VALUE = 64 * 1024;

const text = z.string('is no text: put it in quotes');
const name = text.min(1, 'is empty').max(200, 'is over 200 characters');
const id = z.int('is no whole number').positive('is not above 0');
const isDuration = (value: unknown): boolean => !Number.isNaN(durationMs(value));
const duration = z
  .union([z.string(), z.number()], 'is no duration such as "7 days"')
  .refine(isDuration, 'is no duration such as "7 days", above 0 and at most 90 days');
const isHttps = (value: string): boolean => URL.canParse(value) && new URL(value).protocol === 'https:';
const link = text.max(MAX_TEXT, `is over ${MAX_TEXT} characters`).refine(isHttps, 'is no https URL');
const words = text.min(1, 'is empty').max(MAX_TEXT, `is over ${MAX_TEXT} characters`);

const languages = z.record(
  z.string().regex(/^(default|[a-z]{2,3}(-[a-z0-9]{2,8})*)$/, 'is neither a language such as de or pt-br nor default'),
  z.strictObject({ text: words.optional(), link: link.optional() }),
);
const help = languages.meta({
  description: 'Texts and links for the user, by language. `default` is for all other languages.',
});

const template = text
  .max(MAX_VALUE, `is over ${MAX_VALUE} characters`)
  .refine(
    (value) => piecesOf(value) !== undefined,
    'has a brace that is none of {name}, {name|json} and {name|base64}',
  );

const Property = z
  .strictObject({
    default: words.optional().meta({
      description: 'The page proposes this value to the user. For a secret property, the page does not get this value.',
    }),
    value: text.max(MAX_VALUE, `is over ${MAX_VALUE} characters`).min(1, 'is empty').optional().meta({
      description:
        'The worker sets this value, and the flow does not ask the user for the property. No history contains the value.',
    }),
    skip: z
      .literal(true, 'is not true')
      .optional()
      .meta({ description: 'Cyclr itself sets the property, so the flow does not ask the user for the property.' }),
    help: z.union([words, languages]).optional().meta({ description: 'A text, or texts and links by language.' }),
    link: link
      .optional()
      .meta({ description: 'The https link of the help in all languages without a link of their own.' }),
  })
  .refine(({ value, skip }) => !(value !== undefined && skip), 'has both value and skip')
  .refine(
    ({ value, skip, default: proposed }) => proposed === undefined || (value === undefined && !skip),
    'has a default that is never proposed, because of value or skip',
  );

const AuthFields = z
  .strictObject({
    fields: z
      .array(z.strictObject({ name, label: name, secret: z.boolean('is neither true nor false').optional() }))
      .min(1, 'is empty')
      .max(20, 'has over 20 fields')
      .meta({
        description: 'The values that the user types, in this order. A field is secret unless `secret: false`.',
      }),
    properties: z
      .record(name, template)
      .optional()
      .meta({ description: 'Templates of the properties that the worker sets, by TargetName.' }),
    authValue: template
      .optional()
      .meta({ description: 'The template of the AuthValue. Without this template, Cyclr stores `{}`.' }),
  })
  .superRefine(({ fields, properties = {}, authValue }, context) => {
    const templates = [...Object.values(properties), ...(authValue === undefined ? [] : [authValue])];
    if (templates.length === 0) context.addIssue('has neither properties nor authValue');
    const known = fields.map((field) => field.name);
    const used = new Set(templates.flatMap(namesIn));
    const fault = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
    known.forEach((field, index) => {
      if (/[{}|]/.test(field)) fault(['fields', index, 'name'], 'has one of the characters { } |');
      if (known.indexOf(field) < index) fault(['fields', index, 'name'], 'is the name of an earlier field, too');
      if (!used.has(field)) fault(['fields', index, 'name'], 'is used in no template');
    });
    const unknown = [...used].filter((field) => !known.includes(field));
    if (unknown.length > 0) context.addIssue('has a template with a name that is no field');
  });

const method = name.meta({
  description: 'The MethodUniqueIdentifier of the method, which is the same in every release of the connector.',
});
const path = z
  .string('is no text: put it in quotes')
  .regex(/^[^.[\]]+(\.[^.[\]]+)*$/, 'is no path such as user.email')
  .max(200, 'is over 200 characters');

const members = {
  properties: z
    .record(name, Property)
    .optional()
    .meta({ description: 'The settings for properties of the connector, by TargetName.' }),
  authFields: AuthFields.optional().meta({
    description: 'With this member, a flow can connect a connector of the auth type AuthFields.',
  }),
  passwordCredentials: z.enum(['page', 'direct'], 'is neither page nor direct').optional().meta({
    description:
      "`page` (default): the user opens Cyclr's page. `direct`: Cyclr fetches the tokens with the properties alone.",
  }),
  verify: z
    .strictObject({
      method,
      expect: path.optional().meta({
        description:
          'Path of a value in the answer. If the value is absent, null, false or empty, the credentials count as refused.',
      }),
    })
    .optional()
    .meta({ description: 'Checks new credentials by a call to the third party.' }),
  identity: z
    .strictObject({ method, path: path.meta({ description: 'Path of the name in the answer, such as user.email.' }) })
    .optional()
    .meta({ description: "The method that reads the name of the user's account at the third party." }),
  help: help.optional(),
  monitor: z
    .union([z.string(), z.number()], 'is neither off nor a duration such as "1 day"')
    .refine(
      (value) => value === 'off' || isMonitorEvery(value),
      'is neither off nor a duration of 1 minute to 90 days such as "1 day"',
    )
    .optional()
    .meta({ description: 'The time between two reads of a connected connector, or `off`.' }),
  reauthenticate: z.enum(['automatic', 'manual'], 'is neither automatic nor manual').optional(),
  remindAfter: z.array(duration).max(20, 'has over 20 durations').optional(),
  patience: z
    .strictObject({
      properties: duration.optional(),
      credentials: duration.optional(),
      authorization: duration.optional(),
    })
    .optional(),
};

const Match = z
  .strictObject({
    accountConnector: id
      .optional()
      .meta({ description: 'Id of the account connector. The most specific way to match.' }),
    connector: id.optional().meta({ description: "Cyclr's connector id. Each release of a connector has another id." }),
    name: name
      .optional()
      .meta({ description: "Name of Cyclr's connector, in any letter case. The least specific way to match." }),
  })
  .refine(
    (match) => Object.values(match).filter((value) => value !== undefined).length === 1,
    'needs one of accountConnector, connector and name',
  );

const FilePolicy = z.strictObject({ match: Match, ...members });

/** The content of the file. */
export const PolicyFile = z
  .strictObject({
    policies: z.array(FilePolicy, 'is no list of policies').max(1_000, 'has over 1000 policies'),
  })
  .superRefine(({ policies }, context) => {
    const seen = new Set<string>();
    policies.forEach(({ match }, index) => {
      const key = keyOf(match);
      if (seen.has(key))
        context.addIssue({
          code: 'custom',
          path: ['policies', index, 'match'],
          message: 'is the match of an earlier policy, too',
        });
      seen.add(key);
    });
  })
  .meta({ title: 'Connector policies of cyclr-connect' });

export type Match = z.output<typeof Match>;
/** The members of a policy, without its match. */
export type Policy = Omit<z.output<typeof FilePolicy>, 'match'>;
export type PolicyFile = z.output<typeof PolicyFile>;

/** Makes a key from the `match` of a policy. Two policies with the same key match the same connectors. */
export function keyOf({ accountConnector, connector, name: given }: Match): string {
  if (accountConnector !== undefined) return `accountConnector ${accountConnector}`;
  return connector === undefined ? `name ${given?.toLowerCase()}` : `connector ${connector}`;
}
