import { de } from './de';
import { en, type Messages } from './en';

/** The languages by tag. To add one, add a file and an entry here. */
export const languages: { [tag: string]: Messages } = { en, de };

/** The messages of the first of these tags that exists, with or without its region; otherwise English. */
export function messagesFor(...tags: (string | null | undefined)[]): Messages {
  for (const tag of tags) {
    const found = tag && (languages[tag] ?? languages[tag.split('-')[0]!.toLowerCase()]);
    if (found) return found;
  }
  return en;
}
