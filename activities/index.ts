/** The ports, made of the Cyclr client and the keys: the only place that opens a sealed value. */
import { activityInfo, log, metricMeter } from '@temporalio/activity';
import { credentialsOf } from '../sealing/credentials';
import { type Binding, open, SealingError } from '../sealing/seal';
import type { PrivateKeys } from '../sealing/keys';
import type { Connector, ConnectorKey, Sealed } from '../workflows/connector';
import type { ConnectorActivities, CredentialValue, PropertyValues } from '../workflows/ports';
import { problemOf } from '../workflows/problems';
import type { CyclrClient, Target } from './cyclr/client';
import { CyclrError } from './cyclr/errors';
import type { StoredProperty } from './cyclr/wire';
import { authValueOf, fits } from './credentials';
import { cyclrFailure, cyclrRefused, inputRefused, mapped } from './failures';
import { withHeartbeats } from './heartbeat';
import { mintLink, readAuthorization, type ConsentPages } from './links';

interface Parts {
  cyclr: CyclrClient;
  keys: PrivateKeys;
  consent: ConsentPages;
}

/** Every call that the workflow needs made. How each can fail stands in `workflows/ports.ts`. */
export function createActivities(parts: Parts): ConnectorActivities {
  return {
    fetchConnector: (key) => mapped(() => parts.cyclr.getAccountConnector(key)),
    applyProperties: (key, input) => mapped(() => withHeartbeats((taken) => applyProperties(parts, key, input, taken))),
    applyCredentials: (key, input) => mapped(() => applyCredentials(parts, key, input)),
    mintLink: (key, request) => mapped(() => mintLink(parts, key, request)),
    readAuthorization: (key, since) => mapped(() => readAuthorization(parts, key, since)),
  };
}

/** `taken` are the names of those that Cyclr took: it is added to. */
async function applyProperties(
  { cyclr, keys }: Parts,
  key: ConnectorKey,
  input: PropertyValues,
  taken: Set<string>,
): Promise<Connector> {
  const given = await openValues(keys, key, input);
  const target = { ...key, endsAtMs: beforeTemporalGivesUp() };
  try {
    await setProperties(cyclr, target, given, taken);
    const connector = await cyclr.getAccountConnector(target);
    const lost = connector.fields.some(({ name, stored }) => given.has(name) && !stored);
    if (lost) throw new CyclrError('unreadable', 'A property that Cyclr took is not there when read again');
    return connector;
  } catch (err) {
    throw err instanceof CyclrError ? cyclrFailure(err, [...taken]) : err;
  }
}

async function setProperties(cyclr: CyclrClient, target: Target, given: Map<string, string>, taken: Set<string>) {
  const stored = await cyclr.listProperties(target);
  for (const [name, value] of given) {
    await setProperty(cyclr, target, stored, name, value).catch(async (err: unknown) => {
      if (!(err instanceof CyclrError && err.kind === 'refused')) throw err;
      // What was taken before is not asked for again: it stands in the connector as it is now.
      throw cyclrRefused(problemOf('refused', [name], err.message), await cyclr.getAccountConnector(target));
    });
    taken.add(name);
  }
}

/** When an attempt of many calls ends by itself: nothing of it may still be sent while the next one runs. */
const beforeTemporalGivesUp = (): number => performance.now() + activityInfo().startToCloseTimeoutMs * 0.75;

/** The values to set, all opened before the first of them is sent: they are taken whole or not at all. */
async function openValues(keys: PrivateKeys, key: ConnectorKey, { values, submissionId, required }: PropertyValues) {
  const opened = new Map<string, string>();
  for (const [name, value] of Object.entries(values)) {
    const binding: Binding = { ...key, purpose: `property:${name}`, submissionId };
    opened.set(name, typeof value === 'string' ? value : await openCounted(value, binding, keys, [name]));
  }
  const missing = required.filter((name) => !opened.get(name));
  if (missing.length > 0) throw inputRefused(problemOf('missingProperty', missing));
  return new Map([...opened].filter(([, value]) => value !== ''));
}

/** Overwrites the property, each of them where Cyclr has it twice; one that is right already is left alone. */
async function setProperty(
  cyclr: CyclrClient,
  target: Target,
  stored: StoredProperty[],
  name: string,
  value: string,
): Promise<void> {
  const existing = stored.filter(({ Name }) => Name === name);
  if (existing.length === 0) return cyclr.postProperty(target, name, value);
  for (const property of existing) if (property.Value !== value) await cyclr.putProperty(target, property, value);
}

async function applyCredentials(
  { cyclr, keys }: Parts,
  key: ConnectorKey,
  { method, submissionId = '', credentials: sealed }: CredentialValue,
): Promise<Connector> {
  const binding: Binding = { ...key, purpose: 'credentials', submissionId };
  const credentials = sealed && credentialsOf(await openCounted(sealed, binding, keys));
  if (!fits(method, credentials)) throw inputRefused(problemOf('wrongKind'));
  const connector = await cyclr.putAuthValue(key, authValueOf(credentials));
  const saysNo = !connector.authenticated && (method === 'apiKey' || method === 'basic');
  if (saysNo) throw cyclrRefused(problemOf('refused', [], 'not authenticated with it'));
  return connector;
}

const unknownKeys = () =>
  metricMeter.createCounter('connector_auth_unknown_sealing_keys', '1', 'Values sealed to a key that no worker holds');

/** Opens a sealed value. A key that nobody holds is an operator's matter: counted, and loud in the log. */
async function openCounted(sealed: Sealed, binding: Binding, keys: PrivateKeys, names: string[] = []): Promise<string> {
  try {
    return await open(sealed, binding, keys);
  } catch (err) {
    if (!(err instanceof SealingError)) throw err;
    if (err.code !== 'unknownKey') throw inputRefused(problemOf('notOpenable', names));
    unknownKeys().add(1);
    log.error('A value is sealed to a key that this worker does not hold', { purpose: binding.purpose });
    throw err;
  }
}
