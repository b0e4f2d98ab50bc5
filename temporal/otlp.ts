/** The standard environment variables of OpenTelemetry for the export of metrics and traces (https://opentelemetry.io/docs/specs/otel/protocol/exporter/). */
import { z } from 'zod';

const endpoint = z.url({ protocol: /^https?$/, error: 'is no URL such as http://127.0.0.1:4318' });

/** `name=value` pairs, comma-separated; each value is URL-encoded. */
const headers = z
  .string()
  .refine(
    (text) => text.split(',').every((pair) => /^[\w.-]+=[^\s]*$/.test(pair.trim())),
    'is no list such as api-key=secret',
  )
  .transform((text) => Object.fromEntries(text.split(',').map((pair) => headerOf(pair.trim()))));

function headerOf(pair: string): [string, string] {
  const [name = '', ...rest] = pair.split('=');
  const value = rest.join('=');
  try {
    return [name, decodeURIComponent(value)];
  } catch {
    return [name, value];
  }
}

const samplers = [
  ...(['always_on', 'always_off', 'traceidratio'] as const),
  ...(['parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'] as const),
] as const;

const DEFAULT_SAMPLER = 'parentbased_traceidratio';
/**
 * The share of the traces that are exported by default. With all traces, a flow needs about 10 % more CPU
 * (docs/operating.md).
 */
const DEFAULT_RATIO = 0.1;

/** The environment variables for the traces of worker and service. */
export const tracesEnvironment = {
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint.optional().meta({
    description:
      'Address of an OpenTelemetry collector. It gets the traces of worker and service, and the metrics of a worker ' +
      'without METRICS_PORT.',
    example: 'http://127.0.0.1:4318',
  }),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint.optional().meta({
    description:
      'Complete URL for traces, in place of OTEL_EXPORTER_OTLP_ENDPOINT. The processes send traces as JSON over ' +
      'HTTP, even if OTEL_EXPORTER_OTLP_PROTOCOL is grpc. With grpc, traces need this variable.',
    example: 'http://127.0.0.1:4318/v1/traces',
  }),
  OTEL_TRACES_EXPORTER: z.enum(['otlp', 'none'], 'is neither otlp nor none').optional().meta({
    description: '`none` switches the traces off.',
    example: 'none',
    default: 'otlp',
  }),
  OTEL_SDK_DISABLED: z.enum(['true', 'false'], 'is neither true nor false').optional().meta({
    description: '`true` switches the traces off.',
    example: 'true',
    default: 'false',
  }),
  OTEL_TRACES_SAMPLER: z
    .enum(samplers, `is none of ${samplers.join(', ')}`)
    .optional()
    .meta({
      description:
        'Sampler of the traces: always_on, always_off, traceidratio, or one of these with the prefix `parentbased_`. With the ' +
        'prefix, the process follows the decision of a backend in its `traceparent`.',
      example: 'parentbased_always_on',
      default: DEFAULT_SAMPLER,
    }),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0(\.\d+)?|1(\.0+)?)$/, 'is no number from 0 to 1')
    .optional()
    .meta({
      description: 'Share of the traces that are exported, for the samplers with traceidratio: 0 to 1.',
      example: '0.05',
      default: `${DEFAULT_RATIO}`,
    }),
  OTEL_SERVICE_NAME: z.string().max(100, 'is over 100 characters').optional().meta({
    description: 'Name of the process in traces.',
    example: 'cyclr-connect-worker-eu',
    default: 'cyclr-connect-worker or cyclr-connect-service',
  }),
  OTEL_EXPORTER_OTLP_PROTOCOL: z
    .enum(['http/protobuf', 'grpc'], 'is neither http/protobuf nor grpc')
    .prefault('http/protobuf')
    .meta({ description: 'Protocol of the export of metrics: http/protobuf or grpc.', example: 'grpc' }),
  OTEL_EXPORTER_OTLP_HEADERS: headers.optional().meta({
    description: 'Headers of the export: `name=value`, comma-separated, each value URL-encoded.',
    example: 'api-key=…',
    secret: true,
    file: true,
  }),
};

