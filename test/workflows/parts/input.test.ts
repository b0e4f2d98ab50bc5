import fc, { runs } from '../../support/fast-check';
import {
  durationMs,
  faultOfInput,
  faultOfStart,
  isBy,
  isNotify,
  isTargetName,
  patienceMs,
  waitRulesOf,
} from '../../../workflows/input';
import { workflowIdOf } from '../../../workflows/messages';

const DAY_MS = 86_400_000;
const right = { accountId: 'acme', connectorId: 42 };

describe('durationMs', () => {
  test.each<[unknown, number]>([
    ['7 days', 7 * DAY_MS],
    ['90 days', 90 * DAY_MS],
    ['1ms', 1],
    ['0.5h', 1_800_000],
    ['1500', 1500],
    [1, 1],
    [0.5, 0.5],
    [90 * DAY_MS, 90 * DAY_MS],
  ])('durationMs reads %j as %d ms', (given, expected) => {
    expect(durationMs(given)).toBe(expected);
  });

  test.each<[unknown]>([
    [''],
    [' '],
    ['0'],
    ['-1 day'],
    ['91 days'],
    ['soon'],
    ['7 moons'],
    ['1 day 2 hours'],
    ['9'.repeat(101)],
    [0],
    [-1],
    [90 * DAY_MS + 1],
    [NaN],
    [Infinity],
    [null],
    [undefined],
    [true],
    [['7 days']],
    [{ days: 7 }],
  ])('durationMs returns NaN for %j', (given) => {
    expect(durationMs(given)).toBeNaN();
  });

  test('durationMs returns NaN or a number above 0 and at most 90 days, for random values', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.string(), fc.double(), fc.constantFrom('', '1', 'd')), (given) => {
        const ms = durationMs(given);

        expect(Number.isNaN(ms) || (ms > 0 && ms <= 90 * DAY_MS)).toBe(true);
      }),
      { numRuns: runs(500) },
    );
  });
});

test('each waiting state has its own patience, seven days by default', () => {
  const patience = { properties: '1 day', credentials: 5000 };

  expect(patienceMs(patience, 'awaitingProperties')).toBe(DAY_MS);
  expect(patienceMs(patience, 'awaitingCredentials')).toBe(5000);
  expect(patienceMs(patience, 'awaitingAuthorization')).toBe(7 * DAY_MS);
  expect(patienceMs(undefined, 'awaitingProperties')).toBe(7 * DAY_MS);
});

test.each<[unknown, boolean]>([
  [undefined, true],
  ['', true],
  ['x'.repeat(100), true],
  ['x'.repeat(101), false],
  [null, false],
  [7, false],
])('isBy accepts undefined and texts of at most 100 characters: for %j it returns %p', (by, expected) => {
  expect(isBy(by)).toBe(expected);
});

test.each<[unknown, boolean]>([
  ['crm', true],
  ['CRM_2-eu', true],
  ['x', true],
  ['x'.repeat(64), true],
  ['x'.repeat(65), false],
  ['', false],
  ['two words', false],
  ['crm/2', false],
  [['crm'], false],
  [7, false],
  [undefined, false],
])('isTargetName accepts 1 to 64 characters of A-Z, a-z, 0-9, _ and -: for %j it returns %p', (name, expected) => {
  expect(isTargetName(name)).toBe(expected);
});

test.each<[unknown, boolean]>([
  [undefined, true],
  [[], true],
  [['crm'], true],
  [Array(10).fill('crm'), true],
  [Array(11).fill('crm'), false],
  [['crm', 'two words'], false],
  ['crm', false],
  ['', false],
  [{ length: 1 }, false],
  [null, false],
])('isNotify accepts undefined and lists of at most 10 names: for %j it returns %p', (notify, expected) => {
  expect(isNotify(notify)).toBe(expected);
});

describe('waitRulesOf', () => {
  const policy = { patience: { properties: '1 day', credentials: '2 days' }, remindAfter: ['3 days'] } as const;

  test('the start input overrides each patience and the reminders of the policy', () => {
    const input = { patience: { credentials: 5000 }, remindAfter: [] };

    expect(waitRulesOf(input, { policy: policy as never })).toEqual({
      patience: { properties: '1 day', credentials: 5000 },
      remindAfter: [],
    });
  });

  test('the policy sets the patience and the reminders if the start input sets neither', () => {
    expect(waitRulesOf({}, { policy: policy as never })).toEqual(policy);
  });

  test('without a policy and without remindAfter in the start input, a flow sends no reminder', () => {
    expect(waitRulesOf({}, {})).toEqual({ patience: {}, remindAfter: [] });
  });
});

