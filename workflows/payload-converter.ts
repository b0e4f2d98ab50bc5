import { defaultPayloadConverter, type PayloadConverter } from '@temporalio/common';

/**
 * Temporal's converter, but a payload that can't be decoded becomes `undefined`: broken JSON, or the encoding of another
 * SDK or of an encryption codec. Otherwise one such signal fails all workflow tasks of its run, before any handler runs,
 * and the error quotes the payload (SDK 1.24).
 */
export const payloadConverter: PayloadConverter = {
  toPayload: (...args) => defaultPayloadConverter.toPayload(...args),
  fromPayload: (...args) => {
    try {
      return defaultPayloadConverter.fromPayload(...args);
    } catch {
      return undefined as never;
    }
  },
};
