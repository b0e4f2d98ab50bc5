/** How the client's calls are tried again: as the SDK does it, but for two things that hurt. */
import { defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';

type Interceptor = ReturnType<typeof makeGrpcRetryInterceptor>;
type GrpcCall = ReturnType<Interceptor>;

const INTERNAL = 13; // not tried again

const sdk = defaultGrpcRetryOptions();

/**
 * A server keeps one query for each workflow while a workflow task is on its way, and refuses others: not a limit that
 * is to be spared, as the SDK takes it to be, but a wait of some milliseconds. Where it is longer, deadlines end it.
 */
const isQueryTooSoon = ({ details }: { details: string }): boolean => /query buffer is full/.test(details);
const QUERY_AGAIN_MS = 100;
const QUERY_TRIES = 150;

const retrying = makeGrpcRetryInterceptor({
  delayFunction: (attempt, status) => (isQueryTooSoon(status) ? QUERY_AGAIN_MS : sdk.delayFunction(attempt, status)),
  retryableDecider: (attempt, status) =>
    isQueryTooSoon(status) ? attempt < QUERY_TRIES : sdk.retryableDecider(attempt, status),
});

/** The SDK's timer for another try outlives the connection, and would then throw where nobody catches. */
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

/** In this order: each try passes the second. */
export const interceptors: Interceptor[] = [retrying, unlessClosed];
