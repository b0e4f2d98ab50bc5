import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { CyclrError, type CyclrErrorKind } from '../../activities/cyclr/errors';
import {
  cyclrFailure,
  cyclrRefused,
  inputRefused,
  invalidInput,
  mapped,
  policyFailure,
} from '../../activities/failures';
import { SealingError, type SealingErrorCode } from '../../sealing/seal';
import type { ActivityFailureType } from '../../workflows/ports';
import { problemOf } from '../../workflows/problems';
import { everythingIn, leaks } from './leaks';
import { failure, inContext } from './scene';

/** Runs an activity that throws `err`. Returns the failure of the activity, and the log. */
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
  unconfirmed: ['CyclrUnavailable', true],
  outdated: ['CyclrUnavailable', true],
  throttled: ['CyclrThrottled', true],
  unauthorized: ['CyclrUnauthorized', true],
  accessDenied: ['CyclrAccessDenied', false],
  forbidden: ['CyclrForbidden', false],
  clientRefused: ['CyclrForbidden', false],
  tooLarge: ['CyclrForbidden', false],
  notFound: ['CyclrNotFound', false],
  refused: ['CyclrRefused', false],
};
const kinds = Object.keys(fates) as CyclrErrorKind[];

test.each(kinds)(
  'a CyclrError of the kind %s becomes a failure with the expected type and nonRetryable',
  async (kind) => {
    const [type, isRetried] = fates[kind];

    const { failed } = await failing(new CyclrError(kind, MESSAGE));

    expect(failed).toMatchObject({ type, nonRetryable: !isRetried });
    expect(failed.nextRetryDelay ?? undefined).toBeUndefined();
    expect(failed.cause).toBeUndefined();
    expect(failed.message).toContain(MESSAGE);
  },
);

test.each(kinds.filter((kind) => kind !== 'refused'))(
  'the Retry-After of a CyclrError of the kind %s is the next retry delay, and is in the details for the workflow',
  async (kind) => {
    const { failed } = await failing(new CyclrError(kind, MESSAGE, 17_000));

    expect(failed).toMatchObject({ message: MESSAGE, nextRetryDelay: 17_000, details: [{ retryAfterMs: 17_000 }] });
  },
);

test('a refusal by Cyclr becomes a problem with a text of this package, not of Cyclr', async () => {
  const { failed } = await failing(new CyclrError('refused', MESSAGE));

  const problem = problemOf('refused', [], MESSAGE);
  expect(failed.message).toBe(problem.message);
  expect(failed.details).toEqual([problem]);
});

const troubles: CyclrErrorKind[] = ['accessDenied', 'forbidden', 'clientRefused', 'tooLarge'];

test.each(kinds.filter((kind) => kind !== 'refused'))(
  'the details of a CyclrError of the kind %s contain the kind only if an operator must act',
  async (kind) => {
    const { failed } = await failing(new CyclrError(kind, MESSAGE));

    expect(failed.details ?? []).toEqual(troubles.includes(kind) ? [{ reason: kind }] : []);
  },
);

test('the details of a CyclrError contain the properties that Cyclr accepted before the error', () => {
  const { details } = cyclrFailure(new CyclrError('forbidden', MESSAGE, 1000), ['Domain']);

  expect(details).toEqual([{ retryAfterMs: 1000, taken: ['Domain'], reason: 'forbidden' }]);
});

const problem = problemOf('refused', ['Domain']);

test.each<[string, ApplicationFailure, object]>([
  ['an input', inputRefused(problem), { type: 'InputRefused', message: problem.message, details: [problem] }],
  [
    'an input by Cyclr',
    cyclrRefused(problem, 7),
    { type: 'CyclrRefused', message: problem.message, details: [problem, 7] },
  ],
  ['an argument', invalidInput(MESSAGE), { type: 'InvalidInput', message: MESSAGE }],
])(
  'a failure that reports the refusal of %s is not retried, and is not counted as an error',
  (_what, failed, expected) => {
    expect(failed).toMatchObject({ ...expected, nonRetryable: true, category: ApplicationFailureCategory.BENIGN });
  },
);

test('policyFailure returns a failure that prevents a retry and tells the operator the reason', () => {
  expect(policyFailure(MESSAGE)).toMatchObject({
    type: 'CyclrForbidden',
    message: MESSAGE,
    nonRetryable: true,
    details: [{ reason: 'policy' }],
  });
});

test('an activity that succeeds returns its result', async () => {
  expect(await inContext({})(() => mapped(async () => 'done'))()).toBe('done');
});

const sealing: Record<SealingErrorCode, [type: ActivityFailureType, isRetried: boolean, details: unknown]> = {
  unknownKey: ['UnknownSealingKey', true, undefined],
  notOpenable: ['InputRefused', false, [problemOf('notOpenable')]],
  malformed: ['InputRefused', false, [problemOf('malformed')]],
};

test.each(Object.keys(sealing) as SealingErrorCode[])(
  'a SealingError with the code %s becomes a failure with the expected type, nonRetryable and details',
  async (code) => {
    const [type, isRetried, details] = sealing[code];

    const { failed } = await failing(new SealingError(code));

    expect(failed).toMatchObject({ type, nonRetryable: !isRetried });
    expect(failed.details ?? undefined).toEqual(details);
  },
);

test('if an activity throws an ApplicationFailure, Temporal gets this failure unchanged', async () => {
  const given = ApplicationFailure.nonRetryable('no', 'InputRefused', problemOf('wrongKind'));

  const { failed } = await failing(given);

  expect(failed).toBe(given);
});

describe('unexpected errors', () => {
  const secret = 'hunter2-päss/word+4711';
  const withStack = (message: string) => new TypeError(message);

  test.each<[string, unknown, string]>([
    ['an error that quotes a secret', withStack(`Unexpected token '${secret}'`), 'TypeError'],
    ['an error of several lines', withStack(`no:\n    at ${secret}\n    at ${secret} (x:1:2)`), 'TypeError'],
    ['an error with a cause', new Error('no', { cause: new Error(secret) }), 'Error'],
    ['an error with a secret in a member', Object.assign(new Error('no'), { body: secret }), 'Error'],
    ['a text', secret, 'string'],
    ['an object', { secret }, 'object'],
    ['nothing', undefined, 'undefined'],
  ])(
    'if an activity throws %s, the failure contains only the class or the type of the thrown value',
    async (_what, err, name) => {
      const { failed, log } = await failing(err);

      expect(failed).toMatchObject({ type: 'CyclrUnavailable', nonRetryable: false, message: `Unexpected ${name}` });
      expect(failed.cause).toBeUndefined();
      expect(leaks(everythingIn(failed), secret)).toEqual([]);
      expect(leaks(everythingIn(log), secret)).toEqual([]);
    },
  );

  test.each([
    ['a text', 'any'],
    ['a short text like a stack frame', '\n    at x'],
  ])('if an activity throws an error with %s, the log has only the stack frames of the error', async (_what, text) => {
    const { log } = await failing(withStack(text));

    const [entry] = log.filter(({ message }) => message === 'Unexpected error in an activity');
    const { at } = entry!.meta as { at: string[] };
    expect(at[0]).toMatch(/^ {4}at withStack \(.*failures\.test\.ts:\d+:\d+\)$/);
  });

  test('if an activity throws a value that is no error, the log has the type of the value and no stack frame', async () => {
    const { log } = await failing(secret);

    const [entry] = log.filter(({ message }) => message === 'Unexpected error in an activity');
    expect(entry!.meta).toMatchObject({ name: 'string', at: [] });
  });
});
