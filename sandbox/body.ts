import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { badRequest, Refusal } from './refusal';

/** Returns the fields of a form body. Returns undefined if the request has another content type. */
export function formOf(request: FastifyRequest): URLSearchParams | undefined {
  return isSentAs(request, 'application/x-www-form-urlencoded') ? new URLSearchParams(textOf(request)) : undefined;
}

/**
 * Returns the JSON body of a request, after a check of its shape. Fails: 415 for another content type, 400 for a body
 * that is not JSON or has another shape.
 */
export function jsonOf<T>(request: FastifyRequest, shape: z.ZodType<T>): T {
  if (!isSentAs(request, 'application/json')) {
    throw new Refusal(415, { Message: "The request entity's media type is not supported for this resource." });
  }
  return checked(shape, parsed(textOf(request)));
}

/** Returns a shape that accepts names in PascalCase and camelCase, and `null` for an absent field, as Cyclr does. */
export function cyclrInput<T extends z.ZodObject>(shape: T) {
  return z.preprocess(pascalCased, shape);
}

/** Returns the value if it has the shape. Fails: 400 that names each wrong field. */
export function checked<T>(shape: z.ZodType<T>, value: unknown): T {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  const wrong = result.error.issues.map(({ path, message }): [string, string[]] => [path.join('.'), [message]]);
  throw badRequest('The request is invalid.', Object.fromEntries(wrong));
}

/**
 * Returns the body as the list of requests shows it: the value of a JSON body, the fields of a form, or the text of any
 * other body. Returns undefined if the request has no body.
 */
export function readableBodyOf(request: FastifyRequest): unknown {
  const form = formOf(request);
  if (form) return Object.fromEntries(form);
  try {
    return parsed(textOf(request));
  } catch {
    return textOf(request) || undefined;
  }
}

export function pascalCased(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const present = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(present.map(([name, field]) => [name.charAt(0).toUpperCase() + name.slice(1), field]));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest('The request is invalid.', { body: ['Unexpected end or character in the JSON text.'] });
  }
}

const textOf = (request: FastifyRequest): string => (typeof request.body === 'string' ? request.body : '');

function isSentAs(request: FastifyRequest, mediaType: string): boolean {
  return request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() === mediaType;
}
