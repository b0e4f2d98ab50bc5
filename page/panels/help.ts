import { html, type TemplateResult } from './html';
import type { Messages } from '../languages/en';

/** The advice to ask the company that invited the user. The advice is a link if `support` is set. */
export function help({ m, brand, support }: { m: Messages; brand?: string; support?: string }): TemplateResult {
  const text = m.help(brand);
  const isLink = support !== undefined && URL.canParse(support) && /^https?:$/.test(new URL(support).protocol);
  return isLink
    ? html`<a part="link" href=${support} target="_blank" rel="noopener noreferrer">${text}</a>`
    : html`${text}`;
}
