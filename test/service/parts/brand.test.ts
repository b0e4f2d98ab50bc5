/** The colours of the brand. */
import { brandFooter, brandIcon, brandStyle, contrast } from '../../../service/brand';

const DARK_SURFACE = '#1a1d25';

/** Returns the colours of the theme in a style: the colour of buttons, then the colour of the text on buttons. */
const pairOf = (style: string, theme: 'light' | 'dark'): string[] =>
  [...style.matchAll(/light-dark\((#[0-9a-f]{6}),(#[0-9a-f]{6})\)/g)].map((found) => found[theme === 'light' ? 1 : 2]!);

test('contrast returns the contrast ratio of two colours as WCAG 2 defines it', () => {
  expect(contrast('#000000', '#ffffff')).toBeCloseTo(21);
  expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.48, 2);
});

test.each(['#0f766e', '#000000', '#1a1d25', '#2f4fd0', '#ff0000', '#ffeb3b', '#ffffff'])(
  'the brand colour %s is unchanged in the light theme and readable in the dark theme',
  (color) => {
    const style = brandStyle({ color });

    const [accent, onAccent] = pairOf(style, 'dark');
    expect(pairOf(style, 'light')[0]).toBe(color);
    expect(contrast(accent!, DARK_SURFACE)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(accent!, onAccent!)).toBeGreaterThanOrEqual(4.5);
  },
);

test('a brand colour for the dark theme is used unchanged', () => {
  expect(pairOf(brandStyle({ color: '#0f766e', colorDark: '#5eead4' }), 'dark')).toEqual(['#5eead4', '#000000']);
});

test('the footer has the links of the brand, and each link opens in another tab', () => {
  const words = { support: 'Support', privacy: 'Privacy', terms: 'Terms' };

  expect(brandFooter({ links: { support: 'https://acme.example/?a="b"' } }, words).text).toBe(
    '<footer><a href="https://acme.example/?a=&quot;b&quot;" target="_blank" rel="noopener noreferrer">Support</a></footer>',
  );
  expect(brandFooter({}, words).text).toBe('');
});

test('the icon of a page is the logo; without a logo the escaped first letter of the name; without a name an empty icon', () => {
  const svg = (icon: string): string => Buffer.from(icon.split(',')[1]!, 'base64').toString();

  expect(brandIcon({ name: 'Acme', logo: 'https://acme.example/logo.svg' })).toBe('https://acme.example/logo.svg');
  expect(svg(brandIcon({ name: '<Acme', color: '#0f766e' }))).toMatch(/fill="#ffffff"\s*>&lt;</);
  expect(brandIcon({})).toBe('data:,');
});
