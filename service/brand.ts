/** The look of the pages: name, colour and logo of the company that runs the service. */
import { isSecureUrl } from '../workflows/connector';
import { html, joined, type Html } from './html';

export interface Brand {
  name?: string;
  /** `#rrggbb` */
  color?: string;
  /** `#rrggbb` for the dark theme. The default is a lighter `color` that can be read on a dark surface. */
  colorDark?: string;
  /** An https URL, or a data URI of an image. */
  logo?: string;
  /** The addresses of the links in the footer. */
  links?: { [kind in LinkKind]?: string };
}

export type LinkKind = 'support' | 'privacy' | 'terms';

const MAX_LOGO = 64 * 1024;
const MAX_LINK = 500;

export const isColor = (value: string): boolean => /^#[0-9a-f]{6}$/i.test(value);

export const isLogo = (value: string): boolean =>
  value.length <= MAX_LOGO &&
  (/^data:image\/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/]+=*$/.test(value) ||
    (URL.canParse(value) && new URL(value).protocol === 'https:'));

/** True for an https URL, or http on loopback, without a user name. */
export const isLink = (value: string): boolean => {
  if (value.length > MAX_LINK || !URL.canParse(value)) return false;
  const url = new URL(value);
  return isSecureUrl(url) && url.username + url.password === '';
};

/** The origin of the logo, for the content security policy. Empty if the logo is no https URL. */
export const logoSources = ({ logo }: Brand): string[] => (logo?.startsWith('https:') ? [new URL(logo).origin] : []);

/** CSS variables for the style sheet of the pages. The element inherits these variables. */
export function brandStyle({ color, colorDark }: Brand): string {
  if (color === undefined) return '';
  const dark = colorDark ?? readableInDark(color);
  const accent = `light-dark(${color},${dark})`;
  const onAccent = `light-dark(${readableOn(color)},${readableOn(dark)})`;
  return `:root{--cyclr-connect-accent:${accent};--cyclr-connect-on-accent:${onAccent}}\n`;
}

/** The header of each page: the logo, or the name of the company. */
export function brandHeader({ name, logo }: Brand): Html {
  if (name === undefined && logo === undefined) return html``;
  const picture = logo === undefined ? html`` : html`<img src="${logo}" alt="${name ?? ''}" />`;
  // The header with a logo does not show the name, because a logo usually contains it.
  return html`<p class="brand">${picture}${logo === undefined ? (name ?? '') : ''}</p>`;
}

/**
 * The address of the page's icon: the logo, or an image of the first letter of the name. Without logo and name, the
 * page has an empty icon.
 */
export function brandIcon({ name, color = '#2f4fd0', logo }: Brand): string {
  if (logo !== undefined || name === undefined) return logo ?? 'data:,';
  const [letter = ''] = name.toLocaleUpperCase();
  const text = html`<text
    x="16"
    y="23"
    text-anchor="middle"
    font-family="sans-serif"
    font-size="20"
    fill="${readableOn(color)}"
    >${letter}</text
  >`;
  const svg = html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
    <rect width="32" height="32" rx="7" fill="${color}" />
    ${text}
  </svg>`;
  return `data:image/svg+xml;base64,${Buffer.from(svg.text).toString('base64')}`;
}

/**
 * The last line of each page, with the links of the brand. A link opens in another tab, so that the page keeps the
 * user's input.
 */
export function brandFooter({ links = {} }: Brand, words: { [kind in LinkKind]: string }): Html {
  const kinds = (['support', 'privacy', 'terms'] as const).filter((kind) => links[kind] !== undefined);
  if (kinds.length === 0) return html``;
  const items = kinds.map(
    (kind) => html`<a href="${links[kind]!}" target="_blank" rel="noopener noreferrer">${words[kind]}</a>`,
  );
  return html`<footer>${joined(items)}</footer>`;
}

/** The background colour of the dark theme: `--surface` of page/styles/theme.ts. */
const DARK_SURFACE = '#1a1d25';
/** The lowest contrast that WCAG 2 allows for text at the level AA. */
const LEAST_CONTRAST = 4.5;

/** The colour itself, or the first mixture with white that has enough contrast on the dark surface. */
function readableInDark(color: string): string {
  const mixtures = Array.from({ length: 21 }, (_, step) => mixedWithWhite(color, step / 20));
  return mixtures.find((mixture) => contrast(mixture, DARK_SURFACE) >= LEAST_CONTRAST)!;
}

/** The colour of text on `color`: black or white, by the higher contrast. */
const readableOn = (color: string): string =>
  contrast(color, '#ffffff') >= contrast(color, '#000000') ? '#ffffff' : '#000000';

/** The contrast of two colours by WCAG 2, as a number from 1 to 21. */
export function contrast(one: string, other: string): number {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter! + 0.05) / (darker! + 0.05);
}

const channels = (color: string): number[] => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));

const mixedWithWhite = (color: string, share: number): string =>
  `#${channels(color)
    .map((channel) => Math.round(channel + (255 - channel) * share))
    .map((channel) => channel.toString(16).padStart(2, '0'))
    .join('')}`;

function luminance(color: string): number {
  const [red, green, blue] = channels(color).map((channel) => linear(channel / 255));
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

const linear = (part: number): number => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
