/** Repeating a call without doing it twice, and without keeping anything. */
import { createHash, randomUUID } from 'node:crypto';
import type { ConnectorKey } from '../workflows/connector';

interface Call {
  /** Which key, or which session, calls. */
  caller: string;
  what: 'start' | 'reauthenticate' | 'properties' | 'credentials';
  key: ConnectorKey;
  headers: { 'idempotency-key'?: string };
}

/** Of who calls what with which `Idempotency-Key`, so that one key can't stand for two calls; nothing without one. */
export function idempotencyKeyOf({ caller, what, key, headers }: Call): string | undefined {
  const idempotencyKey = headers['idempotency-key'];
  if (idempotencyKey === undefined) return undefined;
  const { accountId, connectorId } = key;
  const call = JSON.stringify([caller, what, accountId, connectorId, idempotencyKey]);
  return createHash('sha256').update(call).digest('base64url');
}

/** The submission's id: given in the body, or that of the key, or a fresh one. */
export const submissionIdOf = ({ body, ...call }: Call & { body: { submissionId?: string } }): string =>
  body.submissionId ?? idempotencyKeyOf(call) ?? randomUUID();
