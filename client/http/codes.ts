/** The `code` of each problem document of the service: the reason of a refusal, for programs. */
import type { ConnectorAuthErrorCode } from '../answers';

/** The codes of the service that the library does not have. */
export type ServiceErrorCode =
  | 'brokenJson'
  | 'unauthorized'
  | 'tokenExpired'
  | 'tokenVoid'
  | 'originNotAllowed'
  | 'notFound'
  | 'methodNotAllowed'
  | 'requestTimeout'
  | 'tooLarge'
  | 'unsupportedMediaType'
  | 'rateLimited'
  | 'unexpected';

/** The codes that an answer can have. */
export type AnswerCode = Exclude<ConnectorAuthErrorCode, 'invalidInput' | 'notStarted'> | ServiceErrorCode;

/** The error of a schema has this message if a value that must be sealed is in clear. */
export const NOT_SEALED = 'notSealed';
