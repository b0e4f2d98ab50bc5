import { html, nothing } from './html';
import { AsyncDirective } from 'lit/async-directive.js';
import { directive } from 'lit/directive.js';
import { cache } from 'lit/directives/cache.js';
import { repeat } from 'lit/directives/repeat.js';
import type { View } from '../../workflows/messages';
import type { Messages } from '../languages/en';
import { chipOf, Groups, type Chip, type Group } from '../chips';
import { panelOf, progressOf } from '../state';
import { isSending, type PanelProps } from './props';
import { iconOf, spinner, symbols } from './symbols';

export interface ListParts {
  m: Messages;
  views: readonly View[];
  propsOf(view: View): PanelProps;
  /** The id of the open connector. */
  selected?: number;
  /** Opens a connector. `undefined` closes the open connector. */
  select(connectorId: number | undefined): void;
  /** The content of the open connector. */
  panel(view: View): unknown;
}

/** The list has a filter if it has at least this number of connectors. */
const FILTER_FROM = 8;

/** The progress bar over all connectors. */
export function progress(m: Messages, views: readonly View[]) {
  const { done, total } = progressOf(views);
  return html`<div class="progress" part="progress">
    <p id="progress">${m.progress(done, total)}</p>
    <progress max=${total} .value=${done} aria-labelledby="progress"></progress>
  </div>`;
}

/** The list of connectors, in groups. Only one connector is open at a time, so that no partly typed input is hidden. */
class List extends AsyncDirective {
  readonly #groups = new Groups();
  #filter = '';
  #given?: ListParts;

  override render(parts: ListParts) {
    this.#given = parts;
    const { m, views, selected } = parts;
    if (views.length < FILTER_FROM) this.#filter = ''; // no input shows the filter any more
    const grouped = this.#groups.of(views, (view) => chipOfRow(parts, view), selected);
    return html`<div class="groups" part="list" role="group" aria-label=${m.list}>
      ${views.length < FILTER_FROM ? nothing : this.#filterInput(m)}
      ${repeat(
        grouped,
        ([group]) => group,
        ([group, members]) => groupSection(parts, group, members, this.#isShown, grouped.length === 1),
      )}
      ${views.some(this.#isShown) ? nothing : html`<p class="lead">${m.noMatch}</p>`}
    </div>`;
  }

  readonly #isShown = (view: View): boolean =>
    view.connectorId === this.#given!.selected ||
    this.#given!.propsOf(view).name.toLocaleLowerCase().includes(this.#filter.trim().toLocaleLowerCase());

  #filterInput(m: Messages) {
    const filter = ({ currentTarget }: Event) => {
      this.#filter = (currentTarget as HTMLInputElement).value;
      this.setValue(this.render(this.#given!));
    };
    return html`<div class="field">
      <label for="filter" part="label">${m.filter}</label>
      <input part="input" id="filter" type="search" autocomplete="off" spellcheck="false" @input=${filter} />
    </div>`;
  }
}

export const list = directive(List);

/** A group. The connectors that are not shown stay in the document, so that a partly typed input is kept. */
const groupSection = (
  parts: ListParts,
  group: Group,
  members: View[],
  isShown: (view: View) => boolean,
  isOnly: boolean,
) =>
  html`<section ?hidden=${!members.some(isShown)}>
    <h2 class=${isOnly ? 'quietly' : 'group'} id="group-${group}">${parts.m.groups[group]}</h2>
    <ul class="list" aria-labelledby="group-${group}">
      ${repeat(
        members,
        ({ connectorId }) => connectorId,
        (view) => row(parts, view, !isShown(view)),
      )}
    </ul>
  </section>`;

function row(parts: ListParts, view: View, isHidden: boolean) {
  const { m, selected, propsOf, select, panel } = parts;
  const { connectorId } = view;
  const isOpen = connectorId === selected;
  const { name } = propsOf(view);
  const isUnknown = panelOf(view) === 'reading' && !view.connector;
  return html`<li class=${isOpen ? 'open' : ''} part="item" ?hidden=${isHidden}>
    <h3>
      <button
        class="row"
        part="row"
        aria-expanded=${isOpen}
        aria-controls=${isOpen ? `panel-${connectorId}` : nothing}
        @click=${() => select(isOpen ? undefined : connectorId)}
      >
        ${
          isUnknown
            ? html`<span class="icon skeleton"></span
                ><span class="name"><span class="skeleton line"></span><span class="quietly">${m.loading}</span></span>`
            : html`${iconOf(view, name)}<span class="name" dir="auto">${name}</span>${chip(parts, view)}`
        }
      </button>
    </h3>
    ${cache(isOpen ? html`<div id="panel-${connectorId}">${panel(view)}</div>` : nothing)}
  </li>`;
}

function chipOfRow({ propsOf }: ListParts, view: View): Chip {
  const props = propsOf(view);
  return chipOf(view, { step: props.step, isSending: isSending(props) });
}

const signs: Record<Chip, unknown> = {
  todo: symbols.todo,
  refresh: symbols.again,
  secondStep: symbols.half,
  refused: symbols.warning,
  working: spinner,
  verifying: symbols.clock,
  retrying: symbols.again,
  connected: symbols.done,
  byPartner: symbols.person,
  expired: symbols.clock,
  support: symbols.warning,
};

function chip(parts: ListParts, view: View) {
  const kind = chipOfRow(parts, view);
  return html`<span class="chip ${kind}" part="chip">${signs[kind]}<span>${chipText(parts, view, kind)}</span></span>`;
}

function chipText({ m, propsOf }: ListParts, view: View, kind: Chip): string {
  const { name, brand } = propsOf(view);
  if (kind === 'secondStep') return m.step(2, 2);
  if (kind === 'verifying') return m.chips.verifying(name);
  return kind === 'byPartner' ? m.chips.byPartner(brand) : m.chips[kind];
}