/** The environment variables for traces, and for the metrics of the worker. */
export const otlpEnvironment = {
  ...tracesEnvironment,
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: endpoint.optional().meta({
    description: 'Complete URL for metrics, in place of OTEL_EXPORTER_OTLP_ENDPOINT.',
    example: 'http://127.0.0.1:4318/v1/metrics',
  }),
  OTEL_METRIC_EXPORT_INTERVAL: z
    .string()
    .regex(/^[1-9]\d{2,7}$/, 'is no number of milliseconds from 100 on')
    .prefault('60000')
    .transform(Number)
    .meta({ description: 'Milliseconds between two exports of the metrics.', example: '15000' }),
};

/** The settings for the export of metrics to a collector. */
export interface OtlpMetrics {
  /** The URL that gets the metrics. */
  url: string;
  /** True for OTLP over HTTP with protobuf, false for OTLP over gRPC. */
  http: boolean;
  headers?: { [name: string]: string };
  intervalMs: number;
}

/** The settings for the export of traces to a collector by JSON over HTTP. */
export interface OtlpTraces {
  /** The URL that gets the traces. */
  url: string;
  headers?: { [name: string]: string };
  /** The name of the process in the traces. */
  serviceName: string;
  /** The sampler traceidratio. Absent for other samplers, which the SDK reads from OTEL_TRACES_SAMPLER. */
  sampler?: {
    /** The share of the traces that are exported. */
    ratio: number;
    /** True if the `traceparent` of a backend's request decides, in place of `ratio`, whether a trace is exported. */
    parentBased: boolean;
  };
}

const pathIn = (base: string, path: string): string => `${base.replace(/\/+$/, '')}${path}`;

/**
 * The settings for the export of traces. `undefined` if a variable switches the traces off, or if no variable names a
 * collector of traces. With the protocol grpc, only OTEL_EXPORTER_OTLP_TRACES_ENDPOINT can name this collector.
 */
export function otlpTracesOf(
  given: z.output<z.ZodObject<typeof tracesEnvironment>>,
  defaultName: string,
): OtlpTraces | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: complete, ...variables } = given;
  const isOff = variables.OTEL_TRACES_EXPORTER === 'none' || variables.OTEL_SDK_DISABLED === 'true';
  const isHttp = variables.OTEL_EXPORTER_OTLP_PROTOCOL === 'http/protobuf';
  const url = complete ?? (base !== undefined && isHttp ? pathIn(base, '/v1/traces') : undefined);
  if (isOff || url === undefined) return undefined;
  const { OTEL_EXPORTER_OTLP_HEADERS: headers, OTEL_SERVICE_NAME: serviceName = defaultName } = variables;
  const { OTEL_TRACES_SAMPLER: sampler = DEFAULT_SAMPLER, OTEL_TRACES_SAMPLER_ARG: ratio = DEFAULT_RATIO } = variables;
  const byRatio = sampler.endsWith('traceidratio') && {
    sampler: { ratio: Number(ratio), parentBased: sampler.startsWith('parentbased') },
  };
  return { url, serviceName, ...(headers && { headers }), ...byRatio };
}

/** The settings for the export of metrics. `undefined` if no variable names a collector. */
export function otlpMetricsOf(given: z.output<z.ZodObject<typeof otlpEnvironment>>): OtlpMetrics | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: complete } = given;
  const http = given.OTEL_EXPORTER_OTLP_PROTOCOL === 'http/protobuf';
  const url = complete ?? (base !== undefined && http ? pathIn(base, '/v1/metrics') : base);
  if (url === undefined) return undefined;
  const { OTEL_EXPORTER_OTLP_HEADERS: headers, OTEL_METRIC_EXPORT_INTERVAL: intervalMs } = given;
  return { url, http, intervalMs, ...(headers && { headers }) };
}
