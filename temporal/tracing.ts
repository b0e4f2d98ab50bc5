/**
 * Traces of worker and service by OpenTelemetry. A process loads this file only if it exports traces. Each value of an
 * attribute is one of a fixed list, such as the pattern of a route. No attribute has an id, a URL, or the message of an
 * error.
 */
import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type Link,
  type Span,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  RandomIdGenerator,
  TraceIdRatioBasedSampler,
  type IdGenerator,
  type Sampler,
} from '@opentelemetry/sdk-trace-base';
import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowClientInterceptor } from '@temporalio/client';
import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import { isObject } from '../workflows/connector';
import { TRACE_HEADER, type MessageSpan } from '../workflows/tracing';
import type { OtlpTraces } from './otlp';

/**
 * The time limit of the last export, so that a collector that does not answer does not delay the end of the process.
 */
const LAST_EXPORT_MS = 2_000;

/**
 * Makes random ids for spans and traces. If `given` is set, the next span gets the id `given` instead of a random id.
 */
class Ids implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  given?: string;

  generateTraceId = (): string => this.#random.generateTraceId();

  generateSpanId = (): string => {
    const id = this.given ?? this.#random.generateSpanId();
    this.given = undefined;
    return id;
  };
}

const ids = new Ids();
const tracer = () => trace.getTracer('cyclr-connect');

/**
 * Starts the export. Returns a function that sends the last spans and ends the export. Call that function before the
 * process ends.
 */
export function startTracing({ url, headers, serviceName, sampler }: OtlpTraces): () => Promise<void> {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName }),
    ...(sampler && { sampler: samplerOf(sampler) }),
    idGenerator: ids,
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url, headers }))],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  // The spans are lost if the collector does not answer.
  const sent = () => provider.shutdown().catch(() => undefined);
  return () => Promise.race([sent(), delay(LAST_EXPORT_MS)]);
}

function samplerOf({ ratio, parentBased }: NonNullable<OtlpTraces['sampler']>): Sampler {
  const root = new TraceIdRatioBasedSampler(ratio);
  return parentBased ? new ParentBasedSampler({ root }) : root;
}

/** The context of a span that begins a trace. */
export const NO_PARENT = ROOT_CONTEXT;

/**
 * The trace context that a caller has sent as `traceparent`; {@link NO_PARENT} if `traceparent` is malformed or absent.
 * The header `tracestate` is dropped, because it can contain any text.
 */
export const contextOf = (traceparent: unknown): Context =>
  typeof traceparent === 'string' ? propagation.extract(NO_PARENT, { traceparent }) : NO_PARENT;

interface SpanOptions {
  kind: SpanKind;
  attributes?: Attributes;
  links?: Link[];
  /** The context of the parent span. By default, the active span is the parent. */
  parent?: Context;
}

/** Starts a span, and runs `call` with it as the active span. The caller ends the span. */
export function withSpan<T>(name: string, options: SpanOptions, call: (span: Span) => T): T {
  const { parent = context.active(), ...rest } = options;
  const span = tracer().startSpan(name, rest, parent);
  return context.with(trace.setSpan(parent, span), () => call(span));
}

/** Runs `call` in a span, and ends the span. An error sets the status of the span, without the text of the error. */
export const inSpan = <T>(name: string, options: SpanOptions, call: () => Promise<T>): Promise<T> =>
  withSpan(name, options, async (span) => {
    try {
      return await call();
    } catch (err) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw err;
    } finally {
      span.end();
    }
  });

/** Adds a span that began `seconds` ago, and ends now. */
export function addSpan(
  name: string,
  { seconds, isError, ...options }: SpanOptions & { seconds: number; isError: boolean },
): void {
  const endTime = Date.now();
  const startTime = endTime - seconds * 1000;
  const span = tracer().startSpan(name, { ...options, startTime }, options.parent ?? context.active());
  if (isError) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end(endTime);
}

/** Adds the span of a message that a workflow has handled. */
export function addMessageSpan({ name, parent, spanId, startMs, endMs }: MessageSpan): void {
  ids.given = spanId;
  tracer().startSpan(name, { kind: SpanKind.INTERNAL, startTime: startMs }, contextOf(parent)).end(endMs);
  ids.given = undefined; // if the SDK has not used the id, the next span must not get this id
}

/** The trace context that the headers of a Temporal message carry. */
export function contextIn(headers: Headers): Context {
  const header = headers[TRACE_HEADER];
  const carrier = header && defaultPayloadConverter.fromPayload<unknown>(header);
  return contextOf(isObject(carrier) ? carrier.traceparent : undefined);
}

function withContext(headers: Headers): Headers {
  const span = trace.getSpanContext(context.active());
  if (!span) return headers;
  const flags = span.traceFlags & TraceFlags.SAMPLED ? '01' : '00';
  const traceparent = `00-${span.traceId}-${span.spanId}-${flags}`;
  return { ...headers, [TRACE_HEADER]: defaultPayloadConverter.toPayload({ traceparent }) };
}

const client = <T>(name: string, call: () => Promise<T>): Promise<T> => inSpan(name, { kind: SpanKind.CLIENT }, call);

/**
 * The interceptor of a client: each start, signal and update has a span, and its headers carry the trace to the
 * workflow.
 */
export const clientInterceptor: WorkflowClientInterceptor = {
  startWithDetails: (input, next) =>
    client(`StartWorkflow:${input.workflowType}`, () => next({ ...input, headers: withContext(input.headers) })),
  signal: (input, next) =>
    client(`SignalWorkflow:${input.signalName}`, () => next({ ...input, headers: withContext(input.headers) })),
  signalWithStart: (input, next) =>
    client(`SignalWithStartWorkflow:${input.workflowType}`, () =>
      next({ ...input, headers: withContext(input.headers) }),
    ),
  startUpdate: (input, next) =>
    client(`UpdateWorkflow:${input.updateName}`, () => next({ ...input, headers: withContext(input.headers) })),
  startUpdateWithStart: (input, next) =>
    client(`UpdateWithStartWorkflow:${input.updateName}`, () =>
      next({
        ...input,
        workflowStartHeaders: withContext(input.workflowStartHeaders),
        updateHeaders: withContext(input.updateHeaders),
      }),
    ),
};
