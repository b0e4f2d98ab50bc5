import { credentialsOf } from '../../sealing/credentials';

test.each([
  { kind: 'apiKey', key: 'k' },
  { kind: 'basic', username: 'u', password: 'p:q' },
  { kind: 'basic', username: 'the key is the user name', password: '' },
  { kind: 'tokens', accessToken: 'a' },
  {
    kind: 'tokens',
    accessToken: 'a',
    refreshToken: 'r',
    expires: '2030-01-01T00:00:00Z',
    refreshExpires: '2031-01-01',
  },
])('credentialsOf accepts %j', (credentials) => {
  expect(credentialsOf(JSON.stringify(credentials))).toEqual(credentials);
});

test.each<[string, unknown]>([
  ['an API key without its member key', { kind: 'apiKey' }],
  ['an empty API key', { kind: 'apiKey', key: '' }],
  ['an API key that is no string', { kind: 'apiKey', key: 1 }],
  ['the members of another kind', { kind: 'apiKey', username: 'hunter2', password: 'hunter2' }],
  ['an unknown member', { kind: 'tokens', accessToken: 'hunter2', refresh_token: 'hunter2' }],
  ['a missing password', { kind: 'basic', username: 'hunter2' }],
  ['an empty user name', { kind: 'basic', username: '', password: 'hunter2' }],
  ['a user name with a colon', { kind: 'basic', username: 'hun:ter2', password: 'hunter2' }],
  ['an unknown kind', { kind: 'hunter2', key: 'hunter2' }],
  ['a missing kind', { key: 'hunter2' }],
  ['a lone surrogate', { kind: 'apiKey', key: 'hunter\ud800' }],
  ['a list', [{ kind: 'apiKey', key: 'hunter2' }]],
  ['null', null],
  ['a string', 'hunter2'],
  ['more than 64 KiB', { kind: 'apiKey', key: 'hunter2'.repeat(10_000) }],
])('credentialsOf refuses %s as malformed', (_, value) => {
  expect(() => credentialsOf(JSON.stringify(value))).toThrow(expect.objectContaining({ code: 'malformed' }));
});

test('the error of credentialsOf for a text that is not JSON does not quote the text and has no cause', () => {
  const attempt = () => credentialsOf('{"kind":"apiKey","key":"hunter2"');

  try {
    attempt();
  } catch (err) {
    expect(err).not.toHaveProperty('cause');
    expect((err as Error).stack).not.toContain('hunter2');
  }
  expect(attempt).toThrow(expect.objectContaining({ name: 'SealingError', code: 'malformed' }));
});
