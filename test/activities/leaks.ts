/** Finds a secret in an error, in any part and in any form. */
import { inspect } from 'node:util';
import { defaultFailureConverter, defaultPayloadConverter } from '@temporalio/common';

/** Returns the text of all parts of an error, and of its failure in Temporal's history. */
export function everythingIn(err: unknown): string {
  return [
    String(err),
    inspect(err, { depth: Infinity, showHidden: true, getters: true, maxStringLength: Infinity }),
    JSON.stringify(err),
    ...partsOf(err, new Set()),
    encoded(err),
  ].join('\n');
}

/** Returns the texts of all members of a value, at any depth, including members such as `stack` and `cause`. */
function partsOf(value: unknown, seen: Set<unknown>): string[] {
  if (typeof value !== 'object' || value === null) return [String(value)];
  if (seen.has(value)) return [];
  seen.add(value);
  return Reflect.ownKeys(value).flatMap((name) => [
    String(name),
    ...partsOf((value as { [name: PropertyKey]: unknown })[name], seen),
  ]);
}

/** Returns, as JSON, the failure that Temporal's default converter makes of an error. The payloads are text. */
function encoded(err: unknown): string {
  const failure = defaultFailureConverter.errorToFailure(err, defaultPayloadConverter);
  return JSON.stringify(failure, (_name, part: unknown) =>
    part instanceof Uint8Array ? Buffer.from(part).toString('utf8') : part,
  );
}

/** Returns a secret in each form in which an answer or a log could contain the secret. */
export function formsOf(secret: string): string[] {
  return [
    secret,
    secret.toUpperCase(),
    secret.slice(0, Math.ceil(secret.length / 2)),
    secret.slice(Math.floor(secret.length / 2)),
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    ...[0, 1, 2].flatMap((shift) => [
      inBase64(secret, shift),
      inBase64(secret, shift).replace(/\+/g, '-').replace(/\//g, '_'),
    ]),
    Buffer.from(secret).toString('hex'),
  ];
}

/**
 * Returns the part of the secret's base64 that does not depend on the text around the secret. `shift`: the byte
 * position of the secret in the text, modulo 3.
 */
function inBase64(secret: string, shift: number): string {
  const bytes = Buffer.from('\0'.repeat(shift) + secret);
  const whole = Math.floor((bytes.length * 8) / 6);
  return bytes.toString('base64').slice(shift && shift + 1, whole);
}

/** Returns those forms of the secrets (see `formsOf`) that occur in the text. */
export const leaks = (text: string, ...secrets: string[]): string[] =>
  secrets.flatMap(formsOf).filter((form) => text.includes(form));
