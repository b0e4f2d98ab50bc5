import { join } from 'node:path';
import { generateKey } from '../../sealing/keys';
import { readConfig } from '../../worker/config';
import { temporaryFolder, write } from '../scripts/parts/scene';

const right = async () => ({
  CYCLR_API_URL: 'https://api.cyclr.com/',
  CYCLR_SERVICE_URL: 'https://acme-h.cyclr.com',
  CYCLR_CLIENT_ID: 'id',
  CYCLR_CLIENT_SECRET: 'hunter2',
  SEALING_KEYS: JSON.stringify({ keys: [await generateKey()] }),
});

test('readConfig removes a slash at the end of an origin, and reads an empty variable as not set', async () => {
  const config = await readConfig({ ...(await right()), CYCLR_SIGN_IN_USERNAME: '', HEALTH_PORT: '' });

  expect(config).toMatchObject({
    cyclr: { apiUrl: 'https://api.cyclr.com', clientId: 'id', clientSecret: 'hunter2' },
    consent: { serviceUrl: 'https://acme-h.cyclr.com', username: undefined },
    healthPort: 8081,
  });
});

test('the error of readConfig names every fault in one message, and quotes no value', async () => {
  const env = {
    CYCLR_API_URL: 'hunter2',
    CYCLR_CLIENT_ID: '',
    CYCLR_CLIENT_SECRET: 'hunter2',
    SEALING_KEYS: 'hunter2',
  };

  const message = await readConfig(env).catch((err: Error) => err.message);

  expect(message).toMatch(/^CYCLR_API_URL is no origin .*\nCYCLR_SERVICE_URL is not set.*\nCYCLR_CLIENT_ID is not set/);
  expect(message).toMatch(/^SEALING_KEYS is not usable: neither a JWK set nor the path of a file that can be read/m);
  expect(message).not.toContain('hunter2');
});

test('readConfig returns an origin in the normal form of the URL parser: lower case, without a slash at the end', async () => {
  const env = {
    ...(await right()),
    CYCLR_API_URL: 'HTTP://LOCALHOST:7080/',
    CYCLR_SERVICE_URL: 'HTTPS://Acme.Example',
  };

  expect(await readConfig(env)).toMatchObject({
    cyclr: { apiUrl: 'http://localhost:7080' },
    consent: { serviceUrl: 'https://acme.example' },
  });
});

test('readConfig reads the secrets from files', async () => {
  const { CYCLR_CLIENT_SECRET, SEALING_KEYS, ...env } = await right();
  const folder = temporaryFolder();

  const config = await readConfig({
    ...env,
    CYCLR_CLIENT_SECRET_FILE: write(join(folder, 'secret'), `${CYCLR_CLIENT_SECRET}\n`),
    SEALING_KEYS_FILE: write(join(folder, 'keys'), SEALING_KEYS),
  });

  expect(config.cyclr.clientSecret).toBe(CYCLR_CLIENT_SECRET);
  expect(config.keys).toHaveLength(1);
});

test('the error for an empty key file names the variable and the file', async () => {
  const faults = await readConfig({ ...(await right()), SEALING_KEYS: '/dev/null' }).catch((err: Error) => err.message);

  expect(faults).toBe('SEALING_KEYS is not usable: the file is empty');
});

test.each([
  'http://api.cyclr.com',
  'HTTP://api.cyclr.com',
  'ftp://api.cyclr.com',
  'https://api.cyclr.com/v1.0',
  'https://api.cyclr.com?x=1',
  'https://api.cyclr.com#x',
  'https://user:password@api.cyclr.com',
])('readConfig refuses CYCLR_API_URL %p', async (CYCLR_API_URL) => {
  await expect(readConfig({ ...(await right()), CYCLR_API_URL })).rejects.toThrow(/^CYCLR_API_URL is no origin/);
});

test('readConfig refuses SEALING_KEYS without a private part', async () => {
  const { d: _, ...publicKey } = await generateKey();

  const reading = readConfig({ ...(await right()), SEALING_KEYS: JSON.stringify({ keys: [publicKey] }) });

  await expect(reading).rejects.toThrow('SEALING_KEYS is not usable: key 1 of the JWK set has no private part');
});

test.each(['a', '-1', '65536', '80.5'])('readConfig refuses HEALTH_PORT %p', async (HEALTH_PORT) => {
  await expect(readConfig({ HEALTH_PORT })).rejects.toThrow(/^HEALTH_PORT is no port number$/m);
});
