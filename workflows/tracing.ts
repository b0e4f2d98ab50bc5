/**
 * Adds the trace of a message to the activities that the workflow calls after the message. A message with a trace has
 * the header that Temporal's own OpenTelemetry interceptors use. This file does not use Temporal's interceptors: they
 * would put each activity into the trace of the message that started the workflow, because the main function of the
 * workflow calls all activities. With this file, an activity belongs to the trace of the latest message that has a
 * trace.
 *
 * With and without traces, the recorded commands are the same: this file adds no command, draws no random number, and
 * returns the promises of the SDK unchanged.
 */
import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import { proxySinks, workflowInfo, type WorkflowInterceptors } from '@temporalio/workflow';
import { isObject } from './connector';

export const TRACE_HEADER = '_tracer-data';

/** A span of a message that a workflow handled. The times are in milliseconds. */
export interface MessageSpan {
  name: string;
  /** W3C Trace Context of the message's sender. */
  parent: string;
  spanId: string;
  startMs: number;
  endMs: number;
}

export type TraceSinks = { cyclrConnectTraces: { message(span: MessageSpan): void } };

declare global {
  /** A worker that exports traces sets this variable to `on` before it loads the workflows. */
  var cyclrConnectTraces: string | undefined;
}

const TRACE_PARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** The interceptors of one run. */
export function tracing(): Pick<WorkflowInterceptors, 'inbound' | 'outbound'> {
  let passedOn: Headers = {};

  /**
   * Keeps the trace of a message for later activities. Returns a function that reports the span of the message: call
   * this function when the workflow has handled the message.
   */
  const take = (name: string, headers: Headers): (() => void) => {
    const parent = traceParentIn(headers);
    if (parent === undefined) return () => undefined;
    const [, traceId, senderId, flags] = TRACE_PARENT.exec(parent)!;
    const isReported = globalThis.cyclrConnectTraces === 'on' && parseInt(flags!, 16) % 2 === 1; // 1: sampled
    const spanId = isReported ? flipped(senderId!) : senderId!;
    passedOn = {
      [TRACE_HEADER]: defaultPayloadConverter.toPayload({ traceparent: `00-${traceId}-${spanId}-${flags}` }),
    };
    const startMs = Date.now();
    return () => {
      if (isReported)
        proxySinks<TraceSinks>().cyclrConnectTraces.message({ name, parent, spanId, startMs, endMs: Date.now() });
    };
  };

  return {
    inbound: [
      {
        execute(input, next) {
          // The span of the start ends at once, and not at the end of the workflow, because a flow can last for weeks.
          take(`RunWorkflow:${workflowInfo().workflowType}`, input.headers)();
          return next(input);
        },
        handleSignal(input, next) {
          // The span does not contain the name of the signal, because any sender can choose a name.
          take('HandleSignal', input.headers)();
          return next(input);
        },
        handleUpdate(input, next) {
          const done = take(`HandleUpdate:${input.name}`, input.headers);
          const answer = next(input);
          answer.then(done, done);
          return answer;
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next({ ...input, headers: { ...input.headers, ...passedOn } }),
      },
    ],
  };
}

/**
 * The W3C Trace Context in the header. `undefined` if the header has another shape, because any sender can send any
 * header.
 */
function traceParentIn(headers: Headers): string | undefined {
  try {
    const header = headers[TRACE_HEADER];
    const carrier = header && defaultPayloadConverter.fromPayload<unknown>(header);
    const parent = isObject(carrier) ? carrier.traceparent : undefined;
    return typeof parent === 'string' && TRACE_PARENT.test(parent) ? parent : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The id of the workflow's span: the sender's id with all bits inverted. A random id would change the later random
 * numbers of the workflow.
 */
const flipped = (id: string): string => [...id].map((digit) => (15 - parseInt(digit, 16)).toString(16)).join('');
