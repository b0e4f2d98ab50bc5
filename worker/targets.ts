/** Reads the targets of events from the variables of the worker: `WEBHOOK_URL`, and the YAML file `WEBHOOKS`. */
import { readFile } from 'node:fs/promises';
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import type { Targets } from '../activities';
import { isSecureUrl } from '../workflows/connector';
import { defaultTarget, eventTypes } from '../workflows/events';
import { isTargetName } from '../workflows/input';

/** The error for faults of the configured targets. The message quotes no address and no secret. */
export class TargetsError extends Error {
  override readonly name = 'TargetsError';
}

const MIN_SECRET_BYTES = 24;
const MAX_SECRET_BYTES = 64;

const isSecret = (secret: string): boolean => {
  const [, encoded = ''] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret) ?? [];
  const { length } = Buffer.from(encoded, 'base64');
  return encoded.length % 4 === 0 && length >= MIN_SECRET_BYTES && length <= MAX_SECRET_BYTES;
};

const isAddress = (value: string): boolean => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return url !== undefined && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.hash;
};

/** The address of a receiver: http or https, without user info and fragment. */
export const address = z.string().refine(isAddress, 'is no http or https URL without user and fragment');
const secret = z.string().refine(isSecret, 'is no secret: whsec_ and the base64 of 24 to 64 bytes');

const secretsIn = (text: string): string[] => text.split(',').map((part) => part.trim());
/** Comma-separated secrets. */
export const secretList = z
  .string()
  .refine(
    (text) => secretsIn(text).every(isSecret),
    'is no list of secrets: each is whsec_ and the base64 of 24 to 64 bytes',
  )
  .transform(secretsIn);

const file = z.record(
  z.string().refine((name) => isTargetName(name) && name !== defaultTarget, `is no name of a target: 1 to 64 characters of A-Z, a-z, 0-9, _ and -, and not "${defaultTarget}"`), // prettier-ignore
  z.strictObject({
    url: address,
    secrets: z.array(secret).min(1, 'is empty'),
    types: z.array(z.enum(eventTypes)).min(1, 'is empty').optional(),
  }),
);

/** Reads the YAML file of named targets. Fails: {@link TargetsError}, which names every fault. */
export async function readTargets(path: string): Promise<Targets> {
  const text = await readFile(path, 'utf8').catch(({ code }: NodeJS.ErrnoException) => {
    throw new TargetsError(`not the path of a file that can be read (${code})`);
  });
  const { data, error } = file.safeParse(contentOf(text));
  if (!error) return data;
  throw new TargetsError(
    error.issues.map((issue) => `${issue.path.join('.') || 'the file'}: ${messageOf(issue)}`).join('; '),
  );
}

/** The message of an issue that Zod reports. If the name of a target is refused, the message is in an inner issue. */
const messageOf = (issue: z.core.$ZodIssue): string =>
  issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;

/** Parses a YAML text. Drops the parser's own error, because this error quotes the text. */
function contentOf(text: string): unknown {
  try {
    return parse(text);
  } catch (err) {
    const [{ line } = { line: undefined }] = (err instanceof YAMLParseError && err.linePos) || [];
    throw new TargetsError(line === undefined ? 'not YAML' : `not YAML: line ${line}`);
  }
}

/** The names of the targets whose address is http and not on loopback. */
export const insecureTargets = (targets: Targets): string[] =>
  Object.entries(targets).flatMap(([name, { url }]) => (isSecureUrl(new URL(url)) ? [] : [name]));
