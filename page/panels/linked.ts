import { html } from './html';
import { partsOf } from '../texts';

/** A text with links that open in another tab and show their host. */
export const linked = (text: string) =>
  partsOf(text).map((part) =>
    typeof part === 'string'
      ? part
      : html`<a part="link" href=${part.href} target="_blank" rel="noopener noreferrer">${part.host}</a>`,
  );
