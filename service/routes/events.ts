/** The event stream of a session. The stream sends each new view of the session's connectors to the page. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { onceClosed, openAnswers, readConnectors, requireToken, sessionOf } from '../callers';
import { codes, named, responsesOf } from '../openapi';
import type { App, Parts } from '../parts';
import { createEventHub, textOf, type ServerSentEvent } from '../streams/event-stream';
import { onboardingStream } from '../streams/onboarding-stream';
import type { Session } from '../tokens';

/**
 * The highest number of open streams of one session at each instance of the service. One session can have several
 * streams: the user can open the session in several tabs, and the service can notice a closed connection late.
 */
const MAX_STREAMS = 20;
const MAX_EVENT_ID = 200;

/** The schema of one event. OpenAPI 3.1 can't describe a stream of events. */
const Event = z
  .object({
    event: z.enum(['view', 'final']).optional(),
    id: z.string().optional().meta({ description: 'For a view: `{runId}.{revision}`.' }),
    data: z.string().optional().meta({ contentMediaType: 'application/json' }),
    retry: z.int().optional().meta({ description: 'Milliseconds to wait before the reader reconnects.' }),
  })
  .meta({
    description:
      'One of the server-sent events. `view`: a View as JSON. The current view of each connector comes first, except ' +
      'the view with the id in `Last-Event-ID`. `final`: all flows are final, and the stream ends. The stream also ' +
      'ends when the session ends. Comments keep the connection open.',
  });

const schema = {
  ...named('session', 'streamViews'),
  summary: 'Streams the views of the connectors of the session',
  security: [{ session: [] }],
  response: responsesOf(
    { 200: { description: 'The stream', content: { 'text/event-stream': { schema: Event } } } },
    codes.session,
  ),
};

export function eventRoute(app: App, parts: Parts): void {
  const hub = createEventHub(parts.auth);
  const countOpen = openAnswers(MAX_STREAMS);
  app.addHook('preClose', async () => hub.close());
  requireToken(app, parts, 'session');
  readConnectors(app, parts);
  app.get('/events', { schema }, async (request, reply) => {
    const session = sessionOf(request);
    countOpen(request, reply);
    countStream(parts, reply);
    const keys = session.connectorIds.map((connectorId) => ({ accountId: session.accountId, connectorId }));
    const lastEventId = `${request.headers['last-event-id'] ?? ''}`.slice(0, MAX_EVENT_ID);
    const eventsUntil = (signal: AbortSignal) => hub.stream(keys, { lastEventId, signal });
    const stops = { signal: untilExpiry(session, reply), isClosing: () => hub.isClosed };
    const events = withOnboarding(parts, session, eventsUntil, stops);
    return reply
      .type('text/event-stream')
      .header('X-Accel-Buffering', 'no') // without this header, nginx delays events until its buffer is full
      .send(Readable.from(texts(events), { objectMode: false }));
  });
}

/**
 * The events of a session. The stream of an onboarding's session also ends when the onboarding gets another connector.
 */
function withOnboarding(
  { onboarded }: Parts,
  { accountId, onboardingId, connectorIds, without = [] }: Session,
  events: (signal: AbortSignal) => AsyncIterable<ServerSentEvent>,
  stops: { signal: AbortSignal; isClosing: () => boolean },
): AsyncIterable<ServerSentEvent> {
  if (onboardingId === undefined) return events(stops.signal);
  const progress = () => onboarded.progress({ accountId, onboardingId });
  return onboardingStream({ events, progress, known: [...connectorIds, ...without], ...stops });
}

function countStream({ metrics: { streams } }: Parts, reply: FastifyReply): void {
  streams.inc();
  onceClosed(reply, () => streams.dec());
}

/** A signal that aborts when the session expires or the connection closes. */
function untilExpiry({ expiresAtMs }: Session, reply: FastifyReply): AbortSignal {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), Math.max(0, expiresAtMs - Date.now()));
  onceClosed(reply, () => {
    clearTimeout(timer);
    abort.abort();
  });
  return abort.signal;
}

/**
 * The events as text. The first text is a comment, because Fastify 5 sends the headers of a stream only with its first
 * chunk.
 */
async function* texts(events: AsyncIterable<ServerSentEvent>): AsyncGenerator<string> {
  yield textOf({ comment: 'open' });
  for await (const event of events) yield textOf(event);
}
