/** The verification of received events. */
import { Webhook } from 'standardwebhooks';
import { secretsOf, verify, WebhookVerificationError } from '../../../client/http';
import { createSecret } from '../../support/receiver';

const [secret, other] = [createSecret(), createSecret()];
const event = { type: 'connector.waiting', timestamp: '2026-01-31T12:00:00.000Z', data: { id: 'run.1' } };
const text = JSON.stringify(event);

const NOW = Date.now();
beforeEach(() => jest.spyOn(Date, 'now').mockReturnValue(NOW));
afterEach(() => jest.restoreAllMocks());

/** The headers of a post that was signed `secondsAgo` seconds ago, with one signature for each secret. */
function signedBy(secrets: string[], secondsAgo = 0) {
  const at = new Date(NOW - secondsAgo * 1000);
  return {
    'webhook-id': 'run.1',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': secrets.map((one) => new Webhook(one).sign('run.1', at, text)).join(' '),
  };
}

test('verify returns the event if it is signed with one of the secrets, in any order of the secrets', () => {
  for (const secrets of [secret, [secret], [secret, other], [other, secret]])
    expect(verify(signedBy([secret]), text, secrets)).toEqual(event);
  expect(verify(signedBy([other, secret]), text, secret)).toEqual(event);
});

test('verify accepts the body as a Buffer, and the headers of a fetch request', () => {
  expect(verify(new Headers(signedBy([secret])), Buffer.from(text), secret)).toEqual(event);
});

test('verify accepts a signature that is up to 5 minutes old', () => {
  expect(verify(signedBy([secret], 299), text, secret)).toEqual(event);
});

const headers = signedBy([secret]);
test.each<[string, Parameters<typeof verify>]>([
  ['signed with another secret', [headers, text, other]],
  ['signed with none of the secrets', [headers, text, [other, createSecret()]]],
  ['with a changed body', [headers, `${text} `, secret]],
  ['with a changed id', [{ ...headers, 'webhook-id': 'run.2' }, text, secret]],
  ['with a changed time', [{ ...headers, 'webhook-timestamp': String(Number(headers['webhook-timestamp']) - 1) }, text, secret]], // prettier-ignore
  ['over 5 minutes old', [signedBy([secret], 301), text, secret]],
  ['from the future', [signedBy([secret], -301), text, secret]],
  ['without headers', [{}, text, secret]],
  ['without a signature', [{ ...headers, 'webhook-signature': undefined }, text, secret]],
  ['with two ids', [{ ...headers, 'webhook-id': ['run.1', 'run.1'] }, text, secret]],
  ['with a list of signatures', [{ ...headers, 'webhook-signature': [headers['webhook-signature']] }, text, secret]],
  ['without a version of the signature', [{ ...headers, 'webhook-signature': 'v1' }, text, secret]],
  ['without a body', [headers, undefined, secret]],
  ['with an empty body', [headers, '', secret]],
])('verify refuses a post %s', (_what, given) => {
  expect(() => verify(...given)).toThrow(WebhookVerificationError);
});

test('for a wrong signature, verify fails with an error that says that no signature matches', () => {
  expect(() => verify(headers, text, [createSecret()])).toThrow('No matching signature found');
});

test.each<[string, string | string[], string]>([
  ['without a secret', [], 'No secret was given'],
  ['with an empty secret', '', 'Secret 1 is empty or is not base64'],
  ['with a secret that is not base64', [secret, 'whsec_not base64'], 'Secret 2 is empty or is not base64'],
])(
  'if verify is called %s, it fails even for a signed post, with an error that is not a WebhookVerificationError',
  (_what, secrets, message) => {
    const attempt = () => verify(headers, text, secrets);

    expect(attempt).toThrow(new Error(message));
    expect(attempt).not.toThrow(WebhookVerificationError);
  },
);

test('secretsOf returns the secrets of a list without the spaces around the commas', () => {
  expect(secretsOf(`${other}, ${secret} `)).toEqual([other, secret]);
});

test.each([
  ['no secret', ' '],
  ['a comma at the end', `${secret},`],
  ['an empty secret', `${secret}, whsec_`],
  ['a secret that is not base64', `${secret}, whsec_?`],
])('secretsOf refuses a list with %s', (_what, list) => {
  expect(() => secretsOf(list)).toThrow(/^Secret \d is empty or is not base64$/);
});
