import { html, svg, type TemplateResult } from './html';
import type { View } from '../../workflows/messages';

const shape = (content: TemplateResult) =>
  html`<svg class="symbol" viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">
    ${content}
  </svg>`;

/** Icons in the text's colour, hidden from screen readers. */
export const symbols = {
  done: shape(svg`<path d="m4 10.5 4 4 8-9" stroke-linecap="round" stroke-linejoin="round" />`),
  warning: shape(svg`<circle cx="10" cy="10" r="8" /><path d="M10 5.5v5.5m0 3v.5" stroke-linecap="round" />`),
  todo: shape(svg`<circle cx="10" cy="10" r="7" />`),
  half: shape(svg`<circle cx="10" cy="10" r="7" /><path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor" />`),
  clock: shape(svg`<circle cx="10" cy="10" r="7" /><path d="M10 6v4l3 2" stroke-linecap="round" />`),
  again: shape(svg`<path d="M16 10a6 6 0 1 1-2-4.5V3m0 2.5h-3" stroke-linecap="round" stroke-linejoin="round" />`),
  person: shape(svg`<circle cx="10" cy="7" r="3" /><path d="M4 17a6 6 0 0 1 12 0" stroke-linecap="round" />`),
  lock: shape(svg`<path d="M4.5 9h11v8h-11zm2.5 0V6a3 3 0 0 1 6 0v3" stroke-linejoin="round" />`),
  out: shape(svg`<path d="M8 4H4v12h12v-4M11 4h5v5m0-5-8 8" stroke-linecap="round" stroke-linejoin="round" />`),
};

export const spinner = html`<span class="spinner" aria-hidden="true"></span>`;

/** The connector's icon. Without an icon, the first letter of the connector's name. */
export function iconOf({ connector }: View, name: string) {
  const { icon } = connector ?? {};
  return icon?.startsWith('data:image/')
    ? html`<img class="icon" part="icon" src=${icon} alt="" width="40" height="40" />`
    : html`<span class="icon hue-${hueOf(name)}" part="icon" aria-hidden="true"
        >${[...name][0]?.toLocaleUpperCase()}</span
      >`;
}

const HUES = 6;

/** One of six colours. The same name always gets the same colour. */
const hueOf = (name: string): number => [...name].reduce((sum, letter) => sum + letter.codePointAt(0)!, 0) % HUES;
