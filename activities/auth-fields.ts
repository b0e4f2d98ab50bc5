/**
 * Handles credentials of the auth type AuthFields. The templates of the policy turn the fields of the credentials into
 * properties and an `AuthValue`.
 */
import type { Credentials } from '../workflows/input';
import { problemOf } from '../workflows/problems';
import type { CyclrClient, Target } from './cyclr/client';
import { cyclrRefused, inputRefused, policyFailure } from './failures';
import { filled, namesIn } from './policies/template';
import { PropertyRefused, setProperties } from './properties';

/**
 * Fills the templates of the policy with the fields. Stores the resulting properties in Cyclr. Returns the resulting
 * `AuthValue`, or `{}` if the policy has no template for the `AuthValue`. The caller stores the returned value. Safe to
 * repeat. Fails: `InputRefused` for an unknown or empty field, `CyclrRefused` for a refused property, `CyclrForbidden`
 * if the policy has no `authFields`.
 */
export async function storeAuthFields(
  cyclr: CyclrClient,
  target: Target,
  { values }: Extract<Credentials, { kind: 'fields' }>,
): Promise<string> {
  const { policy } = await cyclr.read(target);
  const { authFields } = policy ?? {};
  if (!authFields) throw policyFailure('The policy of this connector has no authFields');
  const names = authFields.fields.map(({ name }) => name);
  const given = new Map(Object.entries(values));
  const unknown = [...given.keys()].filter((name) => !names.includes(name));
  if (unknown.length > 0) throw inputRefused(problemOf('unknownProperty'));
  const missing = names.filter((name) => !given.get(name));
  if (missing.length > 0) throw inputRefused(problemOf('missingProperty', missing));

  const { properties = {}, authValue } = authFields;
  const rendered = Object.entries(properties).map(([name, template]) => [name, filled(template, given)] as const);
  if (rendered.length > 0) await setProperties(cyclr, target, new Map(rendered)).catch(asRefusal(properties));
  return authValue === undefined ? '{}' : filled(authValue, given);
}

/**
 * Turns the refusal of a property into the failure `CyclrRefused`. The failure names the fields that the template of
 * the property contains, because the user typed these fields and not the property.
 */
const asRefusal =
  (templates: { [name: string]: string }) =>
  (err: unknown): never => {
    if (!(err instanceof PropertyRefused)) throw err;
    throw cyclrRefused(problemOf('refused', namesIn(templates[err.property] ?? ''), err.message));
  };
