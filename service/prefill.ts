/**
 * Values of properties that a session proposes or locks. The flow gets these values unsealed, so a secret property must
 * not have such a value.
 */
import type { ConnectorAuth } from '../client/connector-auth';
import { MAX_PREFILL_BYTES } from '../client/http/requests';
import type { ConnectorKey, Sealed } from '../workflows/connector';
import type { View } from '../workflows/view';
import { latestRunOf, undefinedIf } from './flows';
import { malformed } from './problems';
import type { Scope, Session } from './tokens';

/**
 * Checks the size and the connectors of a prefill. Also checks that no flow in the state `awaitingProperties` lists a
 * property of the prefill as secret. Flows in other states list no properties. If no worker answers, the function does
 * not check for secret properties. Fails: malformed.
 */
export async function requirePrefillable(
  auth: ConnectorAuth,
  { accountId, connectorIds, prefill = {} }: Pick<Scope, 'accountId' | 'connectorIds' | 'prefill'>,
): Promise<void> {
  const ids = Object.keys(prefill).map(Number);
  const isTooLarge = Buffer.byteLength(JSON.stringify(prefill)) > MAX_PREFILL_BYTES;
  if (isTooLarge || !ids.every((id) => connectorIds.includes(id))) throw malformed('prefill');
  const isSecret = async (connectorId: number) => {
    const fields = (await askingView(auth, { accountId, connectorId }))?.fields ?? [];
    return fields.some(({ secret, name }) => secret && Object.hasOwn(prefill[connectorId]!, name));
  };
  if ((await Promise.all(ids.map(isSecret))).includes(true)) throw malformed('prefill');
}

/** The view of a flow that waits for properties. Undefined for any other flow, and if no worker answers. */
async function askingView(auth: ConnectorAuth, key: ConnectorKey): Promise<View | undefined> {
  const run = await latestRunOf(auth, key);
  if (!run?.open || run.state !== 'awaitingProperties') return undefined;
  return auth.view(key).catch(undefinedIf('notStarted', 'noWorker', 'paused'));
}

/** The locked values of a connector, by property. */
export function lockedIn({ prefill = {} }: Session, { connectorId }: ConnectorKey): Map<string, string> {
  const entries = Object.entries(prefill[connectorId] ?? {});
  return new Map(entries.filter(([, { locked }]) => locked).map(([name, { value }]) => [name, value]));
}

/**
 * Adds the locked values to the values of a session's input. Refuses any value for a locked property, because a sealed
 * value can't be compared with the locked value. A lock has no effect if the flow lists its property as secret, or does
 * not list its property. Fails: malformed, with the names of the refused properties.
 */
export async function withLocked(
  auth: ConnectorAuth,
  key: ConnectorKey,
  locked: ReadonlyMap<string, string>,
  values: { [name: string]: Sealed },
): Promise<{ [name: string]: Sealed | string }> {
  if (locked.size === 0) return values;
  const { fields } = await auth.view(key);
  // A flow in a working state lists no fields, but keeps the input until its next state. So in a working state, every
  // lock has an effect.
  const isLockable = (name: string) => !fields || fields.some((field) => field.name === name && !field.secret);
  const inForce = [...locked].filter(([name]) => isLockable(name));
  const overridden = inForce.map(([name]) => name).filter((name) => Object.hasOwn(values, name));
  if (overridden.length > 0) throw malformed(...overridden);
  return { ...values, ...Object.fromEntries(inForce) };
}
