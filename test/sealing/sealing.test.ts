import fc from '../support/fast-check';
import { CompactEncrypt } from 'jose';
import {
  MAX_PLAINTEXT_BYTES,
  MAX_SEALED_LENGTH,
  open,
  seal,
  sealCredentials,
  sealProperties,
  secretsIn,
  type Binding,
} from '../../sealing/seal';
import { generateKey, privateKeysOf, publicKeyOf, type PrivateKeys, type SealingKey } from '../../sealing/keys';
import type { Sealed } from '../../workflows/connector';

const NOW = Date.parse('2030-01-02T03:04:05.678Z');
const DAY_MS = 24 * 60 * 60 * 1000;
const binding: Binding = { accountId: 'acme', connectorId: 42, purpose: 'credentials', submissionId: 'sub-1' };

let sealer: SealingKey;
let keys: PrivateKeys;

beforeAll(async () => {
  const text = JSON.stringify({ keys: [await generateKey()] });
  [sealer, keys] = [await publicKeyOf(text), await privateKeysOf(text)];
});

/** Makes a JWE that is encrypted to the sealing key. The members of `header` replace members of the correct header. */
const forged = async (header: object, plaintext: string | Uint8Array = 'hunter2'): Promise<Sealed> => {
  const defaults = {
    alg: 'ECDH-ES',
    enc: 'A256GCM',
    kid: sealer.kid,
    acc: 'acme',
    con: 42,
    pur: 'credentials',
    sub: 'sub-1',
  };
  const bytes = typeof plaintext === 'string' ? new TextEncoder().encode(plaintext) : plaintext;
  const jwe = new CompactEncrypt(bytes).setProtectedHeader({ ...defaults, iat: NOW / 1000 - 0.678, ...header });
  return { sealed: await jwe.encrypt(sealer.key) };
};

const headerOf = ({ sealed }: Sealed) => JSON.parse(Buffer.from(sealed.split('.')[0]!, 'base64url').toString());
const withHeader = ({ sealed }: Sealed, header: object): Sealed => ({
  sealed: [Buffer.from(JSON.stringify(header)).toString('base64url'), ...sealed.split('.').slice(1)].join('.'),
});
const notOpenable = { name: 'SealingError', code: 'notOpenable' };

const bindings = fc.record({
  accountId: fc.constantFrom('acme', 'Acme', 'acme2', 'é'),
  connectorId: fc.constantFrom(1, 2, 12),
  purpose: fc.constantFrom<Binding['purpose']>(
    'credentials',
    'link',
    'property:Key',
    'property:credentials',
    'property:K',
  ),
  submissionId: fc.constantFrom('a', 'b', 'ab'),
});
const texts = fc.string({ unit: 'binary', maxLength: 200 });

test('a sealed text can be opened with its own binding', async () => {
  await fc.assert(
    fc.asyncProperty(texts, bindings, async (text, bound) => {
      expect(await open(await seal(text, bound, sealer), bound, keys)).toBe(text);
    }),
  );
});

test.each([
  ['an empty text', ''],
  ['a text with a byte order mark', '\uFEFFwith a byte order mark'],
  ['a text with an emoji, a NUL and a line end', 'päss🔑\u0000\r\n'],
  ['a text of exactly 64 KiB', 'x'.repeat(MAX_PLAINTEXT_BYTES)],
])('%s is the same after sealing and opening', async (_what, text) => {
  const sealed = await seal(text, binding, sealer);

  expect(await open(sealed, binding, keys)).toBe(text);
});

test('a sealed value cannot be opened with another binding', async () => {
  await fc.assert(
    fc.asyncProperty(bindings, bindings, async (bound, other) => {
      fc.pre(JSON.stringify(bound) !== JSON.stringify(other));
      await expect(open(await seal('hunter2', bound, sealer), other, keys)).rejects.toMatchObject(notOpenable);
    }),
  );
});

test('the protected header of a sealed value has the algorithms, kid, the binding, iat and epk, and no other member', async () => {
  const sealed = await seal('hunter2', { ...binding, purpose: 'property:Schlüssel' }, sealer, NOW);

  expect(headerOf(sealed)).toEqual({
    alg: 'ECDH-ES',
    enc: 'A256GCM',
    kid: sealer.kid,
    acc: 'acme',
    con: 42,
    pur: 'property:Schlüssel',
    sub: 'sub-1',
    iat: Math.floor(NOW / 1000),
    epk: { kty: 'EC', crv: 'P-256', x: expect.any(String), y: expect.any(String) },
  });
});

test('sealing the same text twice gives two different values', async () => {
  expect(await seal('hunter2', binding, sealer)).not.toEqual(await seal('hunter2', binding, sealer));
});

test('open accepts a JWE that a JOSE library has encrypted', async () => {
  expect(await open(await forged({}), binding, keys, NOW)).toBe('hunter2');
});

