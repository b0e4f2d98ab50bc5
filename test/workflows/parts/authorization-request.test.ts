import { createECDH, createPublicKey, generateKeyPairSync } from 'node:crypto';
import fc, { runs } from '../../support/fast-check';
import { isAuthorizationRequest, isReplyKey, isReturnTo, type ReplyKey } from '../../../workflows/input';

/** Makes a new key pair, and returns its public key as JWK. */
function realKey(): ReplyKey {
  const { x, y } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
  return { kty: 'EC', crv: 'P-256', x: x!, y: y! };
}

const p = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const partOf = (number: bigint): string =>
  Buffer.from(number.toString(16).padStart(64, '0'), 'hex').toString('base64url');
const at = (x: bigint, y: bigint) => ({ kty: 'EC', crv: 'P-256', x: partOf(x), y: partOf(y) });

/** True if OpenSSL accepts the key. */
function isPoint(key: object): boolean {
  try {
    return createPublicKey({ key: key as never, format: 'jwk' }).asymmetricKeyType === 'ec';
  } catch {
    return false;
  }
}

const coordinate = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n });
/** Returns the point on the curve P-256 that belongs to a private key. */
const pointOf = (secret: bigint): { x: bigint; y: bigint } => {
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(Buffer.from(secret.toString(16).padStart(64, '0'), 'hex'));
  const bytes = ecdh.getPublicKey();
  return { x: BigInt(`0x${bytes.toString('hex', 1, 33)}`), y: BigInt(`0x${bytes.toString('hex', 33)}`) };
};
const point = fc.bigInt({ min: 1n, max: 2n ** 255n }).map(pointOf);

describe('isReplyKey', () => {
  test('isReplyKey accepts generated keys', () => {
    for (let times = 0; times < 50; times++) expect(isReplyKey(realKey())).toBe(true);
  });

  test('isReplyKey accepts every point on the curve', () => {
    fc.assert(fc.property(point, ({ x, y }) => isReplyKey(at(x, y))));
  });

  test('isReplyKey accepts exactly the two values of y that belong to an x', () => {
    fc.assert(
      fc.property(point, coordinate, ({ x, y }, other) => {
        expect(isReplyKey(at(x, p - y))).toBe(true);
        expect(isReplyKey(at(x, other))).toBe(other === y || other === p - y);
      }),
    );
  });

  test('isReplyKey refuses a key with one changed bit', () => {
    fc.assert(
      fc.property(point, fc.nat(255), fc.boolean(), ({ x, y }, bit, inX) => {
        const flip = 1n << BigInt(bit);
        expect(isReplyKey(inX ? at(x ^ flip, y) : at(x, y ^ flip))).toBe(false);
      }),
    );
  });

  test('isReplyKey accepts exactly the keys that OpenSSL accepts', () => {
    const anywhere = fc.oneof(
      point.map(({ x, y }) => at(x, y)),
      point.map(({ x, y }) => at(y, x)),
      fc.tuple(coordinate, coordinate).map(([x, y]) => at(x, y)),
      fc.constantFrom(at(0n, 0n), at(p, p), at(0n, p), at(1n, 0n), at(2n ** 256n - 1n, 2n ** 256n - 1n)),
    );

    fc.assert(fc.property(anywhere, (key) => isReplyKey(key) === isPoint(key)));
  });

  test('isReplyKey refuses a coordinate that is not below the prime p of the curve, because each point must have only one encoding', () => {
    const low = Array.from({ length: 2000 }, (_, index) => BigInt(index));
    // For a small x, x + p also fits in 32 bytes. The first point on the curve has x = 5.
    const found = low.map((x) => ({ x, y: squareRoot(x * x * x - 3n * x + B) })).find(({ y }) => y !== undefined)!;

    expect(isReplyKey(at(found.x, found.y!))).toBe(true);
    expect(isReplyKey(at(found.x + p, found.y!))).toBe(false);
  });

  const key = realKey();
  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a text', JSON.stringify(key)],
    ['a list', [key]],
    ['a key of another type', { ...key, kty: 'OKP' }],
    ['a key of another curve', { ...key, crv: 'P-384' }],
    [
      'a point of another curve',
      { ...generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ format: 'jwk' }), crv: 'P-256' },
    ],
    ['a key without x', { ...key, x: undefined }],
    ['a y that is a number', { ...key, y: 5 }],
    ['a y that is a list', { ...key, y: [key.y] }],
    ['a key with a private part', { ...key, d: key.x }],
    ['a key with a private part that is null', { ...key, d: null }],
    ['a coordinate cut short', { ...key, x: key.x.slice(1) }],
    ['a coordinate that is too long', { ...key, x: `A${key.x}` }],
    ['a coordinate with padding', { ...key, x: `${key.x}=` }],
    ['a coordinate in base64 that is not URL-safe', { ...key, x: key.x.replace(/./, '+') }],
    ['a coordinate with a line end', { ...key, x: `${key.x}\n` }],
    [
      'a coordinate with unused bits set',
      { ...key, x: key.x.replace(/.$/, (last) => String.fromCharCode(last.charCodeAt(0) + 1)) },
    ],
  ])('isReplyKey refuses %s', (_value, value) => {
    expect(isReplyKey(value)).toBe(false);
  });

  test('isReplyKey refuses a key with one character more before or behind a coordinate', () => {
    for (let times = 0; times < 100; times++) {
      const { x, ...rest } = realKey();
      expect([`A${x}`, `${x}A`].map((longer) => isReplyKey({ ...rest, x: longer }))).toEqual([false, false]);
    }
  });

  test('isReplyKey accepts further JWK members', () => {
    expect(isReplyKey({ ...key, ext: true, key_ops: [], kid: 'mine', use: 'enc' })).toBe(true);
  });
});

