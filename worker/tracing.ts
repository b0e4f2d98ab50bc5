/** The spans of a worker: messages of workflows, activities, requests to Cyclr. Loaded only if traces are exported. */
import { SpanKind } from '@opentelemetry/api';
import type { WorkerOptions } from '@temporalio/worker';
import type { RequestRecorder } from '../activities/cyclr/recorded';
import type { OtlpTraces } from '../temporal/otlp';
import { addMessageSpan, addSpan, contextIn, inSpan, startTracing } from '../temporal/tracing';
import type { MessageSpan } from '../workflows/tracing';

export interface WorkerTracing {
  /** The options of a worker that has spans. */
  options: Pick<WorkerOptions, 'interceptors' | 'sinks'>;
  /** Adds the span of a request to Cyclr. */
  record: RequestRecorder;
  /** Sends the last spans. */
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
