import { WorkflowNotFoundError, isGrpcServiceError } from '@temporalio/client';
import type { ProblemCode, View } from '../workflows/messages';

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
  ) {
    super(message);
  }
}

const GRPC_FAILED_PRECONDITION = 9;
const GRPC_INVALID_ARGUMENT = 3;

/** Runs a call to Temporal, and gives each error of its client a code of ours. */
export async function translated<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (err) {
    throw toConnectorAuthError(err);
  }
}

function toConnectorAuthError(err: unknown): unknown {
  if (err instanceof ConnectorAuthError) return err;
  if (err instanceof WorkflowNotFoundError)
    return new ConnectorAuthError('notStarted', 'No authentication was started for this account connector.');
  const cause = err instanceof Error && err.cause !== undefined ? err.cause : err;
  if (!isGrpcServiceError(cause)) return err;
  if (cause.code === GRPC_FAILED_PRECONDITION)
    return new ConnectorAuthError('noWorker', 'No worker answers: start one with `npm run worker`.');
  if (cause.code === GRPC_INVALID_ARGUMENT)
    return new ConnectorAuthError('temporalUnavailable', `Temporal refuses the call: ${cause.details}`);
  return new ConnectorAuthError('temporalUnavailable', `Temporal does not answer (${cause.details}).`);
}
