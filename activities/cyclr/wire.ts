/** Cyclr's answers, parsed before anything reads them. Fields that must not leave the activity are dropped here. */
import { z } from 'zod';
import type { Connector, Field } from '../../workflows/connector';
import { jsonOf } from '../../workflows/connector';
import { bounded } from './bounds';
import { CyclrError } from './errors';

const MAX_ICON_LENGTH = 8 * 1024;
const MAX_TEXT_LENGTH = 2000;
const MAX_OPTIONS = 200;

/** An absent field, `null` and a value of another type are all undefined. */
const optional = <T extends z.ZodType>(schema: T) =>
  schema
    .nullish()
    .catch(undefined)
    .transform((value) => value ?? undefined);
const text = optional(z.string().transform((value) => value.slice(0, MAX_TEXT_LENGTH)));
const flag = optional(z.boolean());
const name = optional(z.string().min(1));
/** Values are strings on the wire, but a definition can contain a number or a boolean. */
const scalar = optional(z.union([z.string(), z.number(), z.boolean()]).transform(String));
/** A suggested value. A long value is left out, because a cut value would be another value. */
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

/** A stored property. The value can be a secret, and never leaves the activity that compares it. */
export const StoredProperty = z.object({ Id: z.number(), Name: optional(z.string()), Value: scalar });
export type StoredProperty = z.infer<typeof StoredProperty>;

/** A property inside an account connector. The flow learns only whether the property has a value. */
const Stored = StoredProperty.omit({ Id: true });

/** The parts of `GET /v1.0/account/connectors/{id}` that are read. `AuthValue` and `Triggers` are not among them. */
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

/** A time of Cyclr's, in milliseconds: UTC, also if the zone is missing. */
const utc = z
  .string()
  .transform((value) => Date.parse(/(Z|[+-]\d\d:?\d\d)$/i.test(value) ? value : `${value}Z`))
  .pipe(z.number());

/** `POST /v1.0/accounts/{accountId}/signintoken`: a secret for a single use. `ExpiresAtUtc` is in milliseconds. */
export const SignInToken = z.object({ Token: z.string().min(1).max(MAX_TEXT_LENGTH), ExpiresAtUtc: utc });
export type SignInToken = z.infer<typeof SignInToken>;

/** The stored `AuthValue`: a secret that never leaves the activity that compares it. */
export const authValueIn = (body: string): string | undefined =>
  z.object({ AuthValue: optional(z.string().min(1)) }).safeParse(jsonOf(body)).data?.AuthValue;

/** Reads the body of an answer as JSON of a shape. Fails: `unreadable`, without quoting the body. */
export function parsed<T extends z.ZodType>(schema: T, call: string, status: number, body: string): z.output<T> {
  const result = schema.safeParse(jsonOf(body));
  if (result.success) return result.data;
  throw new CyclrError('unreadable', `${call}: the answer can not be read (${status}, ${body.length} characters)`);
}

/**
 * The account connector in our words. Fails: `unreadable`, also if the answer is about another connector; `tooLarge`.
 */
export function connectorOf(call: string, id: number, status: number, body: string): Connector {
  const answer = parsed(AccountConnector, call, status, body);
  if (answer.Id !== id) throw new CyclrError('unreadable', `${call}: the answer is about another connector`);
  const { Connector: definition } = answer;
  const icon = definition.Icon && isSmallImage(definition.Icon) ? definition.Icon : undefined;
  const connector = withoutAbsent<Connector>({
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
  return bounded(call, connector);
}

/** The items of the shape; others are skipped. */
const eachOf = <T extends z.ZodType>(schema: T, items: unknown[] = []): z.output<T>[] =>
  items.flatMap((item) => schema.safeParse(item).data ?? []);

const isSmallImage = (icon: string): boolean => /^data:image\//i.test(icon) && icon.length <= MAX_ICON_LENGTH;

/** The properties that a user can set, in display order: neither hidden ones nor the partner's. */
function fieldsOf(parameters: z.infer<typeof Parameter>[], stored: z.infer<typeof Stored>[]): Field[] {
  const storedNames = new Set(stored.filter(({ Value }) => Value).map(({ Name }) => Name));
  const settable = parameters
    .filter((p) => p.IsAccountConnectorProperty && !p.Hidden && !p.IsPartnerProperty && p.TargetName)
    .sort((a, b) => (a.DisplayOrder ?? Infinity) - (b.DisplayOrder ?? Infinity) || 0);
  const byName = new Map(settable.map((parameter) => [parameter.TargetName!, parameter]));
  return [...byName].map(([targetName, p]) => {
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

/** A suggestion is a string or `{ "Value": … }`. */
function optionsOf(values: unknown[]): string[] | undefined {
  const options = values
    .map((item) => (typeof item === 'object' && item !== null ? (item as { Value?: unknown }).Value : item))
    .flatMap((option) => choice.parse(option) ?? [])
    .slice(0, MAX_OPTIONS);
  return options.length > 0 ? options : undefined;
}

/** Drops members that are undefined: an absent value is left out. */
const withoutAbsent = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as T;
