/** Makes test secrets, and searches for them in any encoding. */
import { randomBytes } from 'node:crypto';

export interface TestSecrets {
  /**
   * Makes a secret with characters that encodings escape. The secret contains the marker three times, so that each half
   * of the secret contains a whole marker.
   */
  secret(name: string): string;
  foundIn: Search;
}

/**
 * Searches bytes for a text. Returns the name of each encoding in which the bytes contain the text. Returns an empty
 * list if the bytes do not contain the text.
 */
export type Search = (bytes: Uint8Array | string) => string[];

export function createTestSecrets(): TestSecrets {
  const marker = randomBytes(10).toString('hex');
  return {
    secret: (name) => `${name}-${marker}/"é" +${marker}&${marker}`,
    foundIn: searchFor(marker),
  };
}

/** Returns a function that searches for the text in all encodings. */
export function searchFor(text: string): Search {
  const needles = needlesOf(text);
  return (bytes) => {
    const buffer = Buffer.from(bytes as Uint8Array);
    const lowerCase = Buffer.from(buffer.toString('latin1').toLowerCase(), 'latin1');
    return needles
      .filter(({ needle, anyCase }) => (anyCase ? lowerCase : buffer).includes(needle))
      .map(({ encoding }) => encoding);
  };
}

interface Needle {
  encoding: string;
  needle: Buffer;
  anyCase: boolean;
}

function needlesOf(text: string): Needle[] {
  const anyCase = (encoding: string, form: string, as?: 'utf16le'): Needle => ({
    encoding,
    needle: Buffer.from(form.toLowerCase(), as),
    anyCase: true,
  });
  const exact = (encoding: string, forms: string[]): Needle[] =>
    forms.map((form) => ({ encoding, needle: Buffer.from(form), anyCase: false }));
  return [
    anyCase('clear', text),
    anyCase('clear', encodeURIComponent(text)),
    anyCase('clear', JSON.stringify(text).slice(1, -1)),
    anyCase('hex', Buffer.from(text).toString('hex')),
    anyCase('UTF-16', text, 'utf16le'),
    ...exact('base64', base64FormsOf(text)),
    ...exact('base64 of upper case', base64FormsOf(text.toUpperCase())),
    ...exact('base64 of base64', base64FormsOf(text).flatMap(base64FormsOf)),
  ];
}

/**
 * Base64 encodes groups of 3 bytes, so the encoding of the text depends on the position at which the text begins in a
 * group. For each of the 3 positions, returns the part of the base64 and base64url encodings that depends only on the
 * text.
 */
function base64FormsOf(text: string): string[] {
  const bytes = Buffer.from(text);
  return [0, 1, 2].flatMap((offset) => {
    const padded = Buffer.concat([Buffer.alloc(offset), bytes]);
    const [first, last] = [Math.ceil((offset * 8) / 6), Math.floor((padded.length * 8) / 6)];
    const encoded = (['base64', 'base64url'] as const).map((name) => padded.toString(name).slice(first, last));
    return [...new Set(encoded)];
  });
}
