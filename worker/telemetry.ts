/** The runtime of the SDK in the worker's process: its log, and the exporter of its metrics. */
import { Runtime, type Logger, type MetricsExporterConfig } from '@temporalio/worker';
import type { OtlpMetrics } from '../temporal/otlp';

/**
 * The exporter of the metrics: an address at which Prometheus scrapes the metrics, or an OpenTelemetry collector to
 * which the SDK sends the metrics.
 */
export type MetricsExport = { host: string; port: number } | OtlpMetrics;

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The upper bounds of the histograms' buckets, in seconds. A flow can wait 90 days for its user. */
const buckets = {
  cyclr_connect_state_seconds: [0.1, 1, 10, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY, 30 * DAY, 90 * DAY], // prettier-ignore
  cyclr_connect_cyclr_request_seconds: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15],
};

/**
 * Installs the SDK's runtime with this logger. The logger also gets the log lines of the SDK's native core. By default,
 * the core prints its lines itself, as coloured text. The SDK's own signal hook is off, because this hook ends the
 * process at a second signal. Fails if another program listens at the address for Prometheus.
 */
export function installRuntime(logger: Logger, metrics?: MetricsExport): void {
  const logging = { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } as const;
  const telemetryOptions = { logging, ...(metrics && { metrics: exporterOf(metrics) }) };
  Runtime.install({ logger, shutdownSignals: [], telemetryOptions });
}

/** The exporter of the SDK's runtime, with the buckets of this package's histograms. */
export function exporterOf(metrics: MetricsExport): MetricsExporterConfig {
  const shared = { histogramBucketOverrides: buckets };
  if ('port' in metrics) return { prometheus: { ...shared, bindAddress: bindAddressOf(metrics) } };
  const { intervalMs, ...otlp } = metrics;
  return { otel: { ...shared, ...otlp, metricsExportInterval: intervalMs } };
}

const bindAddressOf = ({ host, port }: { host: string; port: number }): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
