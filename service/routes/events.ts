/** The event stream of a session: its page is told what happens, and asks nothing. */
import { Readable } from 'node:stream';
import { z } from 'zod';
import { forBrowsers, sessionOf } from '../callers';
import { createEventHub, textOf, type ServerSentEvent } from '../streams/events';
import { codes, described } from '../openapi';
import type { App, Parts } from '../parts';
import { ServiceError } from '../problems';

/** How many streams one session may have open at each instance: tabs, and some that nobody has closed yet. */
const MAX_STREAMS = 20;
const MAX_EVENT_ID = 200;

/** One event: OpenAPI 3.1 has no words for a stream of them. */
const Event = z
  .object({
    event: z.enum(['view', 'final']).optional(),
    id: z.string().optional().meta({ description: 'Of a view: `{runId}.{revision}`.' }),
    data: z.string().optional().meta({ contentMediaType: 'application/json' }),
    retry: z.int().optional().meta({ description: 'After how many milliseconds to come again.' }),
  })
  .meta({
    description:
      'Each of the server-sent events. `view`: a View as JSON; the present one of every connector first, except the one ' +
      'whose id is sent as `Last-Event-ID`. `final`: all are final, and the stream ends. Ends with the session, too. ' +
      'Comments keep it alive.',
  });

export function eventRoute(app: App, parts: Parts): void {
  const hub = createEventHub(parts.auth);
  const open = new Map<string, number>();
  app.addHook('preClose', async () => hub.close()); // readers are told to come again
  forBrowsers(app, parts, 'session');
  app.get(
    '/events',
    {
      schema: {
        summary: 'What happens to its connectors, as it happens',
        security: [{ session: [] }],
        response: described(
          { 200: { description: 'The stream', content: { 'text/event-stream': { schema: Event } } } },
          [...codes.session],
        ),
      },
    },
    async (request, reply) => {
      const { id, accountId, connectorIds, expiresAtMs } = sessionOf(request);
      const streams = open.get(id) ?? 0;
      if (streams >= MAX_STREAMS) throw new ServiceError('rateLimited');
      open.set(id, streams + 1);
      const over = new AbortController();
      const timer = setTimeout(() => over.abort(), expiresAtMs - Date.now());
      reply.raw.once('close', () => {
        clearTimeout(timer);
        over.abort();
        const left = (open.get(id) ?? 1) - 1;
        if (left > 0) open.set(id, left);
        else open.delete(id);
      });
      const keys = connectorIds.map((connectorId) => ({ accountId, connectorId }));
      const lastEventId = `${request.headers['last-event-id'] ?? ''}`.slice(0, MAX_EVENT_ID);
      const events = hub.stream(keys, { lastEventId, signal: over.signal });
      // A proxy that collects an answer before it passes it on would hold back what happens.
      return reply
        .type('text/event-stream')
        .header('X-Accel-Buffering', 'no')
        .send(Readable.from(texts(events), { objectMode: false }));
    },
  );
}

/** Begins at once: who is told nothing new would not even hear that the stream is open before the first heartbeat. */
async function* texts(events: AsyncIterable<ServerSentEvent>): AsyncGenerator<string> {
  yield textOf({ comment: 'open' });
  for await (const event of events) yield textOf(event);
}
