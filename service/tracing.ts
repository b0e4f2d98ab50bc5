/** The spans of the service: one for each request. Loaded only if traces are exported. */
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { contextOf, withSpan } from '../temporal/tracing';
import { answeredOf } from './log';
import type { App } from './parts';

/**
 * Adds a hook that runs each request in a span, whose parent is the span of the caller if the caller sends the header
 * `traceparent`. The span shows the pattern of the route, not the URL.
 */
export function traceRequests(app: App): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { method, route } = answeredOf(request, reply);
    const attributes = { 'http.request.method': method, 'http.route': route };
    const parent = contextOf(request.headers.traceparent);
    withSpan(`${method} ${route}`, { kind: SpanKind.SERVER, attributes, parent }, (span) => {
      reply.raw.once('close', () => {
        span.setAttribute('http.response.status_code', reply.statusCode);
        if (reply.statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      });
      done();
    });
  });
}
