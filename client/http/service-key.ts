import { createHash } from 'node:crypto';

/** What the service is given in place of a key: SHA-256, in hex. */
export const digestOf = (key: string): string => createHash('sha256').update(key).digest('hex');
