/** Applies a policy to a connector from Cyclr's answer, before a flow gets the connector. */
import type { Connector, ConnectorPolicy, Field, Help } from '../../workflows/connector';
import { digestOf } from './policies';
import type { Policy } from './schema';

type PropertyPolicy = NonNullable<Policy['properties']>[string];

/**
 * The fixed values of a policy, by `TargetName`. A fixed value can be a secret, so no fixed value leaves the
 * activities.
 */
export const fixedValuesOf = ({ properties = {} }: Policy): Map<string, string> =>
  new Map(Object.entries(properties).flatMap(([name, { value }]) => (value === undefined ? [] : [[name, value]])));

/**
 * The connector as its policy says: without the fields that the user must not fill, and with the help and defaults of
 * the policy. `stored`: the values that Cyclr stores, by property name, including secret values.
 */
export function shaped(connector: Connector, policy: Policy, stored: ReadonlyMap<string, string>): Connector {
  const { properties = {}, help } = policy;
  const of = (name: string): PropertyPolicy | undefined =>
    Object.hasOwn(properties, name) ? properties[name] : undefined;
  const isAsked = ({ name }: Field) => of(name)?.value === undefined && !of(name)?.skip;
  const fields = connector.fields.filter(isAsked).map((field) => shapedField(field, of(field.name)));
  return { ...connector, fields, ...(help && { help }), policy: policyForFlow(policy, stored) };
}

function shapedField(field: Field, policy: PropertyPolicy | undefined): Field {
  if (!policy) return field;
  const helpTexts = helpOf(policy);
  const text = helpTexts?.default?.text;
  return {
    ...field,
    ...(text && { help: text }),
    ...(policy.default !== undefined && !field.secret && { default: policy.default }),
    ...(helpTexts && { helpTexts }),
  };
}

/**
 * The help of a property, by language. Each language without a link of its own gets the `link` of the property.
 * `default` counts as a language.
 */
function helpOf({ help, link }: PropertyPolicy): Help | undefined {
  if (help === undefined && link === undefined) return undefined;
  const given: Help = typeof help === 'string' ? { default: { text: help } } : { default: {}, ...help };
  const texts = Object.entries(given).map(([language, one]) => [language, { ...(link && { link }), ...one }] as const);
  return Object.fromEntries(texts.filter(([, one]) => Object.keys(one).length > 0));
}

function policyForFlow(policy: Policy, stored: ReadonlyMap<string, string>): ConnectorPolicy {
  const { authFields, passwordCredentials, verify, identity, patience, remindAfter, monitor, reauthenticate } = policy;
  const isLacking = [...fixedValuesOf(policy)].some(([name, value]) => stored.get(name) !== value);
  return {
    digest: digestOf(policy),
    ...(authFields && { authFields: authFields.fields.map(authField) }),
    ...(passwordCredentials && { passwordCredentials }),
    ...(isLacking && { lacksValues: true }),
    ...((verify || identity) && { checks: true }),
    ...(patience && { patience }),
    ...(remindAfter && { remindAfter }),
    ...(monitor !== undefined && { monitor }),
    ...(reauthenticate && { reauthenticate }),
  };
}

const authField = ({ name, label, secret = true }: { name: string; label: string; secret?: boolean }): Field => ({
  name,
  label,
  required: true,
  secret,
  stored: false,
});
