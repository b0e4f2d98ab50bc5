/** The code, the status and the text of each error, in one table. */
import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { ConnectorAuthError, type ConnectorAuthErrorCode } from '../client/connector-auth-error';
import { NOT_SEALED, type AnswerCode } from '../client/http/codes';
import type { FieldFault } from '../client/http/onboarding-error';
import { SealingError } from '../sealing/seal';
import type { StateName, View } from '../workflows/view';

/**
 * The errors of the service. Most codes have only one error, which has the name of the code. A code with several
 * statuses or texts has further errors: `headersTooLarge` (431) has the code `tooLarge`, as the error `tooLarge` (413)
 * has.
 */
export type ErrorKind = AnswerCode | 'addressNotAllowed' | 'brokenRequest' | 'forbiddenName' | 'headersTooLarge';

/**
 * `detail` is a fixed text, so it never quotes the request. `code` is present only if the code of the error differs
 * from its kind.
 */
export type Answer = { detail: string; code?: AnswerCode } & (
  | { status: 400 | 401 | 403 | 404 | 405 | 408 | 409 | 413 | 415 | 422 | 431 | 500; retryAfterS?: undefined }
  /**
   * Callers may repeat the call after `retryAfterS` seconds. The page repeats a call after an error with one of these
   * statuses only if the answer has the header `Retry-After`.
   */
  | { status: 429 | 503; retryAfterS: number }
);

export const answers: Record<ErrorKind, Answer> = {
  brokenRequest: { status: 400, code: 'malformed', detail: 'The request is not valid HTTP.' },
  brokenJson: { status: 400, detail: 'The body is not JSON.' },
  unauthorized: { status: 401, detail: 'The key or the token is missing or unknown.' },
  tokenExpired: { status: 401, detail: 'The token has expired.' },
  tokenVoid: {
    status: 401,
    detail: 'The invitation is void: its connectors are connected, cancelled, started anew or gone.',
  },
  originNotAllowed: { status: 403, detail: 'The session was made for another origin.' },
  notFound: { status: 404, detail: 'The resource does not exist.' },
  methodNotAllowed: { status: 405, detail: 'The resource does not support this method.' },
  requestTimeout: { status: 408, detail: 'The headers or the body did not arrive within 30 s.' },
  notNow: { status: 409, detail: 'The flow does not wait for this input now.' },
  alreadyRunning: { status: 409, detail: 'An authentication of this connector is running: finish it first.' },
  closed: { status: 409, detail: 'The flow or the onboarding has ended: start it again first.' },
  tooLarge: { status: 413, detail: 'The body is over 256 KiB.' },
  headersTooLarge: { status: 431, code: 'tooLarge', detail: 'The headers are over 16 KiB.' },
  unsupportedMediaType: { status: 415, detail: 'The media type of the body is not supported.' },
  malformed: { status: 422, detail: 'The request does not have the required shape.' },
  forbiddenName: {
    status: 422,
    code: 'malformed',
    detail: 'A member of the body is named `__proto__`, or is a `constructor` with a `prototype`.',
  },
  addressNotAllowed: {
    status: 422,
    code: 'originNotAllowed',
    detail: '`origin` or `returnTo` is on none of the ALLOWED_ORIGINS.',
  },
  notSealed: { status: 422, detail: 'A browser must seal values before it sends them.' },
  notOpenable: { status: 422, detail: 'The sealed value is not for this connector and this submission.' },
  wrongKind: { status: 422, detail: 'The connector needs credentials of another kind.' },
  unknownProperty: { status: 422, detail: 'The connector has no such property.' },
  missingProperty: { status: 422, detail: 'A required property is missing.' },
  refused: { status: 422, detail: 'Cyclr did not accept the input.' },
  notAuthorized: { status: 422, detail: 'Cyclr does not report this connector as authorized.' },
  rateLimited: { status: 429, detail: 'Too many calls in one minute.', retryAfterS: 60 },
  unexpected: { status: 500, detail: 'An unexpected error: the log has it under the request id.' },
  cyclrUnavailable: { status: 503, detail: 'Cyclr can not be reached now.', retryAfterS: 30 },
  noWorker: { status: 503, detail: 'No worker answers now.', retryAfterS: 10 },
  batchRunning: { status: 429, detail: 'Another batch operation runs in this namespace.', retryAfterS: 30 },
  paused: { status: 503, detail: 'An operator has paused the flow in Temporal.', retryAfterS: 60 },
  temporalUnavailable: { status: 503, detail: 'Temporal does not answer now.', retryAfterS: 10 },
};

