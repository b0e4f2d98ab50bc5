import { createECDH, createHash, createHmac, hkdfSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readKeySet } from '../../sealing/key-file';
import { generateKey, keySetOf, privateKeysOf, publicHalf, publicKeyOf, rotate, type Jwk } from '../../sealing/keys';
import { open, seal } from '../../sealing/seal';

const binding = { accountId: 'acme', connectorId: 42, purpose: 'credentials', submissionId: 'sub-1' } as const;
const setOf = (...keys: unknown[]) => JSON.stringify({ keys });
const flipped = (part: string) => (part.startsWith('A') ? 'B' : 'A') + part.slice(1);

test('generateKey makes a private P-256 key whose kid is the RFC 7638 thumbprint of its public half', async () => {
  const key = await generateKey();

  expect(key).toEqual({
    kty: 'EC',
    crv: 'P-256',
    x: expect.any(String),
    y: expect.any(String),
    d: expect.any(String),
    kid: createHash('sha256').update(`{"crv":"P-256","kty":"EC","x":"${key.x}","y":"${key.y}"}`).digest('base64url'),
    use: 'enc',
    alg: 'ECDH-ES',
  });
});

test('after rotate the new key seals, and values sealed to the old key still open', async () => {
  const before = { keys: [await generateKey()] };
  const sealedBefore = await seal('old', binding, await publicKeyOf(JSON.stringify(before)));

  const after = await rotate(before);

  const sealer = await publicKeyOf(JSON.stringify(after));
  const keys = await privateKeysOf(JSON.stringify(after));
  expect(after.keys.slice(1)).toEqual(before.keys);
  expect(sealer.kid).toBe(after.keys[0]!.kid);
  expect(sealer.kid).not.toBe(before.keys[0]!.kid);
  expect(await open(sealedBefore, binding, keys)).toBe('old');
  expect(await open(await seal('new', binding, sealer), binding, keys)).toBe('new');
});

test('opening a value sealed to a removed key fails with unknownKey', async () => {
  const before = { keys: [await generateKey()] };
  const sealed = await seal('old', binding, await publicKeyOf(JSON.stringify(before)));
  const [first] = (await rotate(before)).keys;

  await expect(open(sealed, binding, await privateKeysOf(setOf(first)))).rejects.toMatchObject({ code: 'unknownKey' });
});

test('publicHalf returns all keys of a set without their private parts', async () => {
  const set = await rotate({ keys: [await generateKey()] });

  const half = publicHalf(set);

  expect(half.keys.map(({ kid }) => kid)).toEqual(set.keys.map(({ kid }) => kid));
  for (const { d } of set.keys) expect(JSON.stringify(half)).not.toContain(d);
  expect((await publicKeyOf(JSON.stringify(half))).kid).toBe(set.keys[0]!.kid);
});

test('publicKeyOf gives a public key, even for a JWK set with private keys', async () => {
  const sealer = await publicKeyOf(setOf(await generateKey()));

  expect(sealer.key).toMatchObject({ type: 'public' });
});

test('an imported private key can only derive bits, and its JSON contains no part of the key', async () => {
  const [key] = await privateKeysOf(setOf(await generateKey()));

  expect(key!.key).toMatchObject({ type: 'private', usages: ['deriveBits'] });
  expect(key!.fingerprintKey).toMatchObject({ type: 'secret', extractable: false, usages: ['sign'] });
  expect(JSON.stringify(key)).toBe(JSON.stringify({ kid: key!.kid, key: {}, fingerprintKey: {} }));
});

test('keySetOf computes a missing kid, and drops unknown members', async () => {
  const { kid, d, ...half } = await generateKey();

  const set = await keySetOf(setOf({ ...half, x5t: 'something' }));

  expect(set).toEqual({ keys: [{ ...half, kid }] });
});

test('a key without a private part is refused by privateKeysOf and rotate', async () => {
  const [first, second] = (await rotate({ keys: [await generateKey()] })).keys as [Jwk, Jwk];
  const { d, ...half } = second;

  await expect(privateKeysOf(setOf(first, half))).rejects.toThrow('key 2 of the JWK set has no private part');
  await expect(rotate({ keys: [half] })).rejects.toThrow('key 1 of the JWK set has no private part');
});