const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
/**
 * The square root of `square` modulo p. Because p is 3 modulo 4, the root is `square` to the power of (p + 1) / 4.
 * Returns undefined if `square` has no root.
 */
function squareRoot(square: bigint): bigint | undefined {
  const wanted = ((square % p) + p) % p;
  let [root, base] = [1n, wanted];
  for (let exponent = (p + 1n) / 4n; exponent > 0n; exponent /= 2n) {
    if (exponent % 2n === 1n) root = (root * base) % p;
    base = (base * base) % p;
  }
  return (root * root) % p === wanted ? root : undefined;
}

describe('isReturnTo', () => {
  test.each([
    'https://app.example',
    'https://app.example/',
    'https://app.example:8443/connect/return?attempt=a.b.c&x=%2F#part',
    'HTTPS://APP.EXAMPLE/',
    'https://10.0.0.1/',
    'https://xn--mller-kva.example/',
    'http://localhost:3000/return',
    'http://LOCALHOST/',
    'http://127.0.0.1/',
    'http://127.8.4.1:81/a?b',
    'http://[::1]:5000/',
  ])('isReturnTo accepts %s', (url) => {
    expect(isReturnTo(url)).toBe(true);
  });

  test('isReturnTo accepts at most 2,000 characters', () => {
    const of = (length: number) => 'https://app.example/'.padEnd(length, 'x');

    expect([of(2000), of(2001)].map(isReturnTo)).toEqual([true, false]);
  });

  test.each<[unknown]>([
    [undefined],
    [null],
    [5],
    [['https://app.example/']],
    [new URL('https://app.example/')],
    [''],
    ['app.example'],
    ['/connect/return'],
    ['//app.example/'],
    ['https:'],
    ['https://'],
    ['https:///'],
    ['https:app.example'],
    ['https:/app.example'],
    ['http://app.example/'],
    ['http://localhost.app.example/'],
    ['http://127.0.0.1.app.example/'],
    ['http://app.example#@localhost/'],
    ['http://localhost@app.example/'],
    ['http://10.0.0.1/'],
    ['http://[::2]/'],
    ['http://0.0.0.0/'],
    ['ftp://app.example/'],
    ['javascript:alert(1)//'],
    ['data:text/html,x'],
    ['blob:https://app.example/'],
    ['https://me@app.example/'],
    ['https://me:secret@app.example/'],
    ['https://:secret@app.example/'],
    ['https://app.example:99999/'],
    ['https://app.example/a b'],
    ['https://app.example/\n'],
    ['https://app.example/\t'],
    [' https://app.example/'],
    ['https://app.example/ä'],
    ['https://müller.example/'],
    ['https://app.example/\u202e'],
  ])('isReturnTo refuses %j', (value) => {
    expect(isReturnTo(value)).toBe(false);
  });

  test('isReturnTo accepts no random text except https URLs and http URLs on loopback, without user info', () => {
    const parts = fc.constantFrom(
      ...['http://', 'https://', 'localhost', '127.0.0.1', '@', ':', '/', '\\', '#', '?', '.', 'evil.example', ' '],
    );
    const texts = fc.oneof(
      fc.webUrl({ validSchemes: ['http', 'https', 'ftp'], withFragments: true, withQueryParameters: true }),
      fc.array(parts, { maxLength: 8 }).map((words) => words.join('')),
      fc.string(),
    );

    fc.assert(
      fc.property(texts, (text) => {
        if (!isReturnTo(text)) return;
        const { protocol, hostname, username, password } = new URL(text);
        expect(protocol === 'https:' || ['localhost', '127.0.0.1'].includes(hostname)).toBe(true);
        expect([username, password]).toEqual(['', '']);
      }),
      { numRuns: runs(2000) },
    );
  });
});

describe('isAuthorizationRequest', () => {
  const right = { attemptId: 'attempt-1', replyKey: realKey(), returnTo: 'https://app.example/' };

  test('isAuthorizationRequest accepts a request with all required members, with or without `by`', () => {
    expect([right, { ...right, by: 'kim' }, { ...right, by: 'x'.repeat(100) }].map(isAuthorizationRequest)).toEqual([
      true,
      true,
      true,
    ]);
  });

  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a list', [right]],
    ['a request without an attempt id', { ...right, attemptId: undefined }],
    ['a request with an attempt id that is not valid', { ...right, attemptId: 'a b' }],
    ['a request without a reply key', { ...right, replyKey: undefined }],
    ['a request without returnTo', { ...right, returnTo: undefined }],
    ['a request with a `by` of more than 100 characters', { ...right, by: 'x'.repeat(101) }],
    ['a request with a `by` that is null', { ...right, by: null }],
  ])('isAuthorizationRequest refuses %s', (_value, value) => {
    expect(isAuthorizationRequest(value)).toBe(false);
  });

  test('isAuthorizationRequest refuses random JSON', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => !isAuthorizationRequest(value)));
  });
});
