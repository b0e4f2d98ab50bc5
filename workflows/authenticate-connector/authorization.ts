/** What a request for a link to the third party's consent must be. */
import { isSecureUrl, isSubmissionId } from '../connector';
import { isBy, isObject } from '../input';
import type { AuthorizationRequest, ReplyKey } from '../messages';

const MAX_URL = 2000;

export const isAuthorizationRequest = (value: unknown): value is AuthorizationRequest =>
  isObject(value) &&
  isSubmissionId(value.attemptId) &&
  isBy(value.by) &&
  isReturnTo(value.returnTo) &&
  isReplyKey(value.replyKey);

/** Absolute https (http on loopback), no user info, at most 2,000 characters. */
export function isReturnTo(value: unknown): value is string {
  // The parser would drop or repair what stands outside printable ASCII.
  if (typeof value !== 'string' || value.length > MAX_URL || !/^https?:\/\/[!-~]+$/i.test(value)) return false;
  try {
    const url = new URL(value);
    return isSecureUrl(url) && url.username === '' && url.password === '';
  } catch {
    return false;
  }
}

/** P-256: y² = x³ - 3x + b over the integers modulo p (SP 800-186, 3.2.1.3). */
const p = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/** A public key, and a point of the curve: sealing to anything else could give the worker's secrets away. */
export function isReplyKey(value: unknown): value is ReplyKey {
  if (!isObject(value) || value.kty !== 'EC' || value.crv !== 'P-256' || value.d !== undefined) return false;
  const [x, y] = [coordinateOf(value.x), coordinateOf(value.y)];
  return x !== undefined && y !== undefined && x < p && y < p && (y * y - (x * x * x - 3n * x + b)) % p === 0n;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** 32 bytes in base64url: 43 characters, the last of which has two bits too many. */
function coordinateOf(text: unknown): bigint | undefined {
  if (typeof text !== 'string' || !/^[\w-]{42}[AEIMQUYcgkosw048]$/.test(text)) return undefined;
  return [...text].reduce((sum, digit) => sum * 64n + BigInt(alphabet.indexOf(digit)), 0n) / 4n;
}
