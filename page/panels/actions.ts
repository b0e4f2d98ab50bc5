import { html, nothing } from 'lit';

/** A button. The primary one is what most people will want. */
export const action = (label: unknown, onClick: () => void, rank: 'primary' | 'secondary' = 'primary') =>
  html`<button
    type="button"
    class=${rank}
    part=${rank === 'primary' ? 'button button-primary' : 'button'}
    @click=${onClick}
  >
    ${label}
  </button>`;

/** What can be done next: nothing at all where there is nothing. */
export const actions = (...items: unknown[]) =>
  items.every((item) => item === nothing) ? nothing : html`<div class="actions">${items}</div>`;
