/** The `code` of each problem document: what went wrong, for programs. */
import type { ConnectorAuthErrorCode } from '../connector-auth-error';

/** What the service itself refuses. */
export type ServiceErrorCode =
  | 'brokenJson'
  | 'unauthorized'
  | 'tokenExpired'
  | 'tokenVoid'
  | 'originNotAllowed'
  | 'notFound'
  | 'methodNotAllowed'
  | 'tooLarge'
  | 'unsupportedMediaType'
  | 'rateLimited'
  | 'unexpected';

/** The codes that an answer can have. */
export type AnswerCode = Exclude<ConnectorAuthErrorCode, 'invalidInput' | 'notStarted'> | ServiceErrorCode;

/** What a schema says of a value that should have been sealed. */
export const NOT_SEALED = 'notSealed';
