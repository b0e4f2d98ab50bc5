/** The spans of the service: one for each request. Loaded only if traces are exported. */
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { contextOf, NO_PARENT, withSpan } from '../temporal/tracing';
import { bearerOf } from './callers';
import { answeredOf, isProbe } from './log';
import type { App, Parts } from './parts';

/**
 * Adds a hook that runs each request in a span, except for health checks. The header `traceparent` of a caller with an
 * API key names the parent of the span. For any other caller, the span begins a new trace, with a link to the caller's
 * span. So a browser can't choose which traces the sampler exports, and can't add spans to the traces of other
 * programs. The span shows the pattern of the route, not the URL.
 */
export function traceRequests(app: App, { apiKeys }: Pick<Parts, 'apiKeys'>): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { method, route } = answeredOf(request, reply);
    if (isProbe(route)) return done();
    const attributes = { 'http.request.method': method, 'http.route': route };
    const caller = contextOf(request.headers.traceparent);
    const isBackend = caller !== NO_PARENT && apiKeys.find(bearerOf(request)) !== undefined;
    const linked = isBackend ? undefined : trace.getSpanContext(caller);
    const options = {
      ...{ kind: SpanKind.SERVER, attributes, parent: isBackend ? caller : NO_PARENT },
      links: linked && [{ context: linked }],
    };
    withSpan(`${method} ${route}`, options, (span) => {
      reply.raw.once('close', () => {
        const { status } = answeredOf(request, reply);
        span.setAttribute('http.response.status_code', status);
        if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      });
      done();
    });
  });
}
