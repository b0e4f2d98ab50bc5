/** Repeating a call without doing it twice, and without keeping anything. */
import { createHash, randomUUID } from 'node:crypto';
import type { ConnectorKey } from '../../workflows/connector';

interface Call {
  /** Which key, or which session, calls. */
  caller: string;
  what: 'properties' | 'credentials';
  key: ConnectorKey;
  headers: { 'idempotency-key'?: string };
  /** An id in the body counts for more than a header. */
  body: { submissionId?: string };
}

/** The submission's id: given, or made of who calls what with which `Idempotency-Key`, or a fresh one. */
export function submissionIdOf({ caller, what, key, headers, body }: Call): string {
  if (body.submissionId !== undefined) return body.submissionId;
  const idempotencyKey = headers['idempotency-key'];
  if (idempotencyKey === undefined) return randomUUID();
  const { accountId, connectorId } = key;
  const call = JSON.stringify([caller, what, accountId, connectorId, idempotencyKey]);
  return createHash('sha256').update(call).digest('base64url');
}
