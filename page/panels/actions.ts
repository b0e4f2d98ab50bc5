import { html, nothing } from './html';

/** A button. The primary button is the usual choice. */
export const action = (label: unknown, onClick: () => void, rank: 'primary' | 'secondary' = 'primary') =>
  html`<button
    type="button"
    class=${rank}
    part=${rank === 'primary' ? 'button button-primary' : 'button'}
    @click=${onClick}
  >
    ${label}
  </button>`;

/** A row of buttons. `nothing` if all items are `nothing`. */
export const actions = (...items: unknown[]) =>
  items.every((item) => item === nothing) ? nothing : html`<div class="actions">${items}</div>`;
