import { verdictOf } from '../../activities/checks';
import { everythingIn } from './leaks';
import { ACCOUNT, failure, scene, sealedCredentials, stopAll, SUBMISSION } from './scene';

afterEach(stopAll);

describe('verdictOf: the verdict for the answer to a method call of a policy', () => {
  const refusal = '{"Message":"Failed to authenticate the connector: token expired"}';

  test.each<[string, number, string, string, string | undefined]>([
    ['JSON', 200, 'checked', '{"ok":true}', undefined],
    ['no body', 204, 'checked', '', undefined],
    ['an HTML page', 200, 'unreadable', '<html>', undefined],
    ['a value at the path `expect` of the policy', 200, 'checked', '{"data":[{"id":7}]}', 'data.0.id'],
    ['false at the path `expect` of the policy', 200, 'refused', '{"ok":false}', 'ok'],
    ['a value at the path `expect` of the policy, but only in the prototype', 200, 'refused', '{}', 'constructor.name'],
    ['an HTML page, where the policy expects a value', 200, 'unreadable', '<html>', 'ok'],
    ['no body', 401, 'refused', '', undefined],
    ["Cyclr's message for failed authentication", 500, 'refused', refusal, undefined],
    ['no body', 403, 'notPermitted', '', undefined],
    ["Cyclr's message for failed authentication", 403, 'notPermitted', refusal, undefined],
    ['another message', 400, 'noAnswer', '{"Message":"invalid"}', undefined],
    ['no body', 404, 'noAnswer', '', undefined],
    ['no body', 429, 'noAnswer', '', undefined],
    ['no body', 500, 'noAnswer', '', undefined],
  ])('for an answer with %s (status %i), verdictOf returns %s', (_case, status, expected, text, path) => {
    const answer = { status, text, retryAfter: undefined, totalPages: undefined };

    expect(verdictOf(answer, path)).toBe(expected);
  });
});

test('checkConnection sends only GETs and calls of the methods in the policy, and cuts the identity to one line of 100 characters', async () => {
  const policies = `policies:
  - match: { name: Evergreen }
    verify: { method: WHOAMI-120, expect: user.id }
    identity: { method: whoami-120, path: user.email }
`;
  const at = await scene('Evergreen', { policies });
  const { Id } = at.stored().Connector;
  Object.assign(at.sandbox.switches, { methodCalls: 'allowed' });
  const long = { user: { email: `a\n${'b'.repeat(200)}` } };
  at.sandbox.fault({ match: { path: `${at.path}/methods` }, then: { status: 200, body: long } });

  const check = await at.activities.checkConnection(at.key);

  expect(Id).toBe(120);
  expect(check).toEqual({ verification: 'checked', identity: `a ${'b'.repeat(98)}` });
  expect(at.calls()).toEqual(['GET', 'POST /test/120001', 'POST /methods/whoami-120']);
});

describe('AuthFields credentials with a policy without a template for the AuthValue', () => {
  const policies = `policies:
  - match: { name: Fieldstone }
    authFields:
      fields: [{ name: user, label: User }, { name: token, label: Token }]
      properties: { LandUser: '{user}', LandToken: '{token|base64}' }
`;
  const apply = async (values: { [name: string]: string }) => {
    const at = await scene('Fieldstone', { policies });
    const credentials = await sealedCredentials(at.key, { kind: 'fields', values });
    return {
      at,
      done: at.activities.applyCredentials(at.key, { method: 'fields', submissionId: SUBMISSION, credentials }),
    };
  };

  test('applyCredentials sets the properties from the templates of the policy, then stores the AuthValue {}', async () => {
    const { at, done } = await apply({ user: ' me ', token: 'tökén' });
    await done;

    const { AuthValue, Properties } = at.sandbox.connectorOf(ACCOUNT, at.key.connectorId);
    expect(AuthValue).toBe('{}');
    expect(Properties.map(({ Name, Value }) => [Name, Value])).toEqual([
      ['LandUser', ' me '],
      ['LandToken', Buffer.from('tökén').toString('base64')],
    ]);
  });

  test('if Cyclr refuses a property, the problem names the fields in the template of the property, and no failure quotes a value', async () => {
    const { at, done } = await apply({ user: 'wrong-hunter2', token: 'x' });

    const refused = await failure(done);

    expect(refused.details?.[0]).toMatchObject({ code: 'refused', fields: [{ name: 'user', code: 'refused' }] });
    expect(everythingIn([refused, at.log])).not.toContain('hunter2');
  });
});

test('if the policy was removed, AuthFields credentials cause a failure that only an operator can mend', async () => {
  const at = await scene('Fieldstone', { policies: 'policies: [{ match: { name: Other } }]' });
  const credentials = await sealedCredentials(at.key, { kind: 'fields', values: { token: 'x' } });

  const err = await failure(
    at.activities.applyCredentials(at.key, { method: 'fields', submissionId: SUBMISSION, credentials }),
  );

  expect([err.type, err.message]).toEqual(['CyclrForbidden', 'The policy of this connector has no authFields']);
});
