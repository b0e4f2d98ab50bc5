/** What the service is told by its environment. */
import { randomBytes } from 'node:crypto';
import { readConfig } from '../../service/config';
import { generateKey, publicHalf } from '../../sealing/keys';
import { digestOf } from './scene';

const symmetric = (bytes = 32) => ({ kty: 'oct', k: randomBytes(bytes).toString('base64url') });
let right: { [name: string]: string };
beforeAll(async () => {
  right = {
    SERVICE_API_KEYS: `${digestOf('one')}, ${digestOf('two').toUpperCase()}`,
    SESSION_KEYS: JSON.stringify({ keys: [symmetric(), { ...symmetric(), kid: 'older' }] }),
    SEALING_KEYS: JSON.stringify(publicHalf({ keys: [await generateKey()] })),
  };
});
const problems = (env: object) =>
  readConfig({ ...right, ...env }).then(
    () => [],
    (err: Error) => err.message.split('\n'),
  );

test('without a PUBLIC_URL it is for this machine alone', async () => {
  const config = await readConfig(right);

  expect(config).toMatchObject({
    publicUrl: 'http://127.0.0.1:8080',
    host: '127.0.0.1',
    port: 8080,
    allowedOrigins: [],
    warnings: [],
  });
  expect(config.metricsPort).toBeUndefined();
  expect(config.sessionKeys.map(({ kid }) => kid)).toEqual([expect.stringMatching(/^[\w-]{8}$/), 'older']);
  expect([config.apiKeys.idOf('one'), config.apiKeys.idOf('two')]).toEqual([
    digestOf('one').slice(0, 16),
    digestOf('two').slice(0, 16),
  ]);
  expect(config.apiKeys.idOf('three')).toBeUndefined();
});

test('with one it is for everybody, also below a path', async () => {
  const env = {
    PUBLIC_URL: 'https://connect.acme.example/onboarding/',
    ALLOWED_ORIGINS: 'https://a.example, http://localhost:3000',
  };

  expect(await readConfig({ ...right, ...env })).toMatchObject({
    publicUrl: 'https://connect.acme.example/onboarding',
    host: '0.0.0.0',
    allowedOrigins: ['https://a.example', 'http://localhost:3000'],
  });
});

test('all that is missing is said in one message', async () => {
  const said = await readConfig({ PUBLIC_URL: 'http://acme.example', PORT: 'x' }).catch((err: Error) => err.message);

  for (const name of ['PUBLIC_URL', 'PORT', 'SERVICE_API_KEYS', 'SESSION_KEYS', 'SEALING_KEYS'])
    expect(said).toMatch(new RegExp(`^${name} is`, 'm'));
});

test.each([
  ['PUBLIC_URL', 'http://acme.example'],
  ['PUBLIC_URL', 'acme.example'],
  ['PUBLIC_URL', 'https://user@acme.example'],
  ['PUBLIC_URL', 'https://acme.example/?a=b'],
  ['PUBLIC_URL', `https://acme.example/${'a'.repeat(500)}`],
  ['PORT', '65536'],
  ['PORT', '0'],
  ['METRICS_PORT', '-1'],
  ['ALLOWED_ORIGINS', 'https://acme.example/path'],
  ['ALLOWED_ORIGINS', 'https://acme.example,'],
  ['ALLOWED_ORIGINS', 'http://acme.example'],
  ['ALLOWED_ORIGINS', '*'],
  ['ALLOWED_ORIGINS', 'null'],
  ['SERVICE_API_KEYS', 'a-key-and-no-digest'],
  ['SERVICE_API_KEYS', `${'0'.repeat(64)},`],
  ['SESSION_KEYS', '/nowhere/keys.json'],
  ['SESSION_KEYS', '{"keys":[]}'],
  ['SESSION_KEYS', '{"keys":"secret"'],
  ['SESSION_KEYS', JSON.stringify({ keys: [symmetric(31)] })],
  [
    'SESSION_KEYS',
    JSON.stringify({
      keys: [
        { ...symmetric(), kid: 'a' },
        { ...symmetric(), kid: 'a' },
      ],
    }),
  ],
  ['SESSION_KEYS', JSON.stringify({ keys: [{ kty: 'RSA', n: 'x', e: 'AQAB' }] })],
  ['SEALING_KEYS', '{"keys":[{"kty":"EC"}]}'],
])('%s %p is said to be wrong, and not quoted', async (name, value) => {
  const said = await problems({ [name]: value });

  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(new RegExp(`^${name} `));
  expect(said[0]).not.toContain(value);
});

test('of private sealing keys it keeps the public half, and warns', async () => {
  const key = await generateKey();

  const { sealing, warnings } = await readConfig({ ...right, SEALING_KEYS: JSON.stringify({ keys: [key] }) });

  expect(warnings).toEqual([expect.stringContaining('SEALING_KEYS has a private key')]);
  expect(JSON.stringify(sealing.set)).not.toContain(key.d);
  expect(sealing.set.keys).toMatchObject([{ kid: key.kid }]);
  expect(sealing.key.key).toMatchObject({ type: 'public' });
});
