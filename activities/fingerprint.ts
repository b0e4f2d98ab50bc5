import { timingSafeEqual } from 'node:crypto';
import type { OpeningKey, PrivateKeys } from '../sealing/keys';
import type { ConnectorKey } from '../workflows/connector';

/**
 * A keyed hash of the stored `AuthValue`. A fingerprint is safe in a history: without the private key, a reader of the
 * history can't test whether a guessed value has this fingerprint. The hash depends on the account connector, so equal
 * values of two connectors have different fingerprints.
 */
export async function fingerprintOf(value: string, target: ConnectorKey, [first]: PrivateKeys): Promise<string> {
  if (!first) throw new Error('no key');
  return `${first.kid}.${await macOf(value, target, first)}`;
}

/**
 * True if the fingerprint was made from a value other than `value`. If this worker does not hold the key of the
 * fingerprint, no comparison is possible, and the result is false.
 */
export async function hasChanged(
  value: string,
  fingerprint: string,
  target: ConnectorKey,
  keys: PrivateKeys,
): Promise<boolean> {
  const [kid, mac = ''] = fingerprint.split('.');
  const held = keys.find((key) => key.kid === kid);
  return held !== undefined && !equal(mac, await macOf(value, target, held));
}

async function macOf(value: string, { accountId, connectorId }: ConnectorKey, key: OpeningKey): Promise<string> {
  const message = new TextEncoder().encode(JSON.stringify([accountId, connectorId, value]));
  return Buffer.from(await crypto.subtle.sign('HMAC', key.fingerprintKey, message)).toString('base64url');
}

function equal(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
