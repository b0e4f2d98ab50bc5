/** Retries the client's gRPC calls as the SDK does, with two corrections. */
import { defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';

type Interceptor = ReturnType<typeof makeGrpcRetryInterceptor>;
type GrpcCall = ReturnType<Interceptor>;

const INTERNAL = 13; // a gRPC status code that the SDK does not retry

const sdk = defaultGrpcRetryOptions();

/**
 * The server buffers one query for each workflow during a workflow task, and refuses further queries with
 * ResourceExhausted (Server 1.32, https://github.com/temporalio/temporal/issues/2749). The SDK (1.24) then waits 1.7 s,
 * although a workflow task ends after some milliseconds. With a retry every 100 ms, the answer comes soon after the end
 * of the workflow task. The retries end at the deadline of the call, or after 150 tries.
 */
const isQueryBufferFull = ({ details }: { details: string }): boolean => /query buffer is full/.test(details);
const QUERY_RETRY_MS = 100;
const QUERY_TRIES = 150;

const retrying = makeGrpcRetryInterceptor({
  delayFunction: (attempt, status) => (isQueryBufferFull(status) ? QUERY_RETRY_MS : sdk.delayFunction(attempt, status)),
  retryableDecider: (attempt, status) =>
    isQueryBufferFull(status) ? attempt < QUERY_TRIES : sdk.retryableDecider(attempt, status),
});

/**
 * Lets a call on a closed connection fail with a status. The SDK (1.24) does not stop its retry timer when the
 * connection is closed. Without this interceptor, the retry would throw an uncaught error.
 */
const unlessClosed: Interceptor = (options, nextCall) => {
  try {
    return nextCall(options) as GrpcCall;
  } catch {
    return closedCall as unknown as GrpcCall;
  }
};

interface Listener {
  onReceiveMessage?(message: unknown): void;
  onReceiveStatus?(status: { code: number; details: string; metadata: unknown }): void;
}

const closedCall = {
  start(metadata: unknown, listener?: Listener) {
    setImmediate(() => {
      listener?.onReceiveMessage?.(null);
      listener?.onReceiveStatus?.({ code: INTERNAL, details: 'The connection is closed.', metadata });
    });
  },
  sendMessage: () => undefined,
  sendMessageWithContext: () => undefined,
  startRead: () => undefined,
  halfClose: () => undefined,
  cancelWithStatus: () => undefined,
  getPeer: () => 'unknown',
  getAuthContext: () => null,
};

/** The order matters: `unlessClosed` must come after `retrying`, so that each retry passes through `unlessClosed`. */
export const interceptors: Interceptor[] = [retrying, unlessClosed];
