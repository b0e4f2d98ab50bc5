/**
 * The spans of a worker: messages of workflows, activities, requests to Cyclr. A worker loads this file only if it
 * exports traces.
 */
import { SpanKind } from '@opentelemetry/api';
import type { WorkerOptions } from '@temporalio/worker';
import type { RequestRecorder } from '../activities/cyclr/recorded';
import type { OtlpTraces } from '../temporal/otlp';
import { addMessageSpan, addSpan, contextIn, inSpan, startTracing } from '../temporal/tracing';
import type { MessageSpan } from '../workflows/tracing';

export interface WorkerTracing {
  /** The options with which a worker records spans. */
  options: Pick<WorkerOptions, 'interceptors' | 'sinks'>;
  /** Adds the span of a request to Cyclr. */
  record: RequestRecorder;
  /** Sends the last spans, and ends the export. */
  stop(): Promise<void>;
}

const record: RequestRecorder = ({ endpoint, result, seconds }) =>
  addSpan(endpoint, {
    kind: SpanKind.CLIENT,
    attributes: { 'cyclr.result': result },
    seconds,
    isError: result !== 'ok',
  });

const options: WorkerTracing['options'] = {
  interceptors: {
    activity: [
      ({ info: { activityType } }) => ({
        inbound: {
          execute: (input, next) =>
            inSpan(`RunActivity:${activityType}`, { kind: SpanKind.INTERNAL, parent: contextIn(input.headers) }, () =>
              next(input),
            ),
        },
      }),
    ],
  },
  sinks: { cyclrConnectTraces: { message: { fn: (_workflow, span: MessageSpan) => addMessageSpan(span) } } },
};

/** Starts the export of the traces. */
export const traceWorker = (traces: OtlpTraces): WorkerTracing => ({ options, record, stop: startTracing(traces) });
