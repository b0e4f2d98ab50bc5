import { html, nothing } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import type { Scene } from '../scene';
import { panelOf, type Panel } from '../state';
import { action, actions } from './actions';
import { consent } from './consent';
import { apiKeyForm, basicForm } from './credentials';
import { propertyForm } from './properties';
import { iconOf, spinner, symbols } from './symbols';

/** What is asked, or said, about one connector; `after` is the way on. */
export function panel(scene: Scene, level: 2 | 3, after: unknown) {
  const { view } = scene;
  const kind = panelOf(view);
  const title = scene.m.panels[kind].title(scene.name);
  // A form is another one for another connector, step or run: nothing that was typed goes over.
  const key = [view.connectorId, view.runId, kind].join(' ');
  return html`<section class="panel ${kind}" part="panel" aria-labelledby="title">
    <header class=${level === 3 && !ends.includes(kind) ? 'quietly' : ''}>
      ${level === 2 ? iconOf(view, scene.name) : nothing}
      ${
        level === 2
          ? html`<div>
              <h2 id="title" part="title" tabindex="-1">${title}</h2>
              ${description(scene, kind)}
            </div>`
          : html`<h3 id="title" part="title" tabindex="-1">${title}</h3>`
      }
    </header>
    ${level === 3 ? description(scene, kind) : nothing}
    ${keyed(key, html`${about(scene, kind)} ${bodies[kind](scene)}`)} ${deadline(scene, kind)} ${actions(after)}
  </section>`;
}

const asks: readonly Panel[] = ['properties', 'apiKey', 'basic', 'consent'];
/** What its heading alone says: in a list, the name above would be enough for the others. */
const ends: readonly Panel[] = ['connected', 'expired', 'cancelled', 'failed', 'unsupported'];

/** What says by itself what is going on. */
const says: readonly Panel[] = ['reading', 'applying', 'verifying', 'connected'];

const textOf = ({ m, name, act }: Scene, kind: Panel): string => {
  if (kind === 'expired' && act.canBegin()) return m.panels.expired.textHere;
  const { text } = m.panels[kind] as { text: string | ((name: string) => string) };
  return typeof text === 'string' ? text : text(name);
};

const description = ({ view }: Scene, kind: Panel) =>
  asks.includes(kind) && view.connector?.description
    ? html`<p class="fine" part="description" dir="auto">${view.connector.description}</p>`
    : nothing;

/** What there is to do, and what its maker says about signing in: as text, whatever it looks like. */
function about(scene: Scene, kind: Panel) {
  const { m, name, view, way } = scene;
  const lead = kind === 'consent' && way === 'opened' ? m.panels.consent.opened(name) : textOf(scene, kind);
  const warning = kind === 'consent' ? m.signsInAnew : m.overwrites;
  const { authDescription } = view.connector ?? {};
  const asked = asks.includes(kind);
  return html`
    ${says.includes(kind) ? nothing : html`<p class="lead">${lead}</p>`}
    ${asked && authDescription ? html`<p class="hint" part="hint" dir="auto">${authDescription}</p>` : nothing}
    ${asked && view.intent === 'reauthenticate' ? html`<p class="hint" part="hint">${warning}</p>` : nothing}
  `;
}

/** While Cyclr is asked: what it is doing, or that it can't be reached. */
const working = (scene: Scene) =>
  scene.view.problem?.code === 'cyclrUnavailable'
    ? html`<p class="problem calm" part="problem">${symbols.trouble}<span>${scene.m.stalled(scene.name)}</span></p>`
    : html`<p class="working">${spinner}<span>${textOf(scene, panelOf(scene.view))}</span></p>`;

const connected = ({ m, view }: Scene) => html`
  <p class="success" part="success">
    ${symbols.done}<span>
      ${view.verification === 'unproven' ? m.panels.connected.unproven : m.panels.connected.text}
    </span>
  </p>
`;

const over = () => nothing;

const bodies: Record<Panel, (scene: Scene) => unknown> = {
  reading: working,
  properties: propertyForm,
  apiKey: apiKeyForm,
  basic: basicForm,
  tokens: over,
  consent,
  applying: working,
  verifying: working,
  connected,
  expired: ({ m, act }) => actions(act.canBegin() ? action(m.startAgain, () => act.begin()) : nothing),
  cancelled: over,
  failed: over,
  unsupported: over,
};

function deadline({ m, view }: Scene, kind: Panel) {
  if (!view.deadline || !asks.includes(kind)) return nothing;
  const { language } = navigator;
  const locale = language.startsWith(m.tag) ? language : m.tag; // how dates are written there, too
  const date = new Intl.DateTimeFormat(locale, { dateStyle: 'long' }).format(new Date(view.deadline));
  return html`<p class="fine">${kind === 'consent' ? nothing : html`${m.sealedNote}<br />`}${m.waitsUntil(date)}</p>`;
}
