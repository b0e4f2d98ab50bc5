/** Secrets that can be found again, however they were encoded on the way. */
import { randomBytes } from 'node:crypto';

export interface Mark {
  /** A secret that holds the mark so often that half of it holds it too, and characters that encodings change. */
  secret(name: string): string;
  /** In which encodings the mark stands in these bytes; empty where it does not. */
  foundIn: Search;
}

export type Search = (bytes: Uint8Array | string) => string[];

export function createMark(): Mark {
  const core = randomBytes(10).toString('hex');
  return {
    secret: (name) => `${name}-${core}/"é" +${core}&${core}`,
    foundIn: searchFor(core),
  };
}

/** Looks for a text in every encoding. */
export function searchFor(text: string): Search {
  const needles = needlesOf(text);
  return (bytes) => {
    const buffer = Buffer.from(bytes as Uint8Array);
    const lower = Buffer.from(buffer.toString('latin1').toLowerCase(), 'latin1');
    return needles
      .filter(({ needle, anyCase }) => (anyCase ? lower : buffer).includes(needle))
      .map(({ encoding }) => encoding);
  };
}

interface Needle {
  encoding: string;
  needle: Buffer;
  anyCase: boolean;
}

/** What a text leaves behind: as such, escaped, in hex, in base64 wherever that begins. */
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
    ...exact('base64', inBase64(text)),
    ...exact('base64 of upper case', inBase64(text.toUpperCase())),
    ...exact('base64 of base64', inBase64(text).flatMap(inBase64)),
  ];
}

/** What is the same in every base64 and base64url that holds the text, for each of the three ways it can lie. */
function inBase64(text: string): string[] {
  const bytes = Buffer.from(text);
  return [0, 1, 2].flatMap((before) => {
    const padded = Buffer.concat([Buffer.alloc(before), bytes]);
    const [first, last] = [Math.ceil((before * 8) / 6), Math.floor((padded.length * 8) / 6)];
    const encoded = (['base64', 'base64url'] as const).map((name) => padded.toString(name).slice(first, last));
    return [...new Set(encoded)];
  });
}
