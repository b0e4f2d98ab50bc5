/** Parses Cyclr's answers. A field that no schema of this file names is dropped. */
import { z } from 'zod';
import type { Connector, Field } from '../../workflows/connector';
import { isConnectorId, jsonOf } from '../../workflows/connector';
import { CyclrError } from './errors';

const MAX_TEXT_LENGTH = 2000;
const MAX_OPTIONS = 200;

/** Makes a field optional: the parsed value is undefined if the field is absent, is `null` or has another type. */
const optional = <T extends z.ZodType>(schema: T) =>
  schema
    .nullish()
    .catch(undefined)
    .transform((value) => value ?? undefined);
/** Replaces the word "null" by undefined, because some definitions write an absent text as "null". */
const unlessNull = (value?: string): string | undefined => (value === 'null' ? undefined : value);
const text = optional(z.string().transform((value) => value.slice(0, MAX_TEXT_LENGTH))).transform(unlessNull);
const flag = optional(z.boolean());
const name = optional(z.string()).transform(unlessNull);
/** Turns a value into text. Cyclr sends most values as strings, but a definition can contain a number or a boolean. */
const scalar = optional(z.union([z.string(), z.number(), z.boolean()]).transform(String));
/** A suggested value. A value that is too long is left out and not cut, because a cut value would be another value. */
const choice = scalar
  .transform(unlessNull)
  .transform((value) => (value && value.length <= MAX_TEXT_LENGTH ? value : undefined));

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
  Hide: flag,
  TriggerName: text,
});

/** One auth type in the list `Authentication` of a definition. */
const Way = z.object({ AuthDescription: text, AuthType: text, OAuth2Type: text });

type Parameter = z.infer<typeof Parameter>;

/** A stored property. The value can be a secret, so the value never leaves the activities. */
export const StoredProperty = z.object({ Id: z.number(), Name: optional(z.string()), Value: scalar });
export type StoredProperty = z.infer<typeof StoredProperty>;

/** A property inside an account connector. The flow learns only whether the property has a value. */
const Stored = StoredProperty.omit({ Id: true });

/**
 * The parts of the answer to `GET /v1.0/account/connectors/{id}` that are read. `AuthValue` is left out, because only
 * `authValueIn` may read it.
 */
const AccountConnector = z.object({
  Id: z.number(),
  Name: text,
  Description: text,
  Authenticated: flag,
  IsPartnerIntegrationConnector: flag,
  Properties: optional(z.array(z.unknown())),
  Connector: z.object({
    Id: optional(z.number()),
    Name: text,
    Description: text,
    Icon: optional(z.string()).transform(unlessNull),
    ...Way.shape,
    Authentication: optional(z.array(z.unknown())),
    Parameters: optional(z.array(z.unknown())),
    Triggers: optional(z.array(z.unknown())),
  }),
});

const Trigger = z.object({ Id: z.union([z.number(), z.string().min(1)]).transform(String), Name: z.string() });

/**
 * A time from Cyclr in the years 2000 to 9999, in milliseconds. A time without a zone counts as UTC. Years before 2000
 * are refused, because .NET writes an unset time as the year 1.
 */
const utc = z
  .string()
  .transform((value) => Date.parse(/(Z|[+-]\d\d:?\d\d)$/i.test(value) ? value : `${value}Z`))
  .pipe(z.number().min(Date.UTC(2000, 0)).lt(Date.UTC(10_000, 0)));

const SIGN_IN_MS = 5 * 60_000;

/**
 * `POST /v1.0/accounts/{accountId}/signintoken`: a secret for a single use. `ExpiresAtUtc` is in milliseconds. Without
 * a usable time, the token counts as valid for the documented 5 minutes.
 */
export const SignInToken = z.object({
  Token: z
    .string()
    .max(MAX_TEXT_LENGTH)
    .regex(/^\P{Cs}+$/u), // half of a surrogate pair can't be part of a URL
  ExpiresAtUtc: utc.catch(() => Date.now() + SIGN_IN_MS),
});
export type SignInToken = z.infer<typeof SignInToken>;

/** Reads the stored `AuthValue` from an answer. The `AuthValue` is a secret that never leaves the activities. */
export const authValueIn = (body: string): string | undefined =>
  z.object({ AuthValue: optional(z.string().min(1)) }).safeParse(jsonOf(body)).data?.AuthValue;

/**
 * Parses the body of an answer as JSON, and checks it by the schema. Fails: `unreadable`. The error does not quote the
 * body.
 */
