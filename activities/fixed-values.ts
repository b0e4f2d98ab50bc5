import type { CyclrClient, Target } from './cyclr/client';
import { policyFailure } from './failures';
import { fixedValuesOf } from './policies/shape';
import { PropertyRefused, setProperties } from './properties';

/**
 * Stores the fixed values of the connector's policy in Cyclr. Makes no call if the worker has no policies. If Cyclr
 * already stores all fixed values, only reads the connector. Safe to repeat. A value that Cyclr refuses is an
 * operator's trouble, because no user typed the value.
 */
export async function storeFixedValues(cyclr: CyclrClient, target: Target): Promise<void> {
  if (!cyclr.hasPolicies) return;
  const { policy, stored } = await cyclr.read(target);
  const lacking = [...(policy ? fixedValuesOf(policy) : [])].filter(([name, value]) => stored.get(name) !== value);
  if (lacking.length === 0) return;
  await setProperties(cyclr, target, new Map(lacking)).catch((err: unknown) => {
    if (!(err instanceof PropertyRefused)) throw err;
    throw policyFailure(`Cyclr refused the fixed value of the property ${err.property} (${err.message})`);
  });
}
