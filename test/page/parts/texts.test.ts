/** How the page shows Cyclr's texts about connectors: links in a text, and missing texts. */
import { helpIn, partsOf, textOf } from '../../../page/texts';

/** The text as the page shows it, with each link as `[host](address)`. */
const shown = (text: string): string =>
  partsOf(text)
    .map((part) => (typeof part === 'string' ? part : `[${part.host}](${part.href})`))
    .join('');

test('an https address is a link that shows its host, without the punctuation of the sentence', () => {
  expect(shown('See https://help.example/keys?a=1#new, then "https://b.example".')).toBe(
    'See [help.example](https://help.example/keys?a=1#new), then "[b.example](https://b.example/)".',
  );
  expect(shown('(https://a.example:8443/x)')).toBe('([a.example:8443](https://a.example:8443/x))');
});

test.each([
  'http://a.example/x',
  'javascript:alert(1)',
  'https://user@a.example/',
  'https://a.example:b@evil.example/',
  'https://',
  'data:text/html,x',
])('partsOf makes no link of %s', (text) => {
  expect(partsOf(text)).toEqual([text]);
});

test('the host of a link is shown in ASCII, so that similar letters of other scripts are visible', () => {
  expect(partsOf('https://pаypal.example/')).toMatchObject([{ host: 'xn--pypal-4ve.example' }]);
});

test('textOf returns undefined for an empty text and for the word null', () => {
  expect([undefined, '', ' ', 'null', 'NULL ', 'Nullable'].map(textOf)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    'Nullable',
  ]);
});

test.each([
  ['de', 'Fragen Sie. https://help.example/de'],
  ['fr', 'Ask us.'],
])(
  'helpIn returns the text and link of the language %s, or the default if the language has no text',
  (tag, expected) => {
    const help = { default: { text: 'Ask us.' }, de: { text: 'Fragen Sie.', link: 'https://help.example/de' } };

    expect(helpIn(help, tag)).toBe(expected);
    expect(helpIn(undefined, tag)).toBeUndefined();
  },
);
