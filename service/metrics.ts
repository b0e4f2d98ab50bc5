/** Prometheus metrics of the service, served on a separate port. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import type { ServiceConfig } from './config';
import type { Answered } from './parts';

export interface Metrics {
  count(answered: Answered): void;
  /** All metrics in Prometheus' text format. */
  text(): Promise<string>;
}

/** Labels are methods, route patterns and statuses: closed lists, so that callers can't add series. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const shared = { labelNames: ['method', 'route', 'status'] as const, registers: [registry] };
  const answered = new Counter({ name: 'http_requests_total', help: 'Answered requests.', ...shared });
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Duration of requests.',
    ...shared,
  });
  return {
    count({ method, route, status, durationMs }) {
      const labels = { method, route, status: String(status) };
      answered.inc(labels);
      duration.observe(labels, durationMs / 1000);
    },
    text: () => registry.metrics(),
  };
}

/** Serves `GET /metrics` if `metricsPort` is set. Port 0 means any free port. Fails if the port is taken. */
export async function serveMetrics(
  metrics: Metrics,
  { metricsPort, host }: Pick<ServiceConfig, 'metricsPort' | 'host'>,
): Promise<Server | undefined> {
  if (metricsPort === undefined) return undefined;
  const server = createServer(async ({ url }, response) => {
    if (url !== '/metrics') return void response.writeHead(404).end();
    response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }).end(await metrics.text());
  });
  await once(server.listen(metricsPort, host), 'listening');
  return server;
}
