/**
 * Cyclr's transaction-error webhook. The path has a secret, because Cyclr signs nothing. The body is not trusted: the
 * service takes from the body only the ids of account, cycle and transaction, and the time. After a message, a worker
 * reads the connectors of the cycle from Cyclr.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { isAccountId, jsonOf } from '../../workflows/connector';
import { AUTHENTICATION_FAILED } from '../../workflows/transaction-errors';
import type { App, Parts } from '../parts';
import { answerError } from '../problem-answers';
import { ServiceError, serviceErrorOf } from '../problems';

const PATH = '/v1/cyclr/transaction-errors/:secret';

const id = z.string().refine(isAccountId);
/**
 * The members of the body that the service reads. An account has two ids in Cyclr, and the operator decides which of
 * the two ids this project uses. So the service reports each message for both ids.
 */
const Body = z.object({
  Message: z.string().max(500),
  CycleId: id,
  AccountId: id.nullish().catch(undefined),
  AccountExternalId: id.nullish().catch(undefined),
  TransactionId: z.string().max(200).nullish().catch(undefined),
  Timestamp: z.string().max(200).nullish().catch(undefined),
});

export function cyclrRoutes(app: App, { auth, config: { cyclrWebhookSecret } }: Parts): void {
  // This hook checks the secret before the service reads the body, so that a caller without the secret learns nothing.
  app.addHook('onRequest', async (request) => {
    if (!isSecret(secretOf(request), cyclrWebhookSecret)) throw new ServiceError('notFound');
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  // The service answers 204 even if the body is too large, and even while Temporal does not answer. For any other
  // status, Cyclr's documentation does not say what Cyclr does: Cyclr could repeat the message, or switch the webhook
  // off.
  app.setErrorHandler((err: Error, request, reply) => {
    const { kind } = serviceErrorOf(err);
    if (kind === 'notFound') return answerError(err, request, reply);
    [request.failure, request.lost] = [err, kind];
    return reply.code(204).send();
  });
  app.post(PATH, { schema: { hide: true } }, async ({ body }, reply) => {
    const { data } = Body.safeParse(jsonOf(String(body)));
    if (data && isAboutAuthentication(data.Message)) await report(auth, data);
    return reply.code(204).send();
  });
}

const secretOf = ({ params }: FastifyRequest): string => String((params as { secret?: unknown }).secret ?? '');

/** Compares the digests of both texts, so that the duration of the comparison tells nothing about the secret. */
function isSecret(given: string, secret: string | undefined): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(secret ?? '')) && secret !== undefined;
}

const isAboutAuthentication = (message: string): boolean =>
  message.toLowerCase().includes(AUTHENTICATION_FAILED.toLowerCase());

async function report(auth: Parts['auth'], data: z.output<typeof Body>): Promise<void> {
  const ids = [data.AccountId, data.AccountExternalId].filter((one) => typeof one === 'string');
  for (const accountId of new Set(ids))
    await auth.reportTransactionError({
      accountId,
      cycleId: data.CycleId,
      ...(data.TransactionId && { transactionId: data.TransactionId }),
      ...(data.Timestamp && { at: data.Timestamp }),
    });
}
