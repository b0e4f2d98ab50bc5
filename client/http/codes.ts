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

/** The message of a schema's error for a value in clear that must be sealed. */
export const NOT_SEALED = 'notSealed';