test.each([
  ['another content encryption', { enc: 'A128GCM' }],
  ['a CBC content encryption', { enc: 'A256CBC-HS512' }],
  ['a connector id as text', { con: '42' }],
  ['a header member that is not documented', { typ: 'JWE' }],
  ['an issue time in fractions of a second', { iat: NOW / 1000 }],
  ['an issue time as text', { iat: '1893553445' }],
  ['no issue time', { iat: undefined }],
  ['no purpose', { pur: undefined }],
])('open refuses a JWE with %s', async (_, header) => {
  await expect(open(await forged(header), binding, keys, NOW)).rejects.toMatchObject(notOpenable);
});

test.each([
  ['a zip member', { zip: 'DEF' }],
  ['a crit member', { crit: ['exp'], exp: 1 }],
  ['another alg', { alg: 'ECDH-ES+A256KW' }],
  ['the alg dir', { alg: 'dir' }],
  ['party info', { apu: 'YQ', apv: 'Yg' }],
  ['no kid', { kid: undefined }],
  ['a kid that is no text', { kid: 1 }],
  ['a kid that is no thumbprint', { kid: 'first' }],
  ['a kid that is longer than a thumbprint', { kid: 'k'.repeat(44) }],
  ['a kid that is a list of one thumbprint', { kid: ['k'.repeat(43)] }],
  ['a later issue time', { iat: NOW / 1000 + 1000.322 }],
  ['an epk off the curve', { epk: { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) } }],
  ['an epk of another curve', { epk: { kty: 'OKP', crv: 'X25519', x: 'A'.repeat(43) } }],
  ['no epk', { epk: undefined }],
])('open refuses a sealed value whose header was changed to have %s', async (_, change) => {
  const sealed = await seal('hunter2', binding, sealer, NOW);

  const tampered = withHeader(sealed, { ...headerOf(sealed), ...change });

  await expect(open(tampered, binding, keys, NOW)).rejects.toMatchObject(notOpenable);
});

test('open refuses a sealed value with any one character changed', async () => {
  const { sealed } = await seal('hunter2', binding, sealer, NOW);
  // This test does not change the last character of a part: this character can have unused bits, so that another
  // character can stand for the same bytes.
  const last = new Set([...sealed.matchAll(/\.|$/g)].map(({ index }) => index - 1));

  for (let i = 0; i < sealed.length; i++) {
    if (last.has(i)) continue;
    const tampered = sealed.slice(0, i) + (sealed[i] === 'x' ? 'y' : 'x') + sealed.slice(i + 1);
    await expect(open({ sealed: tampered }, binding, keys, NOW)).rejects.toMatchObject({ name: 'SealingError' });
  }
});

test.each<[string, unknown]>([
  ['undefined', undefined],
  ['null', null],
  ['a string', 'a.b.c.d.e'],
  ['an object without a value', {}],
  ['a number', { sealed: 1 }],
  ['a list', { sealed: ['a..b.c.d'] }],
  ['an empty text', { sealed: '' }],
  ['a text that is no JWE', { sealed: 'hunter2' }],
  ['a header that is no JSON', { sealed: 'aHVudGVyMg..a.b.c' }],
  ['a header that is null', { sealed: 'bnVsbA..a.b.c' }],
  ['an oversized text', { sealed: `${'a'.repeat(96 * 1024)}..b.c.d` }],
])('open refuses %s in place of a sealed value', async (_, value) => {
  await expect(open(value as Sealed, binding, keys)).rejects.toMatchObject(notOpenable);
});

test.each([
  ['an encrypted key', (p: string[]) => p.with(1, 'AAAA')],
  ['a tag cut short', (p: string[]) => p.with(4, p[4]!.slice(0, 6))],
  ['padding', (p: string[]) => p.with(4, `${p[4]}==`)],
  ['white space', (p: string[]) => p.with(3, `${p[3]}\n`)],
  ['a sixth part', (p: string[]) => [...p, 'AAAA']],
])('open refuses a sealed value with %s', async (_, change) => {
  const { sealed } = await seal('hunter2', binding, sealer);

  const tampered = { sealed: change(sealed.split('.')).join('.') };

  await expect(open(tampered, binding, keys)).rejects.toMatchObject(notOpenable);
});

test('open refuses a sealed value over 96 KiB, although its header and its key are right', async () => {
  const purpose = `property:${'x'.repeat(80_000)}` as const;
  const sealed = await forged({ pur: purpose });

  expect(sealed.sealed.length).toBeGreaterThan(MAX_SEALED_LENGTH);
  await expect(open(sealed, { ...binding, purpose }, keys, NOW)).rejects.toMatchObject(notOpenable);
});

test('open refuses a plaintext that is not UTF-8', async () => {
  const sealed = await forged({}, new Uint8Array([0x68, 0xff]));

  await expect(open(sealed, binding, keys, NOW)).rejects.toMatchObject(notOpenable);
});

