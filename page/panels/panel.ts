import { html, nothing } from './html';
import { keyed } from 'lit/directives/keyed.js';
import type { View } from '../../workflows/messages';
import type { Messages } from '../languages/en';
import type { PanelProps } from './props';
import { credentialsAfter, panelOf, works, type Panel } from '../state';
import { action, actions } from './actions';
import { consent, consentLead, verifying } from './consent';
import { apiKeyForm, basicForm, fieldsForm } from './credentials';
import { help } from './help';
import { asks, hint } from './hint';
import { propertyForm } from './properties';
import { iconOf, spinner, symbols } from './symbols';
import { textOf } from '../texts';

/** The panel of one connector. `after`: the buttons that lead to the next connector. */
export function panel(props: PanelProps, level: 2 | 4, after: unknown) {
  const { view } = props;
  const kind = panelOf(view);
  const isUnknown = kind === 'reading' && !view.connector;
  const title = isUnknown ? props.m.loading : props.m.panels[kind].title(props.name);
  // Another connector, step or run gets new inputs, so that these inputs contain no value from the earlier form.
  const key = [view.connectorId, view.runId, kind].join(' ');
  return html`<section class="panel ${kind}" part="panel" aria-labelledby="title">
    <header class=${level === 4 && !ends.includes(kind) ? 'quietly' : ''}>
      ${level === 2 ? iconOf(view, props.name) : nothing}
      ${
        level === 2
          ? html`<div>
              <h2 id="title" part="title" tabindex="-1">${title}</h2>
              ${description(props, kind)}
            </div>`
          : html`<h4 id="title" part="title" tabindex="-1">${title}</h4>`
      }
    </header>
    ${level === 4 ? description(props, kind) : nothing}
    ${keyed(key, html`${about(props, kind)} ${bodies[kind](props)}`)} ${deadline(props, kind)} ${actions(after)}
  </section>`;
}

/**
 * The panels whose heading says more than the connector's name. In a list, the page hides the headings of all other
 * panels, because these headings would only repeat the name.
 */
const ends: readonly Panel[] = ['connected', 'expired', 'cancelled', 'failed', 'unsupported', 'removed'];

/** Panels whose body already has a text, so that the page shows no text above the body. */
const withText: readonly Panel[] = ['reading', 'applying', 'verifying', 'connected'];

/** Panels that end with the advice to ask the company that invited the user. */
const helped: readonly Panel[] = ['tokens', 'failed', 'unsupported'];

const leadOf = ({ m, name, act, brand, view }: PanelProps, kind: Panel): string => {
  if (kind === 'expired' && act.canBegin()) return m.panels.expired.textHere;
  const { text } = m.panels[credentialsAfter(view) ?? kind] as {
    text: string | ((name: string, brand?: string) => string);
  };
  const lead = typeof text === 'string' ? text : text(name, brand);
  return lead;
};

function description({ view }: PanelProps, kind: Panel) {
  const text = asks.includes(kind) && textOf(view.connector?.description);
  return text ? html`<p class="fine" part="description" dir="auto">${text}</p>` : nothing;
}

function about(props: PanelProps, kind: Panel) {
  const { m, view, step } = props;
  const lead = kind === 'consent' ? consentLead(props) : leadOf(props, kind);
  const warning = kind === 'consent' ? m.signsInAnew : m.overwrites;
  const replaces = asks.includes(kind) && view.intent === 'reauthenticate';
  return html`
    ${step ? html`<p class="fine" part="step">${m.step(step.at, step.of)}</p>` : nothing}
    ${withText.includes(kind) ? nothing : html`<p class="lead">${lead} ${helped.includes(kind) ? help(props) : nothing}</p>`}
    ${credentialsAfter(view) ? nothing : hint(props, kind)}
    ${replaces ? html`<p class="hint" part="hint">${works(view) ? `${m.works} ${warning}` : warning}</p>` : nothing}
  `;
}

/** The body of a working state: a text about the current step, or the message that Cyclr can't be reached. */
const working = (props: PanelProps) =>
  props.view.problem?.code === 'cyclrUnavailable'
    ? html`<p class="problem calm" part="problem">${symbols.warning}<span>${props.m.stalled(props.name)}</span></p>`
    : html`<p class="working">${spinner}<span>${workText(props)}</span></p>`;

function workText(props: PanelProps): string {
  const kind = panelOf(props.view);
  return props.isSlow ? slowText(props) : leadOf(props, kind);
}

/** The text of a step that takes longer than usual. */
export function slowText({ m, name, view }: PanelProps): string {
  const kind = panelOf(view);
  if (kind === 'verifying') return m.panels.verifying.notYet(name);
  return kind === 'reading' ? m.slowToRead : m.slow;
}

const connected = ({ m, view, canReconnect, act }: PanelProps) => html`
  <p class="success" part="success">${symbols.done}<span>${connectedText(m, view)}</span></p>
  ${view.identity ? html`<p class="fine" part="identity" dir="auto">${m.panels.connected.as(view.identity)}</p>` : nothing}
  ${view.state === 'authenticated' ? confirmed(m, view.since) : nothing}
  ${actions(canReconnect ? action(m.reconnect, () => act.reconnect(view), 'secondary') : nothing)}
`;

const confirmed = (m: Messages, since: string) =>
  html`<p class="fine">${m.confirmed(dateOf(m, since, { dateStyle: 'long', timeStyle: 'short' }))}</p>`;

function connectedText(m: Messages, { state, verification }: View): string {
  const { text, unproven, notRefreshed } = m.panels.connected;
  if (state !== 'authenticated') return notRefreshed;
  return verification === 'unproven' ? unproven : text;
}

const empty = () => nothing;

const bodies: Record<Panel, (props: PanelProps) => unknown> = {
  reading: working,
  properties: propertyForm,
  apiKey: apiKeyForm,
  basic: basicForm,
  fields: fieldsForm,
  tokens: empty,
  consent,
  applying: working,
  verifying: (props) => (props.view.problem?.code === 'cyclrUnavailable' ? working(props) : verifying(props)),
  connected,
  expired: ({ m, act }) => actions(act.canBegin() ? action(m.startAgain, () => act.begin()) : nothing),
  cancelled: empty,
  failed: empty,
  unsupported: empty,
  removed: ({ m, act }) => actions(action(m.panels.removed.reload, () => act.reload())),
};

function deadline({ m, view }: PanelProps, kind: Panel) {
  if (!view.deadline || !asks.includes(kind)) return nothing;
  const date = dateOf(m, view.deadline, { dateStyle: 'long' });
  return html`
    ${kind === 'consent' ? nothing : html`<p class="fine protection">${symbols.lock}<span>${m.sealedNote}</span></p>`}
    <p class="fine">${m.waitsUntil(date)}</p>
  `;
}

function dateOf({ tag }: Messages, date: string, format: Intl.DateTimeFormatOptions): string {
  const { language } = navigator;
  // The format of the date depends on the region of the browser's language.
  const locale = language.startsWith(tag) ? language : tag;
  return new Intl.DateTimeFormat(locale, format).format(new Date(date));
}
