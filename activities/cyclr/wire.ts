/** Cyclr's answers, parsed before anything reads them. What must not travel further is dropped here. */
import { z } from 'zod';
import type { Connector, Field } from '../../workflows/connector';
import { jsonOf } from '../../sealing/json';
import { CyclrError } from './errors';

const MAX_ICON_LENGTH = 8 * 1024;
const MAX_TEXT_LENGTH = 2000;
const MAX_NAME_LENGTH = 500;
const MAX_FIELDS = 200;
const MAX_OPTIONS = 200;
/** Temporal takes 2 MB, and a connector is read several times in a flow. */
const MAX_CONNECTOR_LENGTH = 256 * 1024;

/** What an absent field, `null` or a value of another type all are: nothing. */
const optional = <T extends z.ZodType>(schema: T) =>
  schema
    .nullish()
    .catch(undefined)
    .transform((value) => value ?? undefined);
const text = optional(z.string().transform((value) => value.slice(0, MAX_TEXT_LENGTH)));
const flag = optional(z.boolean());
const name = optional(z.string().min(1).max(MAX_NAME_LENGTH));
/** Values are texts, but a definition can have a number where one is meant. */
const scalar = optional(z.union([z.string(), z.number(), z.boolean()]).transform(String));
/** A value to choose. One that is too long is left out: cut, it would be another. */
const choice = scalar.transform((value) => (value && value.length <= MAX_TEXT_LENGTH ? value : undefined));

const Parameter = z.object({
  Name: text,
  Description: text,
  TargetName: name,
  IsAccountConnectorProperty: flag,
  IsOptional: flag,
  IsSensitive: flag,
  Values: optional(z.array(z.unknown())),
  DefaultValue: choice,
  DisplayName: text,
  DisplayOrder: optional(z.number()),
  IsPartnerProperty: flag,
  Multiline: flag,
  Hidden: flag,
});

/** A property as it is stored. Its value may be a secret, and goes no further than the activity that compares it. */
export const StoredProperty = z.object({ Id: z.number(), Name: optional(z.string()), Value: scalar });
export type StoredProperty = z.infer<typeof StoredProperty>;

/** Whether it has a value is all that is read of a property inside an account connector. */
const Stored = StoredProperty.omit({ Id: true });

/** `GET /v1.0/account/connectors/{id}`, as far as we read it: neither `AuthValue` nor `Triggers` among it. */
const AccountConnector = z.object({
  Id: z.number(),
  Name: text,
  Description: text,
  Authenticated: flag,
  IsPartnerIntegrationConnector: flag,
  Properties: optional(z.array(z.unknown())),
  Connector: z.object({
    Name: text,
    Description: text,
    Icon: optional(z.string()),
    AuthDescription: text,
    AuthType: text,
    OAuth2Type: text,
    Parameters: optional(z.array(z.unknown())),
  }),
});

/** A time as Cyclr says it: UTC, also where the zone is left out. */
const utc = z
  .string()
  .transform((value) => Date.parse(/(Z|[+-]\d\d:?\d\d)$/i.test(value) ? value : `${value}Z`))
  .pipe(z.number());

/** `POST /v1.0/accounts/{accountId}/signintoken`: a secret, single use. `ExpiresAtUtc` in milliseconds. */
export const SignInToken = z.object({ Token: z.string().min(1).max(MAX_TEXT_LENGTH), ExpiresAtUtc: utc });
export type SignInToken = z.infer<typeof SignInToken>;

/** The stored authentication value: a secret, and no further than the activity that compares it. */
export const authValueIn = (body: string): string | undefined =>
  z.object({ AuthValue: optional(z.string().min(1)) }).safeParse(jsonOf(body)).data?.AuthValue;

/** Reads an answer's text as JSON of a shape. Fails: `unreadable`, without a word of the text. */
export function parsed<T extends z.ZodType>(schema: T, call: string, status: number, body: string): z.output<T> {
  const result = schema.safeParse(jsonOf(body));
  if (result.success) return result.data;
  throw new CyclrError('unreadable', `${call}: an answer that can not be read (${status}, ${body.length} characters)`);
}

/** The account connector in our words. Fails: `unreadable`, also where it is another connector's. */
export function connectorOf(call: string, id: number, status: number, body: string): Connector {
  const answer = parsed(AccountConnector, call, status, body);
  if (answer.Id !== id) throw new CyclrError('unreadable', `${call}: an answer about another connector`);
  const { Connector: definition } = answer;
  const icon = definition.Icon && isSmallImage(definition.Icon) ? definition.Icon : undefined;
  return bounded({
    name: answer.Name || definition.Name || `Connector ${id}`,
    description: answer.Description || definition.Description || undefined,
    icon,
    authType: definition.AuthType ?? 'Unknown',
    oauth2Type: definition.OAuth2Type,
    authDescription: definition.AuthDescription || undefined,
    partnerSupplied: answer.IsPartnerIntegrationConnector ?? false,
    authenticated: answer.Authenticated ?? false,
    fields: fieldsOf(eachOf(Parameter, definition.Parameters), eachOf(Stored, answer.Properties)),
  });
}

/** The items that can be read: one that can't be does not hide the others. */
const eachOf = <T extends z.ZodType>(schema: T, items: unknown[] = []): z.output<T>[] =>
  items.flatMap((item) => schema.safeParse(item).data ?? []);

/** The connector with what is needed alone, where the rest is too much for Temporal. */
function bounded(whole: Connector): Connector {
  const connector = withoutAbsent(whole);
  if (JSON.stringify(connector).length <= MAX_CONNECTOR_LENGTH) return connector;
  const needed = connector.fields.map(({ help: _help, options: _options, default: _default, ...field }) => field);
  return { ...connector, fields: needed };
}

const isSmallImage = (icon: string): boolean => /^data:image\//i.test(icon) && icon.length <= MAX_ICON_LENGTH;

/** Everything that somebody may set, in display order. Hidden and partner properties are neither asked nor waited for. */
function fieldsOf(parameters: z.infer<typeof Parameter>[], stored: z.infer<typeof Stored>[]): Field[] {
  const storedNames = new Set(stored.filter(({ Value }) => Value).map(({ Name }) => Name));
  const settable = parameters
    .filter((p) => p.IsAccountConnectorProperty && !p.Hidden && !p.IsPartnerProperty && p.TargetName)
    .sort((a, b) => (a.DisplayOrder ?? Infinity) - (b.DisplayOrder ?? Infinity) || 0);
  const byName = new Map(settable.map((parameter) => [parameter.TargetName!, parameter]));
  return [...byName].slice(0, MAX_FIELDS).map(([targetName, p]) => {
    const secret = p.IsSensitive ?? /pass|secret|token|key/i.test(targetName);
    return withoutAbsent({
      name: targetName,
      label: p.DisplayName || p.Name || targetName,
      help: p.Description || undefined,
      required: !p.IsOptional,
      secret,
      stored: storedNames.has(targetName),
      options: optionsOf(p.Values ?? []),
      multiline: p.Multiline || undefined,
      default: secret ? undefined : p.DefaultValue,
    });
  });
}

/** Suggestions come as texts or as `{ "Value": … }`. */
function optionsOf(values: unknown[]): string[] | undefined {
  const options = values
    .map((item) => (typeof item === 'object' && item !== null ? (item as { Value?: unknown }).Value : item))
    .flatMap((option) => choice.parse(option) ?? [])
    .slice(0, MAX_OPTIONS);
  return options.length > 0 ? options : undefined;
}

/** What is absent is left out, never `undefined` or `null`. */
const withoutAbsent = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as T;
