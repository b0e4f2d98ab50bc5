/** Secrets that can be found again, in whatever form they were written down. */
import { randomBytes } from 'node:crypto';

const MARK_BYTES = 12;
/** How much of a mark is enough to be one: Cyclr may have cut it. */
const PART = 10;

/** A text that stands nowhere else: letters and digits, so that URL encoding leaves it as it is. */
export const mark = (): string => `Zq${randomBytes(MARK_BYTES).toString('hex')}`;

/** The forms in which a mark is looked for: its beginning and its end, in clear, in hex, in base64 at each shift. */
function formsOf(text: string): { insensitive: string[]; exact: string[] } {
  const parts = [text.slice(0, PART), text.slice(-PART)];
  return {
    insensitive: parts.flatMap((part) => [part.toLowerCase(), Buffer.from(part).toString('hex')]),
    exact: parts.flatMap((part) => [0, 1, 2].flatMap((shift) => base64At(part, shift))),
  };
}

/** The characters that a text has in the base64 of a longer one, where it begins `shift` bytes after a multiple of 3. */
function base64At(text: string, shift: number): string[] {
  const bytes = Buffer.concat([Buffer.alloc(shift), Buffer.from(text)]);
  const first = Math.ceil((shift * 8) / 6);
  const last = Math.floor((bytes.length * 8) / 6);
  return (['base64', 'base64url'] as const).map((encoding) => bytes.toString(encoding).slice(first, last));
}

/** Which of these marks stand in what was written down, in any form. */
export function marksIn(written: Buffer | string, marks: readonly string[]): string[] {
  const text = Buffer.isBuffer(written) ? written.toString('latin1') : written;
  const lower = text.toLowerCase();
  return marks.filter((each) => {
    const { insensitive, exact } = formsOf(each);
    return insensitive.some((form) => lower.includes(form)) || exact.some((form) => text.includes(form));
  });
}