/** The optional members of a problem document. */
export interface ErrorDetails {
  /** The current view, if the code is `notNow`, `closed` or `alreadyRunning`. */
  view?: View;
  /** The wrong fields. */
  fields?: FieldFault[];
  /** The last known state of the flow, if the code is `paused`. */
  state?: StateName;
}

/** An error whose code is in the answer to the caller. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: AnswerCode;
  readonly details: ErrorDetails;
  constructor(
    readonly kind: ErrorKind,
    details: ErrorDetails = {},
  ) {
    super(answers[kind].detail);
    this.code = codeOf(kind);
    this.details = { ...details, ...(details.fields && { fields: details.fields.slice(0, MAX_FIELDS) }) };
  }
}

export const codeOf = (kind: ErrorKind): AnswerCode => answers[kind].code ?? (kind as AnswerCode);

/** Turns any error into a ServiceError. An error without a known code gets the code `unexpected`. */
export function serviceErrorOf(err: unknown): ServiceError {
  if (err instanceof ServiceError) return err;
  if (err instanceof ConnectorAuthError) return ofConnectorAuth(err);
  if (err instanceof SealingError) return new ServiceError('malformed');
  const { code } = Object(err) as { code?: string };
  return new ServiceError((code !== undefined && ofFastify[code]) || 'unexpected');
}

/** The codes of the library that have another name in HTTP, each with its name in HTTP. */
const renamed: { [code in ConnectorAuthErrorCode]?: AnswerCode } = {
  invalidInput: 'malformed',
  notStarted: 'notFound',
};

function ofConnectorAuth({ code, view, problem, state }: ConnectorAuthError): ServiceError {
  const known = renamed[code] ?? code;
  // A newer worker can send a code that this service does not know.
  if (!Object.hasOwn(answers, known)) return new ServiceError('unexpected');
  return new ServiceError(known as AnswerCode, { view, fields: problem?.fields, state });
}

const ofFastify: { [code: string]: AnswerCode } = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'brokenJson',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'brokenJson',
  FST_ERR_CTP_BODY_TOO_LARGE: 'tooLarge',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupportedMediaType',
  FST_ERR_BAD_URL: 'notFound',
  FST_ERR_MAX_PARAM_LENGTH: 'notFound',
};

/**
 * Makes a function for Fastify, which checks a part of a request against its schema. The error names the wrong fields,
 * and quotes no value.
 */
export const requestCheck: FastifySchemaCompiler<z.ZodType> =
  ({ schema }) =>
  (value) => {
    const result = schema.safeParse(value);
    return result.success ? { value: result.data } : { error: ofIssues(result.error.issues) };
  };

function ofIssues(issues: readonly z.core.$ZodIssue[]): ServiceError {
  const unsealed = issues.filter(({ message }) => message === NOT_SEALED);
  if (unsealed.length > 0)
    return faultIn('notSealed', ...namesOf(unsealed, ([member, name]) => member === 'values' && name));
  // The first element of the path of a Zod issue is always a name from the schema. Later elements can come from the
  // request, so the answer does not contain the later elements.
  return malformed(...namesOf(issues, ([member]) => member));
}

type Path = readonly PropertyKey[];
const namesOf = (
  issues: readonly { path: Path }[],
  nameIn: (path: Path) => PropertyKey | false | undefined,
): string[] => [...new Set(issues.flatMap(({ path }) => nameIn(path) || []).map(String))];

/** The highest number of fields that an answer names. */
const MAX_FIELDS = 50;

/** The error of a request with wrong fields. `names`: the names of these fields. */
export function faultIn(kind: ErrorKind, ...names: string[]): ServiceError {
  const fields = names.map((name) => ({ name, code: codeOf(kind) }));
  return new ServiceError(kind, fields.length > 0 ? { fields } : {});
}

export const malformed = (...names: string[]): ServiceError => faultIn('malformed', ...names);
