/** Opens a user's input and stores it in Cyclr. */
import { credentialsOf } from '../sealing/credentials';
import type { PrivateKeys } from '../sealing/keys';
import { open, SealingError, type Binding } from '../sealing/seal';
import type { AuthMethod, Connector, ConnectorKey, Sealed } from '../workflows/connector';
import type { Credentials } from '../workflows/input';
import type { CredentialValue, PropertyValues } from '../workflows/ports';
import { problemOf } from '../workflows/problems';
import { attemptEndMs, type ActivityAttempt } from './attempt';
import type { CyclrClient, Target } from './cyclr/client';
import { CyclrError, isOfKind } from './cyclr/errors';
import { authValueOf, fits, withoutPastedSpace } from './credentials';
import { cyclrFailure, cyclrRefused, inputRefused } from './failures';
import { storeFixedValues } from './fixed-values';
import { storeAuthFields } from './auth-fields';
import { PropertyRefused, setProperties } from './properties';
import { reportUnknownKey } from './unknown-keys';

interface Parts {
  cyclr: CyclrClient;
  keys: PrivateKeys;
}

const HEARTBEAT_MS = 5_000;

/**
 * Sets the properties and re-reads the connector. Safe to repeat, because each attempt lists the stored properties
 * first, and overwrites a property that exists already.
 */
export const applyProperties = (
  parts: Parts,
  key: ConnectorKey,
  input: PropertyValues,
  attempt: ActivityAttempt,
): Promise<Connector> =>
  withHeartbeats(attempt, async ({ taken }) => {
    const values = await openValues(parts.keys, key, input);
    const target = { ...key, endsAtMs: attemptEndMs() };
    try {
      return await storeAndReread(parts.cyclr, target, values, taken);
    } catch (err) {
      throw err instanceof CyclrError ? cyclrFailure(err, [...taken]) : err;
    }
  });

async function storeAndReread(
  cyclr: CyclrClient,
  target: Target,
  values: Map<string, string>,
  taken: Set<string>,
): Promise<Connector> {
  await storeFixedValues(cyclr, target);
  await setProperties(cyclr, target, values, taken).catch(async (err: unknown) => {
    if (!(err instanceof PropertyRefused)) throw err;
    // The failure contains the present connector, so that the flow does not ask again for properties that Cyclr has
    // accepted.
    throw cyclrRefused(problemOf('refused', [err.property], err.message), await cyclr.getAccountConnector(target));
  });
  const connector = await cyclr.getAccountConnector(target);
  const isLost = connector.fields.some(({ name, stored }) => values.has(name) && !stored);
  if (isLost) throw new CyclrError('unreadable', 'The re-read connector lacks a property that Cyclr accepted');
  return connector;
}

/**
 * Runs an activity that makes many calls, and sends heartbeats until the activity ends. If the worker dies, the missing
 * heartbeats let Temporal start the next attempt soon, and not after the whole start-to-close timeout. An activity that
 * ends within {@link HEARTBEAT_MS} sends no heartbeat.
 */
async function withHeartbeats<T>(attempt: ActivityAttempt, call: (attempt: ActivityAttempt) => Promise<T>): Promise<T> {
  const timer = setInterval(() => attempt.report(), HEARTBEAT_MS);
  try {
    return await call(attempt);
  } finally {
    clearInterval(timer);
  }
}

/**
 * Opens all values before the first value is sent to Cyclr. So if one value can't be opened, nothing changes in Cyclr.
 */
async function openValues(keys: PrivateKeys, key: ConnectorKey, { values, submissionId, required }: PropertyValues) {
  const opened = new Map<string, string>();
  for (const [name, value] of Object.entries(values)) {
    const binding: Binding = { ...key, purpose: `property:${name}`, submissionId };
    opened.set(name, typeof value === 'string' ? value : await openInput(value, binding, keys, [name]));
  }
  const missing = required.filter((name) => !opened.get(name));
  if (missing.length > 0) throw inputRefused(problemOf('missingProperty', missing));
  return new Map([...opened].filter(([, value]) => value !== ''));
}

/** Stores the credentials. Safe to repeat, because the PUT overwrites the stored value. */
export async function applyCredentials(
  { cyclr, keys }: Parts,
  key: ConnectorKey,
  { method, submissionId = '', credentials: sealed }: CredentialValue,
): Promise<Connector> {
  const binding: Binding = { ...key, purpose: 'credentials', submissionId };
  const credentials = sealed && (await openCredentials(sealed, binding, keys));
  if (!fits(method, credentials)) throw inputRefused(problemOf('wrongKind'));
  const target = { ...key, endsAtMs: attemptEndMs() };
  await storeFixedValues(cyclr, target);
  const authValue =
    credentials?.kind === 'fields' ? await storeAuthFields(cyclr, target, credentials) : authValueOf(credentials);
  const connector = await cyclr.putAuthValue(target, authValue).catch((err: unknown) => {
    if (isOfKind(err, 'unconfirmed')) return rereadAfter(err, cyclr, target, { method, authValue });
    throw err;
  });
  if (!connector.authenticated && isTyped(method))
    throw cyclrRefused(problemOf('refused', [], 'the connector is not authenticated'), { authenticated: false });
  return connector;
}

async function openCredentials(sealed: Sealed, binding: Binding, keys: PrivateKeys): Promise<Credentials> {
  const credentials = withoutPastedSpace(credentialsOf(await openInput(sealed, binding, keys)));
  if (!credentials) throw inputRefused(problemOf('malformed'));
  return credentials;
}

/**
 * True if Cyclr stores the `AuthValue` of this auth method unchanged. For other auth methods, Cyclr can replace the
 * sent value by newer tokens.
 */
const isTyped = (method: AuthMethod): boolean => method === 'apiKey' || method === 'basic';

/**
 * Re-reads the connector once, after a PUT without a readable answer. Returns the connector if Cyclr stores the sent
 * value, or if the connector is authenticated and Cyclr may have replaced the value. In all other cases, fails with the
 * error of the PUT.
 */
async function rereadAfter(
  unconfirmed: CyclrError,
  cyclr: CyclrClient,
  target: Target,
  sent: { method: AuthMethod; authValue: string },
): Promise<Connector> {
  const { connector, authValue: stored } = await cyclr.getAuthorization(target);
  // If Cyclr stores another API key or password than the sent value, the PUT did not reach Cyclr. For example, a proxy
  // answered the PUT with an error page.
  const isOther = stored !== undefined && isTyped(sent.method);
  if (stored === sent.authValue || (connector.authenticated && !isOther)) return connector;
  throw unconfirmed;
}

/**
 * Opens a sealed value. If this worker does not hold the key of the value, counts and logs the missing key, because
 * only an operator can add the key.
 */
async function openInput(sealed: Sealed, binding: Binding, keys: PrivateKeys, names: string[] = []): Promise<string> {
  try {
    return await open(sealed, binding, keys);
  } catch (err) {
    if (!(err instanceof SealingError)) throw err;
    if (err.code !== 'unknownKey') throw inputRefused(problemOf('notOpenable', names));
    reportUnknownKey(err.kid ?? '', binding);
    throw err;
  }
}
