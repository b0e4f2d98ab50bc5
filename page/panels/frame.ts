import { html, nothing } from './html';
import { Directive, directive } from 'lit/directive.js';
import { cache } from 'lit/directives/cache.js';
import { repeat } from 'lit/directives/repeat.js';
import type { View } from '../../workflows/messages';
import type { Messages } from '../languages/en';
import type { Invitation } from '../invitation';
import { isSending, type Actions, type PanelProps } from './props';
import { isGathering, type SessionState } from '../session-watch';
import { listStatusOf, nothingLeft, nextOf, panelOf } from '../state';
import { action } from './actions';
import { help } from './help';
import { list, progress } from './list';
import { notice } from './notice';
import { panel, slowText } from './panel';
import { spinner, symbols } from './symbols';

export interface FrameProps {
  m: Messages;
  session?: SessionState;
  blocker?: 'insecure' | 'incomplete' | 'invited';
  selected?: number;
  closable: boolean;
  /** True if the element is the whole page. */
  hosted: boolean;
  /** True if the element shows one connector at a time. */
  isSingle: boolean;
  /** True if the session has ended, and a value that the user had typed was not sent. */
  isInputLost: boolean;
  brand?: string;
  support?: string;
  /** The invitation. Undefined if the element has no complete token of an invitation. */
  invitation?: Invitation;
  act: Actions;
  propsOf(view: View): PanelProps;
}

/**
 * The `sandbox` attribute of the empty frame that opens the consent windows (see window.ts). The attribute permits no
 * scripts in the frame.
 */
const OPENER = 'allow-popups allow-popups-to-escape-sandbox allow-same-origin';

/** The element's content. */
export function frame(parts: FrameProps) {
  const { m } = parts;
  return html`<div class="frame" part="frame" lang=${m.tag} dir=${m.direction}>
    <slot name="brand"></slot>
    <iframe hidden sandbox=${OPENER} tabindex="-1" aria-hidden="true"></iframe>
    ${heading(parts)} ${bodyOf(parts)}
    <p class="quietly" role="status">${statusOf(parts)}</p>
  </div>`;
}

/**
 * The heading. The heading always names the account, so that a user who got a link from an attacker notices the wrong
 * account.
 */
function heading({ m, session, hosted, blocker, invitation }: FrameProps) {
  const { accountLabel, accountId } = session?.session ?? {};
  const account = accountLabel ?? accountId ?? (blocker === 'invited' ? invitation?.account : undefined);
  if (!hosted && account === undefined) return nothing;
  return html`<div class="heading" part="header">
    ${hosted ? html`<h1>${m.title}</h1>` : nothing}
    ${account === undefined ? nothing : html`<p class="account" part="account">${m.forAccount(account)}</p>`}
  </div>`;
}

function bodyOf(parts: FrameProps) {
  const { m, session, blocker, act } = parts;
  if (blocker === 'invited')
    return notice(
      { title: m.invitation.title, text: m.invitation.text(parts.brand, parts.invitation?.count) },
      action(m.invitation.begin, () => act.begin()),
    );
  if (blocker) return notice(m.ends[blocker]);
  const ended = session?.end && notice(endOf(parts, session), goBack(parts));
  if (ended && (parts.hosted || session.end !== 'expired')) return ended;
  // After `expired`, a host page can give another session. Until then, `cache` keeps the forms and their typed values.
  if (ended) return cache(ended);
  if (!session?.session || isGathering(session))
    return html`${offline(parts)}
      <div class="panel" part="panel">
        <p class="working">${spinner}<span>${m.loading}</span></p>
      </div>`;
  return cache(html`
    ${offline(parts)}
    ${session.views.length === 0 ? notice(m.ends.empty, goBack(parts)) : connectors(parts, session.views)}
  `);
}

/** The text at the end of a session. Only the text of the connect page mentions an incomplete link. */
function endOf({ m, hosted, brand, support, isInputLost }: FrameProps, { end, isMalformed }: SessionState) {
  if (hosted && isMalformed) return m.ends.incomplete;
  if (end === 'expired' && isInputLost) return { ...m.ends.expired, text: m.ends.expired.lost };
  const { title, text } = m.ends[end!];
  return { title, text: end === 'lapsed' ? html`${text} ${help({ m, brand, support })}` : text };
}

