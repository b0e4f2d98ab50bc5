/** What an error means to whoever called: one table, and problem documents (RFC 9457) made of it. */
import { STATUS_CODES } from 'node:http';
import type { Problem, View } from '../workflows/messages';
import { ConnectorAuthError, type ConnectorAuthErrorCode } from '../client/connector-auth-error';
import { NOT_SEALED, type AnswerCode } from '../client/http/codes';
import { SealingError } from '../sealing/seal';

export interface Answer {
  status: number;
  /** In our words: it never quotes what was sent. */
  detail: string;
  /** When to try again, in seconds. */
  retryAfterS?: number;
}

export const answers: Record<AnswerCode, Answer> = {
  brokenJson: { status: 400, detail: 'The body is not JSON.' },
  unauthorized: { status: 401, detail: 'The key or the token is missing, or none that is known here.' },
  tokenExpired: { status: 401, detail: 'The token has expired.' },
  tokenVoid: {
    status: 401,
    detail: 'The invitation has served its purpose: everything is connected, or was cancelled.',
  },
  originNotAllowed: { status: 403, detail: 'This session is not for this origin.' },
  notFound: { status: 404, detail: 'There is nothing here.' },
  methodNotAllowed: { status: 405, detail: 'This can not be done here.' },
  notNow: { status: 409, detail: 'This is not waited for at the moment.' },
  alreadyRunning: { status: 409, detail: 'An authentication of this connector is running: finish it first.' },
  closed: { status: 409, detail: 'It has ended: start it again first.' },
  tooLarge: { status: 413, detail: 'The body is over 256 KiB.' },
  unsupportedMediaType: { status: 415, detail: 'The body is not of a type that is taken here.' },
  malformed: { status: 422, detail: 'What was sent does not have the shape it must have.' },
  notSealed: { status: 422, detail: 'A browser has to seal what was typed before it is sent.' },
  notOpenable: { status: 422, detail: 'The sealed value is not for this connector and this submission.' },
  wrongKind: { status: 422, detail: 'These credentials are not of the kind that this connector asks for.' },
  unknownProperty: { status: 422, detail: 'The connector has no such property.' },
  missingProperty: { status: 422, detail: 'A required property is missing.' },
  refused: { status: 422, detail: 'Cyclr did not accept what was given.' },
  notAuthorized: { status: 422, detail: 'Cyclr does not report this connector as authorized.' },
  rateLimited: { status: 429, detail: 'Too many calls at once.', retryAfterS: 60 },
  unexpected: { status: 500, detail: 'Something went wrong here.' },
  cyclrUnavailable: { status: 503, detail: 'Cyclr can not be reached at the moment.', retryAfterS: 30 },
  noWorker: { status: 503, detail: 'No worker answers at the moment.', retryAfterS: 10 },
  temporalUnavailable: { status: 503, detail: 'Temporal can not be reached at the moment.', retryAfterS: 10 },
};

/** What the service refuses, or tells about the flow that did. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  constructor(
    readonly code: AnswerCode,
    /** Where the flow stands, with `notNow`, `closed` and `alreadyRunning`. */
    readonly view?: View,
    /** Which fields it is about. */
    readonly fields?: Problem['fields'],
  ) {
    super(answers[code].detail);
  }
}

/** A problem document. */
export interface ProblemDocument {
  title: string;
  status: number;
  code: AnswerCode;
  detail: string;
  requestId: string;
  view?: View;
  fields?: Problem['fields'];
}

export function documentOf({ code, view, fields }: ServiceError, requestId: string): ProblemDocument {
  const { status, detail } = answers[code];
  return { title: STATUS_CODES[status] ?? 'Error', status, code, detail, requestId, view, fields };
}

/** What any error means to whoever called. */
export function serviceErrorOf(err: unknown): ServiceError {
  if (err instanceof ServiceError) return err;
  if (err instanceof ConnectorAuthError) return ofTheFlow(err);
  if (err instanceof SealingError) return new ServiceError('malformed');
  const { validation, code } = Object(err) as { validation?: Invalid[]; code?: string };
  if (Array.isArray(validation)) return invalid(validation);
  return new ServiceError((code !== undefined && ofFastify[code]) || 'unexpected');
}

/** The ones of the library that have another name here. */
const renamed: { [code in ConnectorAuthErrorCode]?: AnswerCode } = {
  invalidInput: 'malformed',
  notStarted: 'notFound',
};

function ofTheFlow({ code, view, problem }: ConnectorAuthError): ServiceError {
  const known = renamed[code] ?? code;
  if (!Object.hasOwn(answers, known)) return new ServiceError('unexpected'); // a newer worker's
  // The names of unknown properties are what was sent.
  const fields = code === 'unknownProperty' ? undefined : problem?.fields;
  return new ServiceError(known as AnswerCode, view, fields);
}

const ofFastify: { [code: string]: AnswerCode } = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'brokenJson',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'brokenJson',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'brokenJson',
  FST_ERR_CTP_BODY_TOO_LARGE: 'tooLarge',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupportedMediaType',
  FST_ERR_BAD_URL: 'notFound',
  FST_ERR_MAX_PARAM_LENGTH: 'notFound',
};

interface Invalid {
  instancePath: string;
  message?: string;
}

function invalid(issues: Invalid[]): ServiceError {
  if (issues.some(({ message }) => message === NOT_SEALED)) return new ServiceError('notSealed');
  // The first step of a path is a name of ours; further ones can be what was sent.
  const names = [...new Set(issues.map(({ instancePath }) => instancePath.split('/')[1] ?? ''))].filter(Boolean);
  return new ServiceError(
    'malformed',
    undefined,
    names.length > 0 ? names.map((name) => ({ name, code: 'malformed' })) : undefined,
  );
}
