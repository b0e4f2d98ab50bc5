/** The route of the audit export. Each call needs an API key. */
import { Readable } from 'node:stream';
import { AuditEntry } from '../../client/http/answers';
import * as requests from '../../client/http/requests';
import { openAnswers } from '../callers';
import { codes, named, responsesOf } from '../openapi';
import type { App, Parts } from '../parts';

const NDJSON = 'application/x-ndjson';
/**
 * The highest number of open exports of one API key at each instance of the service. If a caller does not read its
 * export, the export stays open, and holds up to 200 runs in memory.
 */
const MAX_EXPORTS = 5;

const schema = {
  ...named('connectors', 'audit'),
  summary: 'Exports the entries of all runs of an account: a line of JSON for each entry, the oldest run first',
  security: [{ apiKey: [] }],
  params: requests.OfAccount,
  querystring: requests.AuditQuery,
  response: responsesOf({ 200: { description: 'The entries', content: { [NDJSON]: { schema: AuditEntry } } } }, [
    ...codes.caller,
    'malformed',
    'temporalUnavailable',
  ]),
};

export function auditRoute(app: App, { auth }: Parts): void {
  const countOpen = openAnswers(MAX_EXPORTS);
  app.get('/v1/accounts/:accountId/audit', { schema }, async (request, reply) => {
    const { params, query } = request;
    countOpen(request, reply);
    const entries = auth.audit({ ...params, ...query });
    const first = await entries.next(); // if this first read fails, the answer has the status of the error
    return reply.type(NDJSON).send(Readable.from(lines(first, entries), { objectMode: false }));
  });
}

/**
 * The entries as lines. An error ends the connection without the last chunk, so the reader sees that lines are missing.
 */
async function* lines<T>(first: IteratorResult<T>, rest: AsyncGenerator<T>): AsyncGenerator<string> {
  if (first.done) return;
  yield `${JSON.stringify(first.value)}\n`;
  for await (const entry of rest) yield `${JSON.stringify(entry)}\n`;
}
