import { randomUUID } from 'node:crypto';
import { isLoopback } from './browser';
import { badRequest } from './refusal';
import type { Cycle } from './state';

/** The text of Cyclr for a call whose credentials the third party has refused. */
const MESSAGE = 'Failed to authenticate the connector';
const ANSWER_WITHIN_MS = 10_000;

/**
 * Sends the message of Cyclr's Transaction Error Webhook about a call of the cycle. Returns the status of the answer.
 * Fails: a Refusal (400) if `url` is not on this machine, or does not answer.
 */
export async function sendTransactionError(
  { accountId, cycle }: { accountId: string; cycle: Cycle },
  { url, message = MESSAGE }: { url: string; message?: string },
): Promise<{ status: number }> {
  if (!isLoopback(url)) throw badRequest('The url is not on this machine.');
  const request = fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(bodyOf(accountId, cycle, message)),
    redirect: 'manual',
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  const { status } = await request.catch(() => {
    throw badRequest('The url does not answer.');
  });
  return { status };
}

const bodyOf = (accountId: string, { id }: Cycle, message: string): object => ({
  Timestamp: new Date().toISOString(),
  AccountId: accountId,
  AccountExternalId: null,
  AccountName: accountId,
  CycleId: id,
  CycleName: `Cycle ${id.slice(0, 8)}`,
  StepId: randomUUID(),
  StepName: 'Get current user',
  StepType: 'Action',
  TransactionId: randomUUID(),
  Message: message,
  Detail: '401 Unauthorized',
  IncidentLevel: 'Error',
});
