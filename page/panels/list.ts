import { html, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { View } from '../../workflows/messages';
import type { Messages } from '../languages/en';
import { progressOf, standingOf } from '../state';
import { iconOf, symbols } from './symbols';

export interface ListParts {
  m: Messages;
  views: readonly View[];
  nameOf(view: View): string;
  /** The one that is open. */
  selected?: number;
  select(connectorId: number): void;
  /** What is shown of it. */
  panel(view: View): unknown;
}

/** How far all of them are. */
export function progress(m: Messages, views: readonly View[]) {
  const { done, total } = progressOf(views);
  return html`<div class="progress" part="progress">
    <p id="progress">${m.progress(done, total)}</p>
    <progress max=${total} .value=${done} aria-labelledby="progress"></progress>
  </div>`;
}

/** One open at a time: what is half typed in another would be lost from sight. */
export function list({ m, views, nameOf, selected, select, panel }: ListParts) {
  const item = (view: View) => {
    const isOpen = view.connectorId === selected;
    const standing = standingOf(view);
    const name = nameOf(view);
    return html`<li class=${isOpen ? 'open' : ''} part="item">
      <h2>
        <button
          class="row"
          part="row"
          aria-expanded=${isOpen}
          aria-disabled=${isOpen}
          aria-controls=${isOpen ? `panel-${view.connectorId}` : nothing}
          @click=${() => select(view.connectorId)}
        >
          ${iconOf(view, name)}
          <span class="name" dir="auto">${name}</span>
          <span class="standing ${standing}">
            ${standing === 'connected' ? symbols.done : nothing}${m.standings[standing]}
          </span>
        </button>
      </h2>
      ${isOpen ? html`<div id="panel-${view.connectorId}">${panel(view)}</div>` : nothing}
    </li>`;
  };
  return html`<ul class="list" part="list" aria-label=${m.list}>
    ${repeat(views, ({ connectorId }) => connectorId, item)}
  </ul>`;
}
