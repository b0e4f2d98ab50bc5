import { html, nothing } from 'lit';
import type { View } from '../../workflows/messages';
import type { Messages } from '../languages/en';
import type { Actions, Scene } from '../scene';
import type { Watched } from '../session-watch';
import { isOver, nextOf, panelOf } from '../state';
import { action } from './actions';
import { list, progress } from './list';
import { notice } from './notice';
import { panel } from './panel';
import { spinner, symbols } from './symbols';

export interface FrameParts {
  m: Messages;
  watched?: Watched;
  trouble?: 'insecure' | 'incomplete' | 'invited';
  selected?: number;
  closable: boolean;
  /** Whether the page around it has nothing else to say. */
  hosted: boolean;
  act: Actions;
  sceneOf(view: View): Scene;
}

/** All of it. */
export function frame(parts: FrameParts) {
  const { m } = parts;
  return html`<div class="frame" part="frame" lang=${m.tag} dir=${m.direction}>
    <slot name="brand"></slot>
    ${heading(parts)} ${bodyOf(parts)}
    <p class="quietly" role="status">${statusOf(parts)}</p>
  </div>`;
}

/** Whose account it is, always: a link can be somebody else's. */
function heading({ m, watched, hosted }: FrameParts) {
  const { accountLabel, accountId } = watched?.session ?? {};
  const account = accountLabel ?? accountId;
  if (!hosted && account === undefined) return nothing;
  return html`<div class="heading" part="header">
    ${hosted ? html`<h1>${m.title}</h1>` : nothing}
    ${account === undefined ? nothing : html`<p class="account" part="account">${m.forAccount(account)}</p>`}
  </div>`;
}

function bodyOf(parts: FrameParts) {
  const { m, watched, trouble, act } = parts;
  if (trouble === 'invited')
    return notice(
      m.invitation,
      action(m.invitation.begin, () => act.begin()),
    );
  if (trouble) return notice(m.ends[trouble]);
  if (watched?.end) return notice(m.ends[watched.end], goBack(parts));
  if (!watched?.session)
    return html`${away(parts)}
      <div class="panel" part="panel">
        <p class="working">${spinner}<span>${m.loading}</span></p>
      </div>`;
  return html`
    ${away(parts)}
    ${watched.views.length === 0 ? notice(m.ends.empty, goBack(parts)) : connectors(parts, watched.views)}
  `;
}

function connectors(parts: FrameParts, views: readonly View[]) {
  const { m, act, selected, sceneOf } = parts;
  if (views.length === 1) return html`${panel(sceneOf(views[0]!), 2, isOver(views) ? goBack(parts) : nothing)}`;
  return html`
    ${isOver(views) && selected === undefined ? done(parts, views) : progress(m, views)}
    ${list({
      m,
      views,
      selected,
      nameOf: (view) => sceneOf(view).name,
      select: (connectorId) => act.select(connectorId),
      panel: (view) => panel(sceneOf(view), 3, onward(parts, views, view)),
    })}
  `;
}

/** The way on from one that is over. */
function onward({ m, act, sceneOf }: FrameParts, views: readonly View[], view: View) {
  if (!isOver([view])) return nothing;
  const next = nextOf(views, view.connectorId);
  return next
    ? action(m.next(sceneOf(next).name), () => act.select(next.connectorId))
    : action(m.toOverview, () => act.select(undefined));
}

function done(parts: FrameParts, views: readonly View[]) {
  const { title, partly, text, textPartly } = parts.m.done;
  const isAll = views.every((view) => panelOf(view) === 'connected');
  const sign = isAll ? symbols.done : nothing;
  return notice({ title: isAll ? title : partly, text: isAll ? text : textPartly }, goBack(parts), sign);
}

function goBack({ m, watched, closable, act }: FrameParts) {
  const returnTo = watched?.session?.returnTo;
  if (closable) return action(m.finish, () => act.close());
  return returnTo
    ? html`<a class="button primary" part="button button-primary" href=${returnTo}>${m.goBack}</a>`
    : nothing;
}

const away = ({ m, watched, act }: FrameParts) =>
  watched && !watched.isReached && !watched.end
    ? html`<div class="away" part="away">
        <span>${m.away}</span>${action(m.tryNow, () => act.lookNow(), 'secondary')}
      </div>`
    : nothing;

/** What a screen reader says by itself: where the open one stands, in one sentence. */
function statusOf({ m, watched, selected, sceneOf }: FrameParts): string {
  if (watched?.end || !watched?.session) return '';
  if (!watched.isReached) return m.away;
  const view = watched.views.find(({ connectorId }) => connectorId === selected);
  if (!view) return '';
  const { name, given } = sceneOf(view);
  if (given?.status === 'sending') return m.sending;
  const kind = panelOf(view);
  return ['reading', 'applying', 'verifying'].includes(kind) ? m.sending : m.panels[kind].title(name);
}