export function parsed<T extends z.ZodType>(schema: T, call: string, status: number, body: string): z.output<T> {
  const result = schema.safeParse(jsonOf(body));
  if (result.success) return result.data;
  throw new CyclrError('unreadable', `${call}: the answer can not be read (${status}, ${body.length} characters)`);
}

/** An account connector from Cyclr's answer, before `bounded` limits its size. */
export interface Draft {
  /** The connector without its icon. */
  connector: Connector;
  /** Cyclr's text for the icon, not checked yet. */
  icon?: string;
  /** The ids of the triggers that list the options of a field, by the name of the field. */
  triggers: Map<string, string>;
  /** Cyclr's connector that was installed as this account connector. */
  definition: { id?: number; name?: string };
  /** The stored properties by name. Some values are secrets, so the values never leave the activity. */
  stored: ReadonlyMap<string, string>;
}

/**
 * Turns Cyclr's answer about an account connector into the types of `workflows/connector.ts`. Fails: `unreadable`, also
 * if the answer is about another connector.
 */
export function draftOf(call: string, id: number, status: number, body: string): Draft {
  const answer = parsed(AccountConnector, call, status, body);
  if (answer.Id !== id) throw new CyclrError('unreadable', `${call}: the answer is about another connector`);
  const { Connector: definition } = answer;
  const { AuthType, OAuth2Type, AuthDescription } = wayInForce(definition);
  const stored = eachOf(Stored, answer.Properties);
  const parameters = eachOf(Parameter, definition.Parameters).filter(isSettable).sort(byDisplayOrder);
  const connector = withoutAbsent<Connector>({
    name: answer.Name || definition.Name || `Connector ${id}`,
    description: answer.Description || definition.Description || undefined,
    authType: AuthType ? documented(authTypes, AuthType) : 'Unknown',
    oauth2Type: OAuth2Type ? documented(oauth2Types, OAuth2Type) : undefined,
    authDescription: AuthDescription || undefined,
    partnerSupplied: answer.IsPartnerIntegrationConnector ?? false,
    authenticated: answer.Authenticated ?? false,
    fields: fieldsOf(parameters, stored),
  });
  const triggers = triggersOf(connector.fields, parameters, eachOf(Trigger, definition.Triggers));
  return {
    connector,
    triggers,
    ...(definition.Icon && { icon: definition.Icon }),
    definition: withoutAbsent({ id: definition.Id, name: definition.Name || undefined }),
    stored: new Map(stored.flatMap(({ Name, Value }) => (Name && Value ? [[Name, Value]] : []))),
  };
}

/**
 * The triggers of the fields that have no options in the definition. A secret field gets no trigger, because its
 * options would show secrets.
 */
function triggersOf(fields: Field[], parameters: Parameter[], known: z.infer<typeof Trigger>[]): Map<string, string> {
  const idOf = new Map(known.map(({ Name, Id }) => [Name, Id]));
  const open = new Set(fields.filter(({ options, secret }) => !options && !secret).map(({ name }) => name));
  const triggers = new Map<string, string>();
  for (const { TargetName = '', TriggerName } of parameters) {
    const id = TriggerName && idOf.get(TriggerName);
    if (id && open.has(TargetName)) triggers.set(TargetName, id);
  }
  return triggers;
}

/**
 * The auth type that was chosen when the connector was installed. Cyclr reports this auth type in deprecated fields of
 * the definition. If these fields are absent and the list `Authentication` has one entry, this entry is used. If the
 * list has several entries, Cyclr does not tell which entry was chosen.
 */
function wayInForce(definition: z.infer<typeof AccountConnector>['Connector']): z.infer<typeof Way> {
  const ways = eachOf(Way, definition.Authentication);
  const only = ways.length === 1 ? ways[0] : undefined;
  return definition.AuthType || !only
    ? definition
    : { ...only, AuthDescription: definition.AuthDescription || only.AuthDescription };
}

const authTypes = ['ApiKey', 'Basic', 'OAuth1', 'OAuth2', 'None', 'AuthFields'];
const oauth2Types = ['AuthorisationCode', 'ClientCredentials', 'PasswordCredentials', 'Unknown'];

/**
 * The documented spelling of a type. `Authorization` counts as `Authorisation`. A type that Cyclr does not document
 * stays unchanged.
 */
const documented = (types: string[], given: string): string =>
  types.find((type) => type.toLowerCase() === given.toLowerCase().replace('authorization', 'authorisation')) ?? given;

/** Returns the items that match the schema, and leaves out all other items. */
const eachOf = <T extends z.ZodType>(schema: T, items: unknown[] = []): z.output<T>[] =>
  items.flatMap((item) => schema.safeParse(item).data ?? []);

