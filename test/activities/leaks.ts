/** Where a secret could hide in an error, and in which forms. */
import { inspect } from 'node:util';
import { defaultFailureConverter, defaultPayloadConverter } from '@temporalio/common';

/** Everything that anybody could print of an error: each of its parts, and what Temporal writes into a history. */
export function everythingIn(err: unknown): string {
  return [
    String(err),
    inspect(err, { depth: Infinity, showHidden: true, getters: true, maxStringLength: Infinity }),
    JSON.stringify(err),
    ...partsOf(err, new Set()),
    encoded(err),
  ].join('\n');
}

/** Every text and number below a value: of hidden properties too, `stack` and `cause` among them. */
function partsOf(value: unknown, seen: Set<unknown>): string[] {
  if (typeof value !== 'object' || value === null) return [String(value)];
  if (seen.has(value)) return [];
  seen.add(value);
  return Reflect.ownKeys(value).flatMap((name) => [
    String(name),
    ...partsOf((value as { [name: PropertyKey]: unknown })[name], seen),
  ]);
}

/** An error as Temporal's default converter writes it, its payloads as text. */
function encoded(err: unknown): string {
  const failure = defaultFailureConverter.errorToFailure(err, defaultPayloadConverter);
  return JSON.stringify(failure, (_name, part: unknown) =>
    part instanceof Uint8Array ? Buffer.from(part).toString('utf8') : part,
  );
}

/** A secret in every form that a careless answer or log could give it. */
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

/** What stands of a secret in base64 whatever surrounds it, where this many bytes come before it. */
function inBase64(secret: string, shift: number): string {
  const bytes = Buffer.from('\0'.repeat(shift) + secret);
  const whole = Math.floor((bytes.length * 8) / 6);
  return bytes.toString('base64').slice(shift && shift + 1, whole);
}

/** The forms in which a text holds one of these secrets: none, it is hoped. */
export const leaks = (text: string, ...secrets: string[]): string[] =>
  secrets.flatMap(formsOf).filter((form) => text.includes(form));
