import { de } from './de';
import { en, type Messages } from './en';

/** The languages that there are, by their tag. One more is one file, and one word here. */
export const languages: { [tag: string]: Messages } = { en, de };

/** The messages of the first language of these that there is: exactly, or without its region. English at the end. */
export function messagesFor(...tags: (string | null | undefined)[]): Messages {
  for (const tag of tags) {
    const found = tag && (languages[tag] ?? languages[tag.split('-')[0]!.toLowerCase()]);
    if (found) return found;
  }
  return en;
}