test.each<[string, RegExp, (key: Jwk) => unknown]>([
  ['a point off the curve', /no point on P-256/, (key) => ({ ...key, y: flipped(key.y), kid: undefined })],
  ['a public point off the curve', /no point/, ({ x, y }) => ({ kty: 'EC', crv: 'P-256', x, y: flipped(y) })],
  ['a wrong kid', /thumbprint/, (key) => ({ ...key, kid: flipped(key.kid) })],
  ['a kid that is no thumbprint', /thumbprint/, (key) => ({ ...key, kid: 'first' })],
  ['a private part of another key', /private part/, (key) => ({ ...key, d: createECDHKey() })],
  ['a private part of 0', /private part/, (key) => ({ ...key, d: 'A'.repeat(43) })],
  ['a private part that is null', /32 bytes/, (key) => ({ ...key, d: null })],
  ['a coordinate cut short', /32 bytes/, (key) => ({ ...key, x: key.x.slice(1) })],
  ['a coordinate with unused bits set', /32 bytes/, (key) => ({ ...key, x: `${key.x.slice(0, 42)}B` })],
  ['a coordinate that is no text', /32 bytes/, (key) => ({ ...key, x: [key.x] })],
  ['no coordinates', /32 bytes/, () => ({ kty: 'EC', crv: 'P-256' })],
  ['another curve', /no P-256 key/, (key) => ({ ...key, crv: 'P-384' })],
  ['another key type', /no P-256 key/, () => ({ kty: 'oct', k: 'AAAA' })],
  ['another use', /not for ECDH-ES/, (key) => ({ ...key, use: 'sig' })],
  ['another algorithm', /not for ECDH-ES/, (key) => ({ ...key, alg: 'ECDH-ES+A256KW' })],
  ['null', /no P-256 key/, () => null],
])('a JWK set with %s is refused', async (_, message, change) => {
  const text = setOf(await generateKey(), change(await generateKey()));

  await expect(privateKeysOf(text)).rejects.toThrow(message);
  await expect(publicKeyOf(text)).rejects.toThrow(/^key 2 of the JWK set /);
});

test.each([
  ['no key', () => setOf()],
  ['too many keys', () => setOf(...Array(21).fill({}))],
  ['no list of keys', () => '{"keys":{}}'],
  ['a bare key', (key: Jwk) => JSON.stringify(key)],
  ['a list', (key: Jwk) => JSON.stringify([key])],
  ['null', () => 'null'],
  ['no JSON', (key: Jwk) => setOf(key).slice(1)],
  ['no content', () => ''],
  ['more than 64 KiB', (key: Jwk) => setOf(key) + ' '.repeat(65_536)],
  ['a key twice', (key: Jwk) => setOf(key, key)],
])('a text with %s is refused as a JWK set, and the error does not quote the text', async (_, textOf) => {
  const key = await generateKey();

  const err = await privateKeysOf(textOf(key)).catch((reason: Error) => reason);

  expect(err).toMatchObject({ name: 'KeySetError' });
  expect(String((err as Error).stack)).not.toContain(key.x);
  expect(String((err as Error).stack)).not.toContain(key.d);
  expect(err).not.toHaveProperty('cause');
});

test('rotate refuses a set of 20 keys', async () => {
  const keys = await Promise.all(Array.from({ length: 20 }, generateKey));

  await expect(rotate({ keys })).rejects.toThrow('remove old ones first');
});

test('readKeySet accepts a JWK set or the path of its file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sealing-'));
  try {
    const file = join(folder, 'keys.json');
    await writeFile(file, '{"keys":[]}\n');

    expect(await readKeySet(' {"keys":[]}\n')).toBe('{"keys":[]}');
    expect((await readKeySet(file)).trim()).toBe('{"keys":[]}');
    await expect(readKeySet(join(folder, 'absent.json'))).rejects.toThrow('(ENOENT)');
    await expect(readKeySet(folder)).rejects.toThrow('(EISDIR)');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('readKeySet does not quote a value that is neither a JWK set nor a path, because the value can contain a key', async () => {
  const err = await readKeySet('\'{"keys":[{"d":"hunter2"}]}\'').catch((reason: Error) => reason);

  expect(err).toMatchObject({ name: 'KeySetError' });
  expect(String((err as Error).stack)).not.toContain('hunter2');
});

const message = Buffer.from('any message');
const macOf = async ({ fingerprintKey }: Awaited<ReturnType<typeof privateKeysOf>>[number]): Promise<string> =>
  Buffer.from(await crypto.subtle.sign('HMAC', fingerprintKey, message)).toString('hex');

test('the fingerprint key is derived from the private part by HKDF (RFC 5869), so that a fingerprint stays valid after a restart of the worker', async () => {
  const jwk = await generateKey();
  const [key] = await privateKeysOf(setOf(jwk));

  const derived = hkdfSync('sha256', Buffer.from(jwk.d!, 'base64url'), '', 'cyclr-connect fingerprint', 32);

  expect(await macOf(key!)).toBe(createHmac('sha256', Buffer.from(derived)).update(message).digest('hex'));
});

test('importing a sealing key again gives the same fingerprint key, and another sealing key gives another fingerprint key', async () => {
  const set = await rotate({ keys: [await generateKey()] });
  const text = JSON.stringify(set);

  const macs = await Promise.all([...(await privateKeysOf(text)), ...(await privateKeysOf(text))].map(macOf));

  expect(macs.slice(2)).toEqual(macs.slice(0, 2));
  expect(macs[0]).not.toBe(macs[1]);
});

test('a public key has no fingerprint key', async () => {
  expect(await publicKeyOf(setOf(await generateKey()))).not.toHaveProperty('fingerprintKey');
});

function createECDHKey(): string {
  const other = createECDH('prime256v1');
  other.generateKeys();
  return other.getPrivateKey().toString('base64url').padStart(43, 'A');
}