/** The connectors of the session: one connector at a time, or a list. */
class Connectors extends Directive {
  /**
   * True after the page has shown only one connector. If the session gets further connectors, the page keeps the layout
   * without the list, because another layout would replace the form in which the user types. Always false for a session
   * of an onboarding, which gets its connectors one after the other.
   */
  #wasOne = false;

  override render(parts: FrameProps, views: readonly View[]) {
    this.#wasOne ||= views.length === 1 && !parts.session?.onboarding;
    const isDone = views.length > 1 && nothingLeft(views) && parts.selected === undefined;
    return (parts.isSingle || this.#wasOne) && !isDone ? single(parts, views) : several(parts, views, isDone);
  }
}

const connectors = directive(Connectors);

/** The list of all connectors, below the progress or the summary. */
function several(parts: FrameProps, views: readonly View[], isDone: boolean) {
  const { m, act, selected, propsOf } = parts;
  return html`
    ${isDone ? summary(parts, views) : progress(m, views)}
    ${list({
      m,
      views,
      selected,
      propsOf,
      select: (connectorId) => act.select(connectorId),
      panel: (view) => panel(propsOf(view), 4, nextAction(parts, views, view)),
    })}
  `;
}

/**
 * The layout without the list. Shows the open connector, or the next connector if no connector is open. `cache` keeps
 * the partly typed inputs of the other connectors.
 */
function single(parts: FrameProps, views: readonly View[]) {
  const shown = views.find(({ connectorId }) => connectorId === parts.selected) ?? nextOf(views) ?? views[0]!;
  return html`${repeat(
    views,
    ({ connectorId }) => connectorId,
    (view) => cache(view === shown ? panel(parts.propsOf(view), 2, nextAction(parts, views, view)) : nothing),
  )}`;
}

/**
 * The buttons below a connector. The buttons lead to the next connector, or after the last connector to the list and
 * out of the page.
 */
function nextAction(parts: FrameProps, views: readonly View[], view: View) {
  const { m, act, propsOf } = parts;
  const next = nextOf(views, view.connectorId);
  if (!nothingLeft([view])) {
    const waits = next && listStatusOf(next) === 'waiting';
    return waits ? action(m.later, () => act.select(next.connectorId), 'secondary') : nothing;
  }
  if (next) return action(m.next(propsOf(next).name), () => act.select(next.connectorId));
  if (views.length === 1) return goBack(parts);
  const overview = action(m.toOverview, () => act.select(undefined), 'secondary');
  return nothingLeft(views) ? html`${goBack(parts)}${overview}` : overview;
}

function summary(parts: FrameProps, views: readonly View[]) {
  const { title, partly, text, textPartly } = parts.m.done;
  const isAll = views.every((view) => panelOf(view) === 'connected');
  const sign = isAll ? symbols.done : nothing;
  const shown = isAll ? text : html`${textPartly} ${help(parts)}`;
  return notice({ title: isAll ? title : partly, text: shown }, goBack(parts), sign);
}

function goBack({ m, session, closable, act }: FrameProps) {
  const returnTo = session?.session?.returnTo;
  if (closable) return action(m.finish, () => act.close());
  return returnTo
    ? html`<a class="button primary" part="button button-primary" href=${returnTo}>${m.goBack}</a>`
    : nothing;
}

const offline = ({ m, session, act }: FrameProps) =>
  session?.trouble && !session.end
    ? html`<div class="away" part="away">
        <span>${m.away[session.trouble]}</span>${action(m.tryNow, () => act.refreshNow(), 'secondary')}
      </div>`
    : nothing;

/** The text of the live region, which tells the state of the open connector. */
function statusOf({ m, session, selected, propsOf }: FrameProps): string {
  if (session?.end || !session?.session) return '';
  if (session.trouble) return m.away[session.trouble];
  const view = session.views.find(({ connectorId }) => connectorId === selected);
  if (!view) return '';
  const props = propsOf(view);
  const kind = panelOf(view);
  const isWorking = isSending(props) || ['reading', 'applying', 'verifying'].includes(kind);
  if (!isWorking) return m.panels[kind].title(props.name);
  return props.isSlow ? slowText({ ...props, view }) : m.sending;
}
