import { html, nothing } from './html';
import { repeat } from 'lit/directives/repeat.js';
import type { View } from '../../workflows/messages';
import type { Messages } from '../languages/en';
import { progressOf, listStatusOf } from '../state';
import { iconOf, symbols } from './symbols';

export interface ListParts {
  m: Messages;
  views: readonly View[];
  nameOf(view: View): string;
  /** The id of the open connector. */
  selected?: number;
  select(connectorId: number): void;
  /** The content of the open connector. */
  panel(view: View): unknown;
}

/** The progress bar over all connectors. */
export function progress(m: Messages, views: readonly View[]) {
  const { done, total } = progressOf(views);
  return html`<div class="progress" part="progress">
    <p id="progress">${m.progress(done, total)}</p>
    <progress max=${total} .value=${done} aria-labelledby="progress"></progress>
  </div>`;
}

/** The list of connectors. One connector is open at a time, so that no half-typed input is hidden. */
export function list({ m, views, nameOf, selected, select, panel }: ListParts) {
  const item = (view: View) => {
    const isOpen = view.connectorId === selected;
    const status = listStatusOf(view);
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
          <span class="standing ${status}">
            ${status === 'connected' ? symbols.done : nothing}${m.statuses[status]}
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