/** Makes one field for each property, in the order of the definition's `Parameters`. */
function fieldsOf(parameters: z.infer<typeof Parameter>[], stored: z.infer<typeof Stored>[]): Field[] {
  const storedNames = new Set(stored.filter(({ Value }) => Value).map(({ Name }) => Name));
  const fields = new Map<string, Field>();
  for (const parameter of parameters) {
    const field = fieldOf(parameter, storedNames);
    const same = fields.get(field.name);
    fields.set(field.name, same ? merged(same, field) : field);
  }
  return [...fields.values()];
}

/** True if the user can set the property. The user can not set a hidden property or a property of the partner. */
const isSettable = ({ IsAccountConnectorProperty, Hidden, Hide, IsPartnerProperty, TargetName }: Parameter): boolean =>
  Boolean(IsAccountConnectorProperty && !Hidden && !Hide && !IsPartnerProperty && TargetName);

const byDisplayOrder = (a: Parameter, b: Parameter): number =>
  (a.DisplayOrder ?? Infinity) - (b.DisplayOrder ?? Infinity) || 0;

function fieldOf(parameter: Parameter, storedNames: Set<string | undefined>): Field {
  const { TargetName = '', DisplayName, Name, Description, IsOptional, IsSensitive, Values, Multiline } = parameter;
  const secret = IsSensitive ?? /pass|secret|token|key/i.test(TargetName);
  return withoutAbsent({
    name: TargetName,
    label: DisplayName || Name || TargetName,
    help: Description || undefined,
    required: !IsOptional,
    secret,
    stored: storedNames.has(TargetName),
    options: optionsOf(Values ?? []),
    multiline: Multiline || undefined,
    default: secret ? undefined : parameter.DefaultValue,
  });
}

/**
 * Merges two fields that have the same `TargetName`. The members of `first` override the members of `second`. The
 * merged field is secret if one of the two fields is secret, and required if one of the two fields is required.
 */
function merged(first: Field, second: Field): Field {
  const both = { ...second, ...first };
  const secret = first.secret || second.secret;
  const required = first.required || second.required;
  return withoutAbsent({ ...both, required, secret, default: secret ? undefined : both.default });
}

/** The answer to `POST /v1.0/account/connectors/{id}/triggers/{triggerId}`. */
export const TriggerAnswer = z.array(z.unknown()).transform(optionsOf);

/** Reads suggested values. Each item of `values` is a string or `{ "Value": … }`. */
function optionsOf(values: unknown[]): string[] | undefined {
  const options = values
    .map((item) => (typeof item === 'object' && item !== null ? (item as { Value?: unknown }).Value : item))
    .flatMap((option) => choice.parse(option) ?? [])
    .slice(0, MAX_OPTIONS);
  return options.length > 0 ? options : undefined;
}

/** A connector of `GET /v1.0/account/connectors`: the parts that are read. */
const ListedConnector = z.object({
  Id: z.number().refine(isConnectorId),
  Name: text,
  Authenticated: flag,
  Connector: optional(z.object({ Name: text })),
});
export type ListedConnector = z.infer<typeof ListedConnector>;
/** The list of connectors. An item that has no id is parsed as undefined. */
export const ListedConnectors = z.array(optional(ListedConnector));

/** An unmet prerequisite of a cycle. `ReasonCode` 20: the connector with the id `ObjectId` is not authenticated. */
const Prerequisite = z.object({ ReasonCode: z.number(), ObjectType: text, ObjectId: scalar });
export type Prerequisite = z.infer<typeof Prerequisite>;
/**
 * `GET /v1.0/cycles/{cycleId}/prerequisites`. An item that can't be read makes the whole answer unreadable. If such an
 * item were skipped, the cycle could look complete.
 */
export const Prerequisites = z.array(Prerequisite);

const CycleConnector = z.object({ AccountConnectorId: z.number().refine(isConnectorId) });
/**
 * `GET /v1.0/cycles/{cycleId}`: the ids of the cycle's account connectors. `isWhole` is false if an entry of the list
 * has no id. The result is undefined if the answer has no list.
 */
export const CycleConnectors = z
  .object({ Connectors: optional(z.array(z.unknown())) })
  .transform(({ Connectors: entries }) => {
    const ids = eachOf(CycleConnector, entries).map(({ AccountConnectorId }) => AccountConnectorId);
    return entries && { ids, isWhole: ids.length === entries.length };
  });
export type CycleConnectors = z.infer<typeof CycleConnectors>;

/** Removes the members that are undefined, because JSON can't contain them. */
const withoutAbsent = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as T;
