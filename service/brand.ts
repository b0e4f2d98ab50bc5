/** The look of the pages: name, colour and logo of the company that runs the service. */
import { html, type Html } from './html';

export interface Brand {
  name?: string;
  /** `#rrggbb` */
  color?: string;
  /** An https URL, or a data URI of an image. */
  logo?: string;
}

const MAX_LOGO = 64 * 1024;

export const isColor = (value: string): boolean => /^#[0-9a-f]{6}$/i.test(value);

export const isLogo = (value: string): boolean =>
  value.length <= MAX_LOGO &&
  (/^data:image\/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/]+=*$/.test(value) ||
    (URL.canParse(value) && new URL(value).protocol === 'https:'));

/** Origins of images, for the content security policy. */
export const logoSources = ({ logo }: Brand): string[] => (logo?.startsWith('https:') ? [new URL(logo).origin] : []);

/** CSS variables for the style sheet of the pages; the element inherits them. */
export function brandStyle({ color }: Brand): string {
  if (color === undefined) return '';
  return `:root{--cyclr-connect-accent:${color};--cyclr-connect-on-accent:${readableOn(color)}}\n`;
}

/** The first line of each page. */
export function brandHeader({ name, logo }: Brand): Html {
  if (name === undefined && logo === undefined) return html``;
  const picture = logo === undefined ? html`` : html`<img src="${logo}" alt="${name ?? ''}" />`;
  // A logo usually contains the name.
  return html`<p class="brand">${picture}${logo === undefined ? (name ?? '') : ''}</p>`;
}

/** Black or white, the one with more contrast (WCAG 2: relative luminance). */
function readableOn(color: string): string {
  const [red, green, blue] = [1, 3, 5].map((at) => linear(parseInt(color.slice(at, at + 2), 16) / 255));
  const luminance = 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? '#ffffff' : '#000000';
}

const linear = (part: number): number => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
