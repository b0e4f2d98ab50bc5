import {
  NamespaceNotFoundError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  isGrpcServiceError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { Problem, ProblemCode, View } from '../workflows/messages';

/**
 * - a problem's code: the flow refused the input, without a trace of it;
 * - `invalidInput`: the input can't be that of an authentication;
 * - `notStarted`: no authentication is known for this account connector;
 * - `alreadyRunning`: a re-authentication was asked for while an authentication runs;
 * - `closed`: it has ended, and takes nothing any more;
 * - `noWorker`: Temporal answers, but no worker does;
 * - `temporalUnavailable`: Temporal does not answer, or not as it should.
 */
export type ConnectorAuthErrorCode =
  ProblemCode | 'invalidInput' | 'notStarted' | 'alreadyRunning' | 'closed' | 'noWorker' | 'temporalUnavailable';

/** What a call could not do. Its message holds nothing that was given. */
export class ConnectorAuthError extends Error {
  override readonly name = 'ConnectorAuthError';
  constructor(
    readonly code: ConnectorAuthErrorCode,
    message: string,
    /** How it ended, with `closed`. */
    readonly view?: View,
    /** What exactly is wrong with an input that the flow refused. */
    readonly problem?: Problem,
  ) {
    super(message);
  }
}

const GRPC_FAILED_PRECONDITION = 9;
const GRPC_INVALID_ARGUMENT = 3;
/** DEADLINE_EXCEEDED, and CANCELLED: the client's own retry ends so when the deadline comes in between. */
const GRPC_TIME_IS_UP = [4, 1];

/** The gRPC error behind one of the client's. */
function grpcErrorOf(err: unknown) {
  const cause = err instanceof Error && err.cause !== undefined ? err.cause : err;
  return isGrpcServiceError(cause) ? cause : undefined;
}

/** Whether the time was up before an answer came. */
export const isDeadline = (err: unknown): boolean => GRPC_TIME_IS_UP.includes(grpcErrorOf(err)?.code ?? 0);

/** Runs a call to Temporal, and gives each error of its client a code of ours. */
export async function translated<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (err) {
    throw toConnectorAuthError(err);
  }
}

/** What an error of Temporal's client is in our words; any other stays what it is. */
export function toConnectorAuthError(err: unknown): unknown {
  if (err instanceof ConnectorAuthError) return err;
  if (err instanceof WorkflowNotFoundError)
    return new ConnectorAuthError('notStarted', 'No authentication was started for this account connector.');
  if (err instanceof NamespaceNotFoundError)
    return new ConnectorAuthError('temporalUnavailable', `Temporal has no namespace ${err.namespace}.`);
  if (err instanceof WorkflowUpdateFailedError && err.cause instanceof ApplicationFailure) {
    const { type, message, details } = err.cause;
    return new ConnectorAuthError(type as ProblemCode, message, undefined, details?.[0] as Problem | undefined);
  }
  if (err instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return noWorker();
  const cause = grpcErrorOf(err);
  if (!cause) return err;
  if (cause.code === GRPC_FAILED_PRECONDITION) return noWorker();
  if (cause.code === GRPC_INVALID_ARGUMENT)
    return new ConnectorAuthError('temporalUnavailable', `Temporal refuses the call: ${cause.details}`);
  return new ConnectorAuthError('temporalUnavailable', `Temporal does not answer (${cause.details}).`);
}

export const noWorker = (): ConnectorAuthError => new ConnectorAuthError('noWorker', 'No worker answers.');
