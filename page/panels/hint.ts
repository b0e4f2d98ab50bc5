import { credentialsAfter, type Panel } from '../state';
import { helpIn, textOf } from '../texts';
import { html, nothing } from './html';
import { linked } from './linked';
import type { PanelProps } from './props';

/** Panels that ask the user for an input or a consent. */
export const asks: readonly Panel[] = ['properties', 'apiKey', 'basic', 'fields', 'consent'];

/**
 * The connector's own description of its sign-in. A form that has only properties does not show this description,
 * because the description belongs to the next step.
 */
export function hint({ m, view }: PanelProps, kind: Panel) {
  const own = asks.includes(kind) && helpIn(view.connector?.help, m.tag);
  const signsIn = kind === 'properties' ? credentialsAfter(view) : asks.includes(kind);
  const text = own || (signsIn && textOf(view.connector?.authDescription));
  if (!text) return nothing;
  return html`<div class="hint" part="hint">
    ${kind === 'consent' ? nothing : html`<p><strong>${m.whereToFind}</strong></p>`}
    <p class="lines" dir="auto">${linked(text)}</p>
  </div>`;
}
