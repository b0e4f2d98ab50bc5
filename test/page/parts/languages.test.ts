/** The language files have the texts of the English messages, with the same arguments. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { languageOf, onDemand } from '../../../page/languages';
import { en, type Messages } from '../../../page/languages/en';
import { messagesWith } from '../../../page/languages/templates';
import { languagesOnDemand, wordsFor } from '../../../service/page-words';

const folder = join(__dirname, '..', '..', '..', 'page', 'static', 'languages');
const textsOf = (tag: string) => JSON.parse(readFileSync(join(folder, `${tag}.json`), 'utf8')) as object;

/** The path of each text, with the arguments that the text contains. */
function textsIn(messages: object, path = ''): string[] {
  return Object.entries(messages).flatMap(([name, message]: [string, unknown]) => {
    const at = path + name;
    if (typeof message === 'function') return [`${at}(${argumentsIn(String(message('⟦0⟧', '⟦1⟧'))).join()})`];
    if (typeof message === 'string' || Array.isArray(message)) return [`${at}(${argumentsIn(`${message}`).join()})`];
    return textsIn(message as object, `${at}.`);
  });
}
const argumentsIn = (text: string): string[] => [...new Set(text.match(/(?<=⟦|\{)\d(?=⟧|\})/g))].sort();

/** The texts of the messages with optional arguments, made without these arguments. */
const withoutOptional = ({ help, chips, panels, invitation }: Messages): string[] => [
  help(),
  chips.byPartner(),
  panels.tokens.text('Brightdesk'),
  invitation.text(),
  invitation.text('Acme'),
  invitation.text(undefined, 3),
];

test('the element and the service know the languages in page/static/languages', () => {
  const files = readdirSync(folder).map((file) => file.replace('.json', ''));

  expect([files.sort(), languagesOnDemand]).toEqual([onDemand, onDemand]);
  expect(onDemand.map((tag) => wordsFor(`${tag}-XY`).tag)).toEqual(onDemand);
});

test.each(onDemand)('each text of %s has the name and the arguments of an English text', (tag) => {
  expect(textsIn(textsOf(tag))).toEqual(textsIn(en));
  const messages = messagesWith(textsOf(tag));
  expect(withoutOptional(messages).join()).not.toMatch(/undefined|[{}]/);
  expect(messages.tag).toBe(tag);
});

test('messages of the host page replace texts, templates and functions, and change nothing else', () => {
  const own = {
    title: 'Own',
    forAccount: 'Of {0}',
    help: ['Ask {0}', 'Ask'],
    panels: { apiKey: { text: (name: string) => `Key of ${name}` } },
    progress: 3,
    constructor: { name: 'x' },
  };

  const messages = messagesWith(own);

  expect([messages.title, messages.forAccount('Acme'), messages.help(), messages.help('Acme')]).toEqual([
    ...['Own', 'Of Acme', 'Ask', 'Ask Acme'],
  ]);
  expect([messages.panels.apiKey.text('Kestrel'), messages.panels.apiKey.label]).toEqual(['Key of Kestrel', 'API key']);
  expect(messages.progress(1, 2)).toBe('1 of 2 connected');
  expect(Object.keys(messages)).toEqual(Object.keys(en));
});

test('a right-to-left text has isolation marks around names, and shows numbers in the digits of the language', () => {
  const { forAccount, progress } = messagesWith({
    tag: 'ar-EG',
    direction: 'rtl',
    forAccount: 'x {0}',
    progress: '{0}/{1}',
  });

  expect([forAccount('Acme'), progress(3, 12)]).toEqual(['x \u2068Acme\u2069', '٣/١٢']);
});

test('languageOf returns the language of the first tag that the page knows, with or without the region of the tag', () => {
  expect([languageOf('xx', 'fr-CA', 'de'), languageOf(null, 'constructor'), languageOf('de-AT')]).toEqual([
    ...['fr', 'en', 'de'],
  ]);
});
