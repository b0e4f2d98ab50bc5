import { everythingIn, leaks } from './leaks';

const secret = 'Päss-wörd/4711?';

test.each<[string, unknown]>([
  ['the message', new Error(`no: ${secret}`)],
  ['the cause', new Error('no', { cause: new Error(secret) })],
  ['an array below a member', Object.assign(new Error('no'), { config: { headers: [secret] } })],
  ['a hidden property', Object.defineProperty(new Error('no'), 'hidden', { value: secret, enumerable: false })],
  ['a getter', Object.defineProperty(new Error('no'), 'late', { get: () => ({ secret }) })],
  ['the stack', Object.assign(new Error('no'), { stack: `Error: no\n    at ${secret}` })],
  ['base64 after 3 bytes', new Error(Buffer.from(`abc${secret}`).toString('base64'))],
  ['base64 after 4 bytes', new Error(Buffer.from(`abcd${secret}x`).toString('base64'))],
  ['base64url after 2 bytes', new Error(Buffer.from(`ab${secret}xy`).toString('base64url'))],
  ['URL encoding', new Error(encodeURIComponent(`q=${secret}&`))],
  ['capitals', new Error(secret.toUpperCase())],
  ['a text with only the first half of the secret', new Error(`${secret.slice(0, 8)}…`)],
])('leaks finds a secret in an error, in this form or place: %s', (_where, err) => {
  expect(leaks(everythingIn(err), secret)).not.toEqual([]);
});

test('leaks finds nothing in an error without the secret', () => {
  expect(leaks(everythingIn(new Error('PUT /v1.0/account/connectors/1: 400')), secret)).toEqual([]);
});
