import { createHmac, hkdfSync } from 'node:crypto';
import { generateKey, privateKeysOf, publicKeyOf, rotate } from '../../sealing/keys';

const setOf = (...keys: unknown[]) => JSON.stringify({ keys });
const message = Buffer.from('any message');
const macOf = async ({ fingerprintKey }: Awaited<ReturnType<typeof privateKeysOf>>[number]): Promise<string> =>
  Buffer.from(await crypto.subtle.sign('HMAC', fingerprintKey, message)).toString('hex');

test('each private key has one for fingerprints, which signs and does nothing else', async () => {
  const [key] = await privateKeysOf(setOf(await generateKey()));

  expect(key!.fingerprintKey).toMatchObject({
    type: 'secret',
    extractable: false,
    algorithm: { name: 'HMAC', hash: { name: 'SHA-256' }, length: 256 },
    usages: ['sign'],
  });
});

test('it comes of the private part by HKDF (RFC 5869), so that fingerprints outlive a worker', async () => {
  const jwk = await generateKey();
  const [key] = await privateKeysOf(setOf(jwk));

  const derived = hkdfSync('sha256', Buffer.from(jwk.d!, 'base64url'), '', 'cyclr-connect fingerprint', 32);

  expect(await macOf(key!)).toBe(createHmac('sha256', Buffer.from(derived)).update(message).digest('hex'));
});

test('it is the same each time, and another one for each key', async () => {
  const set = await rotate({ keys: [await generateKey()] });
  const text = JSON.stringify(set);

  const macs = await Promise.all([...(await privateKeysOf(text)), ...(await privateKeysOf(text))].map(macOf));

  expect(macs.slice(2)).toEqual(macs.slice(0, 2));
  expect(macs[0]).not.toBe(macs[1]);
});

test('it is not the private part itself, nor made of the public one', async () => {
  const jwk = await generateKey();
  const [key] = await privateKeysOf(setOf(jwk));

  const others = [jwk.d!, jwk.x, jwk.y, jwk.kid].map((part) =>
    createHmac('sha256', Buffer.from(part, 'base64url')).update(message).digest('hex'),
  );

  expect(others).not.toContain(await macOf(key!));
});

test('what only seals has none', async () => {
  expect(await publicKeyOf(setOf(await generateKey()))).not.toHaveProperty('fingerprintKey');
});
