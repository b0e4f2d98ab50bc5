import { defaultPayloadConverter, type PayloadConverter } from '@temporalio/common';

/**
 * Temporal's own, but what can't be decoded is nothing: broken JSON, another SDK's encoding, what somebody has encrypted.
 * Else one such signal would fail every task of its workflow from then on, and the error would quote what it is about.
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
