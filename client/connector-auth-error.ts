/** The errors of the library, and the translation of Temporal's errors into them. */
import {
  NamespaceNotFoundError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  isGrpcServiceError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { Problem, ProblemCode, StateName, View } from '../workflows/view';
import type { ConnectorAuthErrorCode } from './answers';

export type { ConnectorAuthErrorCode } from './answers';

/** The error of each method of ConnectorAuth. The message of the error holds no part of the input. */
export class ConnectorAuthError extends Error {
  override readonly name = 'ConnectorAuthError';
  constructor(
    readonly code: ConnectorAuthErrorCode,
    message: string,
    /** The final view, if the code is `closed`. */
    readonly view?: View,
    /** The problem with its fields, if the code is the code of a problem. */
    readonly problem?: Problem,
    /** The last state in the search attributes, if the code is `paused`. */
    readonly state?: StateName,
  ) {
    super(message);
  }
}

/** Reports that a flow accepted an update, but did not answer in time, although its worker answers queries. */
export class UnansweredUpdate extends Error {
  /** `view`: the current view. */
  constructor(readonly view: View) {
    super('The flow accepted the update, but did not answer in time.');
  }
}

const GRPC_NOT_FOUND = 5;
const GRPC_FAILED_PRECONDITION = 9;
const GRPC_INVALID_ARGUMENT = 3;
const GRPC_RESOURCE_EXHAUSTED = 8;
const GRPC_UNAVAILABLE = 14;
/**
 * gRPC's DEADLINE_EXCEEDED and CANCELLED. If the deadline of a call passes between two tries, the SDK fails with
 * CANCELLED.
 */
const GRPC_DEADLINE = [4, 1];

function grpcErrorOf(err: unknown) {
  const cause = err instanceof Error && err.cause !== undefined ? err.cause : err;
  return isGrpcServiceError(cause) ? cause : undefined;
}

/** True if a call failed because no worker polls, or because the run is paused. */
export const isFailedPrecondition = (err: unknown): boolean => grpcErrorOf(err)?.code === GRPC_FAILED_PRECONDITION;

/** True if Temporal refuses a query because the run closed before a worker had handled its first workflow task. */
export const isNeverHandled = (err: unknown): boolean =>
  isFailedPrecondition(err) && /closed before WorkflowTaskStarted/i.test(grpcErrorOf(err)?.details ?? '');

/** True if Temporal does not know the workflow or the update of a call. */
export const isNotFound = (err: unknown): boolean => grpcErrorOf(err)?.code === GRPC_NOT_FOUND;

/**
 * Returns `undefined` if the error says that a workflow does not exist, or that its latest run has ended. Throws any
 * other error.
 */
export function undefinedIfNotFound(err: unknown): undefined {
  if (!(err instanceof WorkflowNotFoundError)) throw err;
}

/** True if a call failed because its deadline passed. */
export const isDeadline = (err: unknown): boolean => GRPC_DEADLINE.includes(grpcErrorOf(err)?.code ?? 0);

/**
 * Texts of Temporal's errors, by gRPC code. After an error with one of these texts, a repetition of the call can
 * succeed a moment later. The causes of these errors:
 *
 * - the run is locked;
 * - ten updates of the run are in progress;
 * - the run's buffer of queries is full, or was cleared;
 * - the run closed before it got the update;
 * - a workflow task of the run failed and will be retried.
 */
const busy: { [code: number]: RegExp } = {
  [GRPC_RESOURCE_EXHAUSTED]: /workflow is busy|concurrent in-flight updates|query buffer is full/i,
  [GRPC_UNAVAILABLE]: /workflow update was aborted|buffered query cleared/i,
  [GRPC_FAILED_PRECONDITION]: /unexpected workflow task failure/i,
};

/**
 * True if Temporal refused a call about a run, but a repetition of the call can succeed soon. After
 * RESOURCE_EXHAUSTED and UNAVAILABLE, a connection with the SDK's default interceptors repeats the call itself.
 */
export function isBusy(err: unknown): boolean {
  const { code = 0, details = '' } = grpcErrorOf(err) ?? {};
  return busy[code]?.test(details) ?? false;
}

/** Runs `call`. If `call` fails with an error of Temporal's client, fails with a {@link ConnectorAuthError} instead. */
export async function translated<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (err) {
    throw toConnectorAuthError(err);
  }
}

/** Turns an error of Temporal's client into a {@link ConnectorAuthError}. Returns any other error unchanged. */
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
  if (err instanceof WorkflowUpdateRPCTimeoutOrCancelledError || err instanceof UnansweredUpdate) return noWorker();
  const cause = grpcErrorOf(err);
  if (!cause) return err;
  if (cause.code === GRPC_FAILED_PRECONDITION) return noWorker();
  if (cause.code === GRPC_INVALID_ARGUMENT)
    return new ConnectorAuthError('temporalUnavailable', `Temporal refuses the call: ${cause.details}`);
  return new ConnectorAuthError('temporalUnavailable', `Temporal does not answer (${cause.details}).`);
}

export const noWorker = (): ConnectorAuthError => new ConnectorAuthError('noWorker', 'No worker answers.');
