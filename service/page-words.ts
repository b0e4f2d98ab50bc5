/** Texts of the pages before and after the consent, in each language. */
import type { StateName } from '../workflows/view';
import { ar } from './words/ar';
import { de } from './words/de';
import { en, type PageWords } from './words/en';
import { es } from './words/es';
import { fr } from './words/fr';
import { ja } from './words/ja';

export type { PageWords };

const languages: { [tag: string]: PageWords } = { en, de, ar, es, fr, ja };

/** The languages whose texts the element loads from the service. English is in the module of the element. */
export const languagesOnDemand = ['ar', 'de', 'es', 'fr', 'ja'];

/**
 * The texts for a language tag or an Accept-Language header. English if the service has no texts in these languages.
 */
export function wordsFor(accepted = ''): PageWords {
  const weighed = accepted.split(',').map((item) => {
    const [tag = '', quality = ''] = item.trim().split(';');
    return { base: tag.split('-')[0]!.toLowerCase(), weight: Number(/q=([\d.]+)/.exec(quality)?.[1] ?? 1) };
  });
  const known = weighed.filter(({ base }) => Object.hasOwn(languages, base)).sort((a, b) => b.weight - a.weight);
  return languages[known[0]?.base ?? 'en']!;
}

/** The title of the return page for a state. */
export function outcomeOf({ outcomes, unfinished }: PageWords, state: StateName, name: string): string {
  const own: { [state in StateName]?: (name: string) => string } = outcomes;
  return (own[state] ?? unfinished)(name);
}
