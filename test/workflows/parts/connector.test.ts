import fc, { runs } from '../../support/fast-check';
import {
  authMethodOf,
  isAccountId,
  isConnectorId,
  isSubmissionId,
  missingFields,
  type AuthMethod,
  type Field,
} from '../../../workflows/connector';
import { connector } from '../../../scripts/faults/machine-samples';

describe('isAccountId', () => {
  /** A second implementation of the documented rules for an account id. True if the text follows all rules. */
  const isOne = (text: string): boolean => {
    const codes = [...Array(text.length).keys()].map((index) => text.charCodeAt(index));
    const isAllowed = (code: number) => (code >= 0x20 && code <= 0x7e) || (code >= 0xa0 && code <= 0xff);
    const hasRoomAtTheEnds = text[0] !== ' ' && text[text.length - 1] !== ' ';
    const isPath = text === '.' || text === '..';
    return text.length >= 1 && text.length <= 200 && codes.every(isAllowed) && hasRoomAtTheEnds && !isPath;
  };
  const latin = fc.string({ unit: fc.integer({ min: 0, max: 0x17f }).map((code) => String.fromCharCode(code)) });
  const likely = fc.string({ unit: fc.constantFrom('a', ' ', '.', 'é', '\u00a0', '\n', '/'), maxLength: 5 });

  test('isAccountId accepts a text if, and only if, the text follows all rules for an account id', () => {
    fc.assert(
      fc.property(fc.oneof(latin, likely, fc.string({ unit: 'binary' }), fc.string({ maxLength: 300 })), (text) => {
        expect(isAccountId(text)).toBe(isOne(text));
      }),
      { numRuns: runs(1000) },
    );
  });

  test.each([
    'a',
    'Müller & Söhne/1',
    '...',
    'a.',
    '~',
    '\u00a0',
    'ÿ'.repeat(200),
    '7c9e6679-7425-40de-944b-e07fc1f90ae7',
  ])('isAccountId accepts %j', (text) => {
    expect(isAccountId(text)).toBe(true);
  });

  test.each(['アカ1', '', ' ', ' a', 'a ', '.', '..', 'a'.repeat(201), 'a\n', '\u007f', '\u009f', 'Ā', '\ud83d\ude80'])(
    'isAccountId refuses %j',
    (text) => {
      expect(isAccountId(text)).toBe(false);
    },
  );

  test('isAccountId refuses values that are not strings', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        fc.pre(typeof value !== 'string');
        expect(isAccountId(value)).toBe(false);
      }),
    );
  });
});

test.each<[unknown, boolean]>([
  [1, true],
  [Number.MAX_SAFE_INTEGER, true],
  [0, false],
  [-1, false],
  [1.5, false],
  [2 ** 53, false],
  [NaN, false],
  [Infinity, false],
  ['1', false],
  [null, false],
  [[1], false],
])('isConnectorId accepts positive integers: for %p it returns %p', (value, expected) => {
  expect(isConnectorId(value)).toBe(expected);
});

test.each<[unknown, boolean]>([
  ['a', true],
  ['A-z_09', true],
  ['x'.repeat(128), true],
  ['x'.repeat(129), false],
  ['', false],
  ['a b', false],
  ['a\n', false],
  ['é', false],
  ['a.b', false],
  [1, false],
  [null, false],
])('isSubmissionId accepts 1 to 128 letters, digits, _ and -: for %j it returns %p', (value, expected) => {
  expect(isSubmissionId(value)).toBe(expected);
});

test.each<[string, string | undefined, boolean, AuthMethod]>([
  ['ApiKey', undefined, false, 'apiKey'],
  ['ApiKey', 'AuthorisationCode', true, 'apiKey'],
  ['Basic', undefined, false, 'basic'],
  ['None', undefined, false, 'none'],
  ['OAuth1', undefined, false, 'consent'],
  ['OAuth1', undefined, true, 'tokens'],
  ['OAuth2', 'AuthorisationCode', false, 'consent'],
  ['OAuth2', 'AuthorisationCode', true, 'tokens'],
  ['OAuth2', 'Unknown', false, 'consent'],
  ['OAuth2', undefined, false, 'consent'],
  ['OAuth2', 'PasswordCredentials', false, 'consent'],
  ['OAuth2', 'ClientCredentials', false, 'clientCredentials'],
  ['OAuth2', 'ClientCredentials', true, 'clientCredentials'],
  ['OAuth2', 'SomethingNew', false, 'unsupported'],
  ['OAuth2', 'constructor', false, 'unsupported'],
  ['AuthFields', undefined, false, 'unsupported'],
  ['ClientCertificate', 'Unknown', false, 'unsupported'],
  ['apikey', undefined, false, 'unsupported'],
  ['', undefined, false, 'unsupported'],
])(
  'the auth type %s with OAuth2 type %s, partner supplied: %s, has the auth method %s',
  (authType, oauth2Type, partnerSupplied, expected) => {
    expect(authMethodOf(connector(authType, { ...(oauth2Type && { oauth2Type }), partnerSupplied }))).toBe(expected);
  },
);

test('missingFields returns the fields that are required and not stored', () => {
  const field = (name: string, required: boolean, stored: boolean): Field => {
    return { name, label: name, required, stored, secret: false };
  };
  const fields = [
    field('missing', true, false),
    field('stored', true, true),
    field('optional', false, false),
    field('both', false, true),
  ];

  expect(missingFields(connector('ApiKey', { fields })).map(({ name }) => name)).toEqual(['missing']);
});
