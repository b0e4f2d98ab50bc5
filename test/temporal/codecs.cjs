/** The payload codec of an adopter: AES-256-GCM, and the encoding `binary/encrypted`. */
const { createCipheriv, createDecipheriv, randomBytes } = require('node:crypto');
const { temporal } = require('@temporalio/proto');

const { Payload } = temporal.api.common.v1;
const key = Buffer.alloc(32, 7); // an adopter takes the key from a secret store
const ENCODING = Buffer.from('binary/encrypted');

function encrypt(payload) {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  const sealed = [cipher.update(Payload.encode(payload).finish()), cipher.final()];
  return { metadata: { encoding: ENCODING }, data: Buffer.concat([iv, cipher.getAuthTag(), ...sealed]) };
}

function decrypt(payload) {
  if (Buffer.from(payload.metadata?.encoding ?? []).compare(ENCODING) !== 0) return payload;
  const data = Buffer.from(payload.data);
  const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(0, 12)).setAuthTag(data.subarray(12, 28));
  return Payload.decode(Buffer.concat([decipher.update(data.subarray(28)), decipher.final()]));
}

exports.payloadCodecs = [
  {
    encode: async (payloads) => payloads.map(encrypt),
    decode: async (payloads) => payloads.map(decrypt),
  },
];
