/**
 * Calls the methods that a policy names. Cyclr forwards each call to the third party. `verify` in the policy names the
 * method that checks new credentials. `identity` in the policy names the method that returns the name of the linked
 * account.
 */
import { log } from '@temporalio/activity';
import type { ConnectorKey } from '../workflows/connector';
import { isObject, jsonOf } from '../workflows/connector';
import type { ConnectionCheck } from '../workflows/ports';
import type { CyclrClient, Found, Target } from './cyclr/client';
import { CyclrError } from './cyclr/errors';
import type { HttpResponse } from './cyclr/http';
import { callMethod, methodIdOf, testMethod } from './cyclr/methods';

const CHECK_MS = 10_000;
const MAX_IDENTITY = 100;

/**
 * The reason why a check has no result. `notPermitted`: Cyclr's support has not approved the IP address of this worker.
 * `noAnswer`: the call failed, or its answer has no success status. `unreadable`: the answer is no JSON, or has no name
 * at the path of `identity`.
 */
type Reason = 'notPermitted' | 'noAnswer' | 'unreadable';

/**
 * Checks the credentials and reads the linked account by the methods of the policy (see `checkConnection` in
 * workflows/ports.ts). All calls together take at most 10 s.
 */
export async function checkConnection({ cyclr }: { cyclr: CyclrClient }, key: ConnectorKey): Promise<ConnectionCheck> {
  const target = { ...key, endsAtMs: performance.now() + CHECK_MS };
  // This read also proves that Cyclr accepts the bearer token. So a later 401 comes from the third party.
  const found = await known(() => cyclr.read(target));
  if (found === undefined) return { verification: 'notChecked' };
  const verification = await verify(cyclr, target, found);
  if (verification === 'refused') return { verification };
  const identity = await identityOf(cyclr, target, found);
  return { verification, ...(identity && { identity }) };
}

async function verify(
  cyclr: CyclrClient,
  target: Target,
  { policy, definition }: Found,
): Promise<ConnectionCheck['verification']> {
  if (!policy?.verify) return 'notChecked';
  const { method, expect } = policy.verify;
  const answer = await known(async () => {
    // If the list of methods can't be read, or lacks the identifier, the method id is unknown. The path of the call
    // then has the identifier instead of the id, because Cyclr may accept the identifier.
    const id =
      definition.id === undefined ? undefined : await methodIdOf(cyclr, target, definition.id, method).catch(ignored);
    return testMethod(cyclr, target, id ?? method);
  });
  if (!answer) return 'notChecked';
  const verdict = verdictOf(answer, expect);
  if (verdict === 'checked' || verdict === 'refused') return verdict;
  report(verdict, method);
  return 'notChecked';
}

const ignored = (err: unknown): undefined => {
  if (!(err instanceof CyclrError)) throw err;
};

/**
 * Tells whether an answer means that the third party accepts the credentials. Cyclr documents no answer for a refusal
 * by the third party. So only a 401, Cyclr's message for failed authentication, and a success without the expected
 * value count as refusals. A 403 never counts as a refusal.
 */
export function verdictOf(answer: HttpResponse, expect?: string): 'checked' | 'refused' | Reason {
  const { status, text } = answer;
  if (status === 403) return 'notPermitted';
  if (status === 401 || isAuthenticationFailure(text)) return 'refused';
  if (status < 200 || status > 299) return 'noAnswer';
  const body = jsonOf(text);
  if (expect !== undefined) return body === undefined ? 'unreadable' : valueAt(body, expect) ? 'checked' : 'refused';
  return body === undefined && text !== '' ? 'unreadable' : 'checked';
}

function isAuthenticationFailure(text: string): boolean {
  const body = jsonOf(text);
  return (
    isObject(body) && typeof body.Message === 'string' && /failed to authenticate the connector/i.test(body.Message)
  );
}

async function identityOf(cyclr: CyclrClient, target: Target, { policy }: Found): Promise<string | undefined> {
  if (!policy?.identity) return undefined;
  const { method, path } = policy.identity;
  const answer = await known(() => callMethod(cyclr, target, method));
  if (!answer) return undefined;
  const isSuccess = answer.status >= 200 && answer.status <= 299;
  const value = isSuccess ? valueAt(jsonOf(answer.text), path) : undefined;
  if (typeof value === 'string' || typeof value === 'number') return shortText(`${value}`);
  report(answer.status === 403 ? 'notPermitted' : isSuccess ? 'unreadable' : 'noAnswer', method);
  return undefined;
}

/** The value that a JSON body has at a path such as `user.email` or `records.0.Id`. */
function valueAt(body: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, name) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, name)
          ? (value as { [name: string]: unknown })[name]
          : undefined,
      body,
    );
}

/** Shortens a text to one line of at most 100 characters. Undefined if the line is empty. */
const shortText = (text: string): string | undefined =>
  [...text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim()].slice(0, MAX_IDENTITY).join('') || undefined;

/** Runs `call` and returns its result. If `call` fails with a CyclrError, logs the reason and returns undefined. */
async function known<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (err) {
    if (!(err instanceof CyclrError)) throw err;
    report(err.kind === 'forbidden' ? 'notPermitted' : 'noAnswer', '');
    return undefined;
  }
}

const MAX_REPORTED = 1_000;
const reported = new Set<string>();

const texts: Record<Reason, string> = {
  notPermitted:
    'Cyclr does not permit this worker to call connector methods: ask the support of Cyclr to approve its IP address. Connections stay notChecked',
  noAnswer: 'A method of a policy gave no usable answer: the connection stays notChecked',
  unreadable: 'The answer of a method of a policy is no JSON, or lacks the value at the path',
};

/**
 * Logs the reason `notPermitted` once, and each other reason once for each method. Without this limit, every flow would
 * log the same reason.
 */
function report(reason: Reason, method: string): void {
  const key = reason === 'notPermitted' ? reason : `${reason} ${method}`;
  if (reported.has(key)) return;
  if (reported.size >= MAX_REPORTED) reported.clear();
  reported.add(key);
  log.warn(texts[reason], { code: reason, ...(method && { name: method }) });
}
