/** The API keys of the service's backends. */
import { createHash } from 'node:crypto';

/** True if a text can be sent as an API key, in an Authorization header. */
export const isApiKey = (key: string): boolean => /^[\w.~+/=-]+$/.test(key);

const NAME = /^[A-Za-z0-9._-]{1,40}$/;

/** True if a text can be the name of an API key in the service's variable SERVICE_API_KEYS. */
export const isApiKeyName = (name: string): boolean => NAME.test(name);

/** The digest of an API key, for the service's variable SERVICE_API_KEYS: SHA-256, in hex. */
export const digestOf = (key: string): string => createHash('sha256').update(key).digest('hex');
