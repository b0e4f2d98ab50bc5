/** The environment variables of the service. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { generateKey, publicHalf } from '../../../sealing/keys';
import { readConfig } from '../../../service/config';
import { checkReturnUrl } from '../../../service/flows';
import { Tokens } from '../../../service/tokens';
import { allAddresses } from '../../../temporal/environment';
import { temporaryFolder, write } from '../../scripts/parts/scene';
import { digestOf } from '../server';

const symmetric = (bytes = 32) => ({ kty: 'oct', k: randomBytes(bytes).toString('base64url') });
const setOf = (...keys: object[]) => JSON.stringify({ keys });
let right: { [name: string]: string };
beforeAll(async () => {
  right = {
    SERVICE_API_KEYS: `${digestOf('one')}, ${digestOf('two').toUpperCase()}`,
    SESSION_KEYS: setOf(symmetric(), { ...symmetric(), kid: 'older' }),
    SEALING_KEYS: JSON.stringify(publicHalf({ keys: [await generateKey()] })),
  };
});
const faultsOf = (env: object): Promise<string[]> =>
  readConfig({ ...right, ...env }).then(
    () => [],
    (err: Error) => err.message.split('\n'),
  );

test('without PUBLIC_URL the service listens on 127.0.0.1', async () => {
  const config = await readConfig({ ...right, PUBLIC_URL: '', METRICS_PORT: '' });

  expect(config).toMatchObject({
    publicUrl: 'http://127.0.0.1:8080',
    host: '127.0.0.1',
    port: 8080,
    allowedOrigins: [],
    warnings: [],
  });
  expect(config.metricsPort).toBeUndefined();
});

test('with PUBLIC_URL, with or without a path, the service listens on all addresses, IPv6 and IPv4', async () => {
  const env = {
    PUBLIC_URL: 'https://connect.acme.example/onboarding/',
    ALLOWED_ORIGINS: 'https://a.example, http://localhost:3000',
  };

  expect(await readConfig({ ...right, ...env })).toMatchObject({
    publicUrl: 'https://connect.acme.example/onboarding',
    host: allAddresses(),
    allowedOrigins: ['https://a.example', 'http://localhost:3000'],
  });
});

test('PORT=0 and METRICS_PORT=0 mean any free port, and the default of PUBLIC_URL has the chosen port', async () => {
  const { port, publicUrl, metricsPort } = await readConfig({ ...right, PORT: '0', METRICS_PORT: '0' });

  expect(port).toBeGreaterThan(0);
  expect(publicUrl).toBe(`http://127.0.0.1:${port}`);
  expect(metricsPort).toBe(0);
});

test('SERVICE_API_KEYS_FILE, SESSION_KEYS_FILE and SEALING_KEYS_FILE name files with the values', async () => {
  const folder = temporaryFolder();
  const files = Object.entries(right).map(([name, value]) => [`${name}_FILE`, write(join(folder, name), value)]);

  const { apiKeys, sessionKeys } = await readConfig(Object.fromEntries(files) as NodeJS.ProcessEnv);

  expect(apiKeys.find('one')).toEqual({ id: digestOf('one').slice(0, 16) });
  expect(sessionKeys).toHaveLength(2);
});

test('session keys and known API keys have an id, and unknown API keys are not found', async () => {
  const { apiKeys, sessionKeys } = await readConfig(right);

  expect(sessionKeys.map(({ kid }) => kid)).toEqual([expect.stringMatching(/^[\w-]{8}$/), 'older']);
  expect(['one', 'two'].map(apiKeys.find)).toEqual(['one', 'two'].map((key) => ({ id: digestOf(key).slice(0, 16) })));
  expect(apiKeys.find('three')).toBeUndefined();
});

test('an empty key is unknown, even if SERVICE_API_KEYS has the digest of an empty text', async () => {
  const { apiKeys } = await readConfig({ ...right, SERVICE_API_KEYS: digestOf('') });

  expect(apiKeys.find('')).toBeUndefined();
});

test('an item of SERVICE_API_KEYS can have a name, which only the API key of this item gets', async () => {
  const names = ['crm', 'A-z.9_', 'x'.repeat(40)];
  const items = [digestOf('unnamed'), ...names.map((name) => `${name}:${digestOf(name)}`)];

  const { apiKeys } = await readConfig({ ...right, SERVICE_API_KEYS: items.join(' , ') });

  expect(['unnamed', ...names].map((key) => apiKeys.find(key)?.name)).toEqual([undefined, ...names]);
  expect(apiKeys.find(`crm:${digestOf('crm')}`)).toBeUndefined();
});

test('one error message names every fault of the environment', async () => {
  const message = await readConfig({ PUBLIC_URL: 'http://acme.example', PORT: 'x' }).catch((err: Error) => err.message);

  for (const name of ['PUBLIC_URL', 'PORT', 'SERVICE_API_KEYS', 'SESSION_KEYS', 'SEALING_KEYS'])
    expect(message).toMatch(new RegExp(`^${name} is`, 'm'));
});

test.each([
  ['PUBLIC_URL', 'http://acme.example'],
  ['PUBLIC_URL', 'acme.example'],
  ['PUBLIC_URL', 'https://user@acme.example'],
  ['PUBLIC_URL', 'https://acme.example/?a=b'],
  ['PUBLIC_URL', 'https://acme.example/?'],
  ['PUBLIC_URL', 'HTTP://acme.example'],
  ['PUBLIC_URL', `https://acme.example/${'a'.repeat(500)}`],
  ['PORT', '65536'],
  ['SESSION_KEYS', '/dev/null'],
  ['METRICS_PORT', '-1'],
  ['ALLOWED_ORIGINS', 'https://acme.example/path'],
  ['ALLOWED_ORIGINS', 'https://acme.example,'],
  ['ALLOWED_ORIGINS', 'https://*.acme.example'],
  ['ALLOWED_ORIGINS', 'http://acme.example'],
  ['ALLOWED_ORIGINS', '*'],
  ['ALLOWED_ORIGINS', 'null'],
  ['SERVICE_API_KEYS', 'a-key-and-no-digest'],
  ['SERVICE_API_KEYS', `${'0'.repeat(64)},`],
  ['SERVICE_API_KEYS', `:${digestOf('one')}`],
  ['SERVICE_API_KEYS', `a:b:${digestOf('one')}`],
  ['SERVICE_API_KEYS', `a b:${digestOf('one')}`],
  ['SERVICE_API_KEYS', `a\n:${digestOf('one')}`],
  ['SERVICE_API_KEYS', `ä:${digestOf('one')}`],
  ['SERVICE_API_KEYS', `${'x'.repeat(41)}:${digestOf('one')}`],
  ['SERVICE_API_KEYS', `${digestOf('one')}:crm`],
  ['SERVICE_API_KEYS', `crm:${digestOf('one')},CRM:${digestOf('two')}`],
  ['SERVICE_API_KEYS', `crm:${digestOf('one')},shop:${digestOf('one').toUpperCase()}`],
  ['SESSION_KEYS', '/nowhere/keys.json'],
  ['SESSION_KEYS', '{"keys":[]}'],
  ['SESSION_KEYS', '{"keys":"secret"'],
  ['SESSION_KEYS', setOf(symmetric(31))],
  ['SESSION_KEYS', setOf({ ...symmetric(), kid: 'a' }, { ...symmetric(), kid: 'a' })],
  ['SESSION_KEYS', setOf({ kty: 'RSA', n: 'x', e: 'AQAB' })],
  ['SEALING_KEYS', '{"keys":[{"kty":"EC"}]}'],
  ['BRAND_NAME', 'x'.repeat(61)],
  ['BRAND_COLOR', 'red'],
  ['BRAND_COLOR_DARK', '#fff'],
  ['BRAND_LOGO', 'http://acme.example/logo.svg'],
  ['SUPPORT_URL', 'http://acme.example/support'],
  ['PRIVACY_URL', 'javascript:alert(1)'],
  ['TERMS_URL', 'https://user@acme.example/'],
])('%s with the value %j is refused, and the message does not quote the value', async (name, value) => {
  const faults = await faultsOf({ [name]: value });

  expect(faults).toHaveLength(1);
  expect(faults[0]).toMatch(new RegExp(`^${name} `));
  expect(faults[0]).not.toContain(value);
});

test('the service keeps only the public half of a private sealing key, and gives a warning', async () => {
  const key = await generateKey();

  const { sealing, warnings } = await readConfig({ ...right, SEALING_KEYS: setOf(key) });

  expect(warnings).toEqual([expect.stringContaining('SEALING_KEYS has a private key')]);
  expect(JSON.stringify(sealing.set)).not.toContain(key.d);
  expect(sealing.set.keys).toMatchObject([{ kid: key.kid }]);
  expect(sealing.key.key).toMatchObject({ type: 'public' });
});

describe('the return address after a consent', () => {
  const checked = async (length: number, kid?: string) => {
    const PUBLIC_URL = `https://acme.example/${'a'.repeat(length - 'https://acme.example/'.length)}`;
    const config = await readConfig({ ...right, PUBLIC_URL, SESSION_KEYS: setOf({ ...symmetric(), kid }) });
    await checkReturnUrl({ config, tokens: new Tokens({ keys: config.sessionKeys, publicUrl: config.publicUrl }) });
  };

  test.each([
    [150, undefined],
    [60, 'k'.repeat(100)],
  ])(
    'the return address after a consent has at most 2,000 characters if PUBLIC_URL has %i characters',
    async (length, kid) => {
      await expect(checked(length, kid)).resolves.toBeUndefined();
    },
  );

  test.each([
    [250, undefined],
    [100, 'k'.repeat(100)],
  ])(
    'the service does not start if the return address would be too long because PUBLIC_URL has %i characters',
    async (length, kid) => {
      await expect(checked(length, kid)).rejects.toThrow(
        /^PUBLIC_URL is too long: a return address after a consent could have 2\d{3} characters, and at most 2000/,
      );
    },
  );
});
