import { ApplicationFailure } from '@temporalio/common';
import { CyclrError, type CyclrErrorKind } from '../../activities/cyclr/errors';
import { mapped } from '../../activities/failures';
import { SealingError, type SealingErrorCode } from '../../sealing/seal';
import type { ActivityFailureType } from '../../workflows/ports';
import { problemOf } from '../../workflows/problems';
import { everythingIn, leaks } from './leaks';
import { failure, inContext } from './scene';

/** What an activity that meets this error fails with, and what is logged meanwhile. */
async function failing(err: unknown) {
  const log: { message: string; meta?: object }[] = [];
  const run = inContext({ log });
  const failed = await failure(run(() => mapped(() => Promise.reject(err)))());
  return { failed, log };
}

const MESSAGE = 'PUT /v1.0/account/connectors/42: 418';

const fates: Record<CyclrErrorKind, [type: ActivityFailureType, isRetried: boolean]> = {
  invalidKey: ['InvalidInput', false],
  unreachable: ['CyclrUnavailable', true],
  unreadable: ['CyclrUnavailable', true],
  outdated: ['CyclrUnavailable', true],
  throttled: ['CyclrThrottled', true],
  unauthorized: ['CyclrUnauthorized', true],
  accessDenied: ['CyclrAccessDenied', false],
  forbidden: ['CyclrForbidden', false],
  clientRefused: ['CyclrForbidden', false],
  notFound: ['CyclrNotFound', false],
  refused: ['CyclrRefused', false],
};
const kinds = Object.keys(fates) as CyclrErrorKind[];

test.each(kinds)('%s has its fate', async (kind) => {
  const [type, isRetried] = fates[kind];

  const { failed } = await failing(new CyclrError(kind, MESSAGE));

  expect(failed).toMatchObject({ type, nonRetryable: !isRetried });
  expect(failed.nextRetryDelay ?? undefined).toBeUndefined();
  expect(failed.cause).toBeUndefined();
  expect(failed.message).toContain(MESSAGE);
});

test.each(kinds.filter((kind) => kind !== 'refused'))(
  '%s with a Retry-After: it is the delay, and stands in the details, where the workflow finds it',
  async (kind) => {
    const { failed } = await failing(new CyclrError(kind, MESSAGE, 17_000));

    expect(failed).toMatchObject({ message: MESSAGE, nextRetryDelay: 17_000, details: [{ retryAfterMs: 17_000 }] });
  },
);

test('what Cyclr refused is a problem in our own words', async () => {
  const { failed } = await failing(new CyclrError('refused', MESSAGE));

  const problem = problemOf('refused', [], MESSAGE);
  expect(failed).toMatchObject({ message: problem.message, details: [problem] });
});

const sealing: Record<SealingErrorCode, [type: ActivityFailureType, isRetried: boolean, details: unknown]> = {
  unknownKey: ['UnknownSealingKey', true, undefined],
  notOpenable: ['InputRefused', false, [problemOf('notOpenable')]],
  malformed: ['InputRefused', false, [problemOf('malformed')]],
};

test.each(Object.keys(sealing) as SealingErrorCode[])('a sealed value that is %s has its fate', async (code) => {
  const [type, isRetried, details] = sealing[code];

  const { failed } = await failing(new SealingError(code));

  expect(failed).toMatchObject({ type, nonRetryable: !isRetried });
  expect(failed.details ?? undefined).toEqual(details);
});

test('a failure that is one already stays as it is', async () => {
  const given = ApplicationFailure.nonRetryable('no', 'InputRefused', problemOf('wrongKind'));

  const { failed } = await failing(given);

  expect(failed).toBe(given);
});

describe('an error that nobody foresaw', () => {
  const secret = 'hunter2-päss/word+4711';
  const withStack = (message: string) => new TypeError(message);

  test.each<[string, unknown, string]>([
    ['an error that quotes a secret', withStack(`Unexpected token '${secret}'`), 'TypeError'],
    ['an error of several lines', withStack(`no:\n    at ${secret}\n    at ${secret} (x:1:2)`), 'TypeError'],
    ['an error with a cause', new Error('no', { cause: new Error(secret) }), 'Error'],
    ['an error that carries it', Object.assign(new Error('no'), { body: secret }), 'Error'],
    ['a text', secret, 'string'],
    ['an object', { secret }, 'object'],
    ['nothing', undefined, 'undefined'],
  ])('%s: only its name travels', async (_what, err, name) => {
    const { failed, log } = await failing(err);

    expect(failed).toMatchObject({ type: 'CyclrUnavailable', nonRetryable: false, message: `Unforeseen ${name}` });
    expect(failed.cause).toBeUndefined();
    expect(leaks(everythingIn(failed), secret)).toEqual([]);
    expect(leaks(everythingIn(log), secret)).toEqual([]);
  });

  test('the places in the code stand in the log', async () => {
    const { log } = await failing(withStack('any'));

    const [entry] = log.filter(({ message }) => message === 'An error that nobody foresaw');
    const { at } = entry!.meta as { at: string[] };
    expect(at[0]).toMatch(/^ {4}at withStack \(.*failures\.test\.ts:\d+:\d+\)$/);
  });
});