test('a sealed value can be opened until 8 days after its issue time, and also before its issue time', async () => {
  const sealed = await seal('hunter2', binding, sealer, NOW);
  const issuedAt = Math.floor(NOW / 1000) * 1000;

  expect(await open(sealed, binding, keys, issuedAt + 8 * DAY_MS)).toBe('hunter2');
  expect(await open(sealed, binding, keys, issuedAt - 400 * DAY_MS)).toBe('hunter2');
  await expect(open(sealed, binding, keys, issuedAt + 8 * DAY_MS + 1)).rejects.toMatchObject(notOpenable);
});

test('open fails with unknownKey only if the key is the only fault, because unknownKey is retried', async () => {
  const otherKeys = await privateKeysOf(JSON.stringify({ keys: [await generateKey()] }));
  const sealed = await seal('hunter2', binding, sealer);

  await expect(open(sealed, binding, otherKeys)).rejects.toMatchObject({ code: 'unknownKey', kid: sealer.kid });
  await expect(open(sealed, binding, [])).rejects.toMatchObject({ code: 'unknownKey' });
  await expect(open(sealed, { ...binding, connectorId: 7 }, otherKeys)).rejects.toMatchObject(notOpenable);
});

test.each<[string, string, Partial<Binding>]>([
  ['a text over 64 KiB', 'é'.repeat(MAX_PLAINTEXT_BYTES / 2 + 1), {}],
  ['a lone surrogate', 'hunter\ud800', {}],
  ['a lone surrogate in the name of a property', 'hunter2', { purpose: 'property:\ud800' }],
  ['an unknown purpose', 'hunter2', { purpose: 'x' as never }],
  ['a purpose with a letter before property:', 'hunter2', { purpose: 'xproperty:Key' as never }],
  ['a property without a name', 'hunter2', { purpose: 'property:' }],
  [
    'a property whose name makes the sealed value larger than 96 KiB',
    'hunter2',
    { purpose: `property:${'x'.repeat(100_000)}` },
  ],
  ['an invalid account id', 'hunter2', { accountId: 'アカ1' }],
  ['an invalid connector id', 'hunter2', { connectorId: 0 }],
  ['an invalid submission id', 'hunter2', { submissionId: 'a b' }],
])('seal refuses %s as malformed', async (_, text, change) => {
  await expect(seal(text, { ...binding, ...change }, sealer)).rejects.toMatchObject({ code: 'malformed' });
});

test('no error of sealing or opening quotes a value or has a cause', async () => {
  const sealed = await forged({ enc: 'A128GCM', pur: 'hunter2' });
  const noText = await forged({}, new Uint8Array([...Buffer.from('hunter2'), 0xff]));
  const attempts = [
    () => open(sealed, binding, keys, NOW),
    () => open({ sealed: 'hunter2' }, binding, keys),
    () => open(noText, binding, keys, NOW),
    () => seal('hunter2\ud800', binding, sealer),
  ];

  for (const attempt of attempts) {
    const err = await attempt().catch((reason: unknown) => reason as Error);
    expect(err).toBeInstanceOf(Error);
    expect(err).not.toHaveProperty('cause');
    expect(`${(err as Error).stack}${JSON.stringify(err)}`).not.toMatch(/hunter2|aHVudGVyMg/);
  }
});

test('secretsIn returns the values of secret fields and of unknown names, without sealed and empty values', () => {
  const fields = [
    { name: 'Domain', secret: false },
    { name: 'Key', secret: true },
    { name: 'Pin', secret: true },
  ].map((field) => ({ ...field, label: field.name, required: true, stored: false }));
  const values = { Domain: 'acme', Key: 'hunter2', Pin: '', Unknown: 'x', Sealed: { sealed: 'a..b.c.d' } };

  expect(secretsIn(values, fields)).toEqual({ Key: 'hunter2', Unknown: 'x' });
});

test('secretsIn returns all values in clear if no fields are given', () => {
  expect(secretsIn({ Domain: 'acme', Key: 'hunter2', Pin: '' })).toEqual({ Domain: 'acme', Key: 'hunter2' });
});

test('a value that sealCredentials returns can be opened with the purpose credentials and the id of its submission', async () => {
  const submission = { accountId: 'acme', connectorId: 42, submissionId: 'sub-1' };

  const sealed = await sealCredentials({ kind: 'apiKey', key: 'hunter2' }, submission, sealer);

  expect(JSON.parse(await open(sealed, { ...submission, purpose: 'credentials' }, keys))).toEqual({
    kind: 'apiKey',
    key: 'hunter2',
  });
});

test('a sealed property can be opened only with the name of this property', async () => {
  const submission = { accountId: 'acme', connectorId: 42, submissionId: 'sub-1' };

  const { Key } = await sealProperties({ Key: 'hunter2' }, submission, sealer);

  expect(await open(Key!, { ...submission, purpose: 'property:Key' }, keys)).toBe('hunter2');
  await expect(open(Key!, { ...submission, purpose: 'property:Pin' }, keys)).rejects.toMatchObject(notOpenable);
});