describe('faultOfInput', () => {
  test.each<[object]>([
    [right],
    [{ ...right, intent: 'authenticate' }],
    [{ ...right, intent: 'reauthenticate', by: 'cli:kim' }],
    [{ ...right, patience: {} }],
    [{ ...right, patience: { properties: '1 day', credentials: 1, authorization: '90d' } }],
    [{ ...right, remindAfter: [] }],
    [{ ...right, notify: ['crm'] }],
    [{ accountId: 'ü'.repeat(163), connectorId: 123_456 }], // the workflow id has 1,000 characters
    [{ ...right, remindAfter: Array(20).fill('1 day') }],
    [{ ...right, addedLater: 1 }],
  ])('faultOfInput finds no fault in %j', (input) => {
    expect(faultOfInput(input)).toBeUndefined();
  });

  test.each<[unknown, string]>([
    [undefined, 'input'],
    [null, 'input'],
    ['acme', 'input'],
    [[right], 'input'],
    [{}, 'accountId'],
    [{ ...right, accountId: 'アカ1' }, 'accountId'],
    [{ ...right, accountId: 7 }, 'accountId'],
    [{ ...right, accountId: 'ü'.repeat(165) }, 'accountId is too long'],
    [{ accountId: 'ü'.repeat(163), connectorId: 1_234_567 }, 'accountId is too long'],
    [{ ...right, notify: ['two words'] }, 'notify'],
    [{ ...right, connectorId: '42' }, 'connectorId'],
    [{ ...right, connectorId: 0 }, 'connectorId'],
    [{ ...right, intent: 'deauthenticate' }, 'intent'],
    [{ ...right, intent: null }, 'intent'],
    [{ ...right, patience: null }, 'patience'],
    [{ ...right, patience: '7 days' }, 'patience'],
    [{ ...right, patience: { properties: '' } }, 'patience'],
    [{ ...right, patience: { credentials: '91 days' } }, 'patience'],
    [{ ...right, patience: { authorization: null } }, 'patience'],
    [{ ...right, patience: { consent: '1 day' } }, 'patience'],
    [{ ...right, patience: ['1 day'] }, 'patience'],
    [{ ...right, remindAfter: '1 day' }, 'remindAfter'],
    [{ ...right, remindAfter: [''] }, 'remindAfter'],
    [{ ...right, remindAfter: Array(21).fill('1 day') }, 'remindAfter'],
    [{ ...right, by: 'x'.repeat(101) }, 'by'],
    [{ ...right, by: null }, 'by'],
  ])('faultOfInput finds the fault of %j: %s', (input, part) => {
    expect(faultOfInput(input)).toMatch(new RegExp(`\\b${part}\\b`));
  });

  test('faultOfInput never throws, and does not quote the input', () => {
    const part = fc.oneof(fc.jsonValue(), fc.constant('quoted-4711'));
    const inputs = fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          accountId: fc.oneof(part, fc.constant('acme')),
          connectorId: fc.oneof(part, fc.constant(42)),
          intent: part,
          patience: fc.oneof(part, fc.record({ properties: fc.oneof(part, fc.constant('')) })),
          remindAfter: fc.oneof(part, fc.array(fc.oneof(part, fc.constant('')))),
          by: part,
        },
        { requiredKeys: [] },
      ),
    );
    fc.assert(
      fc.property(inputs, (input) => {
        expect(faultOfInput(input) ?? '').not.toContain('quoted-4711');
      }),
      { numRuns: runs(500) },
    );
  });
});

describe('faultOfStart', () => {
  test.each([right, { accountId: 'Müller & Söhne/1', connectorId: 2001 }, { accountId: '%2F', connectorId: 1 }])(
    'faultOfStart accepts the workflow id of the input: %j',
    (input) => {
      expect(faultOfStart(input, workflowIdOf(input))).toBeUndefined();
    },
  );

  test.each(['connector-auth/other/42', 'connector-auth/acme/43', 'connector-auth/acme/42 ', 'acme', ''])(
    'faultOfStart refuses the wrong workflow id %j',
    (workflowId) => {
      expect(faultOfStart(right, workflowId)).toBe('the workflow id does not belong to this account and connector');
    },
  );

  test('faultOfStart names the fault of a malformed input, even if the workflow id is wrong', () => {
    expect(faultOfStart({ accountId: '\ud800', connectorId: 1 }, 'any')).toMatch(/accountId/);
  });

  test('workflowIdOf gives different ids for different connectors', () => {
    const keys = fc.record({ accountId: fc.string({ minLength: 1 }), connectorId: fc.integer({ min: 1 }) });
    fc.assert(
      fc.property(keys, keys, (a, b) => {
        fc.pre(a.accountId !== b.accountId || a.connectorId !== b.connectorId);
        expect(workflowIdOf(a)).not.toBe(workflowIdOf(b));
      }),
    );
  });
});
