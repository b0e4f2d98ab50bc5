/** Loads the operator's payload codecs, for example for encryption. This project has no codec of its own. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { PayloadCodec } from '@temporalio/common';
import { ConfigError } from './environment';

const isCodec = (value: unknown): value is PayloadCodec => {
  const { encode, decode } = Object(value) as Partial<PayloadCodec>;
  return typeof encode === 'function' && typeof decode === 'function';
};

/**
 * The codecs that the module in PAYLOAD_CODECS exports as `payloadCodecs`, or undefined without this variable. A
 * relative path starts in the working folder. Fails with a {@link ConfigError} that quotes no text of the module.
 */
export function payloadCodecsOf({ PAYLOAD_CODECS: module }: { PAYLOAD_CODECS?: string }): PayloadCodec[] | undefined {
  if (!module) return undefined;
  const { payloadCodecs } = load(module);
  if (Array.isArray(payloadCodecs) && payloadCodecs.length > 0 && payloadCodecs.every(isCodec)) return payloadCodecs;
  throw new ConfigError('PAYLOAD_CODECS names a module that does not export `payloadCodecs`, a list of payload codecs');
}

function load(module: string): { payloadCodecs?: unknown } {
  try {
    return Object(createRequire(join(process.cwd(), 'main.js'))(module)) as { payloadCodecs?: unknown };
  } catch (err) {
    const { code, name } = err as NodeJS.ErrnoException;
    throw new ConfigError(`PAYLOAD_CODECS names no module that can be loaded (${code ?? name})`);
  }
}
