/** Prometheus metrics of the service, served on a separate port. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Client } from '@temporalio/client';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ServiceConfig } from './config';
import type { Answered, PartMetrics } from './parts';
import { registerTemporalMetrics } from './temporal-metrics';

export interface Metrics extends PartMetrics {
  count(answered: Answered): void;
  /** All metrics in Prometheus' text format. */
  text(): Promise<string>;
}

/**
 * The labels of the metrics are methods, route patterns, statuses and kinds. Each label has a closed list of values, so
 * callers can't add time series. With `temporal`, the metrics include the gauges of Temporal's state.
 */
export function createMetrics(temporal?: { client: Client; taskQueue?: string }): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  if (temporal) registerTemporalMetrics(registry, temporal.client, temporal.taskQueue);
  const answered = new Counter({
    name: 'cyclr_connect_http_requests_total',
    help: 'Answered requests.',
    labelNames: ['route', 'method', 'status'],
    registers,
  });
  const duration = new Histogram({
    name: 'cyclr_connect_http_request_seconds',
    help: 'Durations of requests.',
    labelNames: ['route'],
    registers,
  });
  const streams = new Gauge({ name: 'cyclr_connect_streams', help: 'Open streams of events.', registers });
  const sessions = new Counter({
    name: 'cyclr_connect_sessions_total',
    help: 'Sessions and invitations made for a backend.',
    labelNames: ['kind'],
    registers,
  });
  return {
    count({ method, route, status, durationMs }) {
      answered.inc({ route, method, status: String(status) });
      duration.observe({ route }, durationMs / 1000);
    },
    streams,
    countSession: (kind) => sessions.inc({ kind }),
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
