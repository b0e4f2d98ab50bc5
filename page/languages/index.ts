import { en, type Messages } from './en';
import { messagesWith } from './templates';

/** The loaded languages, by tag. English is always loaded. */
export const languages: { [tag: string]: Messages } = { en };

/** The languages in the files page/static/languages/{tag}.json. To add a language, add its file and its tag. */
export const onDemand: readonly string[] = ['ar', 'de', 'es', 'fr', 'ja'];

const exists = (tag: string): boolean => Object.hasOwn(languages, tag) || onDemand.includes(tag);

/**
 * The language of the first tag for which the element has a language. If the element has no language for a whole tag,
 * such as `de-CH`, the tag without its region counts. English if no tag has a language.
 */
export function languageOf(...tags: (string | null | undefined)[]): string {
  const known = tags.flatMap((tag) => (tag ? [tag, tag.split('-')[0]!.toLowerCase()] : [])).find(exists);
  return known ?? 'en';
}

/** True if the language is already loaded. */
export const isLoaded = (tag: string): boolean => Object.hasOwn(languages, tag);

/**
 * Loads a language from the service, whose base URL has a slash at its end. If the load fails, the page stays in
 * English.
 */
export async function load(tag: string, base: string): Promise<void> {
  if (isLoaded(tag)) return;
  const response = await fetch(`${base}connect/languages/${tag}.json`, { credentials: 'omit' }).catch(() => undefined);
  const texts: unknown = response?.ok ? await response.json().catch(() => undefined) : undefined;
  if (texts) languages[tag] = messagesWith(texts);
}
