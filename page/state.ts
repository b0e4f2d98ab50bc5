/** What is to be shown: pure, from what the service says and the little that only this page knows. */
import type { Field } from '../workflows/connector';
import type { Problem, ProblemCode, StateName, View } from '../workflows/messages';

/** What a connector's part of the page is about. */
export type Panel =
  | 'reading'
  | 'properties'
  | 'apiKey'
  | 'basic'
  | 'tokens'
  | 'consent'
  | 'applying'
  | 'verifying'
  | 'connected'
  | 'expired'
  | 'cancelled'
  | 'failed'
  | 'unsupported';

/** What is wrong, and where: a page finds its own words. */
export type Trouble = Pick<Problem, 'code' | 'fields'>;

/** How a connector stands in a list. */
export type Standing = 'waiting' | 'working' | 'connected' | 'stuck';

const panels: Record<Exclude<StateName, 'awaitingCredentials'>, Panel> = {
  fetchingConnector: 'reading',
  awaitingProperties: 'properties',
  applyingProperties: 'applying',
  awaitingAuthorization: 'consent',
  applyingCredentials: 'applying',
  verifyingAuthorization: 'verifying',
  authenticated: 'connected',
  expired: 'expired',
  cancelled: 'cancelled',
  failed: 'failed',
  unsupported: 'unsupported',
};

const standings: Record<Panel, Standing> = {
  reading: 'working',
  properties: 'waiting',
  apiKey: 'waiting',
  basic: 'waiting',
  tokens: 'stuck', // nothing that its user could do
  consent: 'waiting',
  applying: 'working',
  verifying: 'working',
  connected: 'connected',
  expired: 'stuck',
  cancelled: 'stuck',
  failed: 'stuck',
  unsupported: 'stuck',
};

/** A state that only a newer service knows is one to wait in. */
export function panelOf({ state, connector }: Pick<View, 'state' | 'connector'>): Panel {
  if (state !== 'awaitingCredentials') return panels[state] ?? 'reading';
  if (connector?.authType === 'ApiKey') return 'apiKey';
  return connector?.authType === 'Basic' ? 'basic' : 'tokens';
}

export const standingOf = (view: View): Standing => standings[panelOf(view)];

/** Whether it can't come any further by itself. */
export const isFinal = (view: View): boolean => {
  const panel = panelOf(view);
  return standings[panel] === 'connected' || (standings[panel] === 'stuck' && panel !== 'tokens');
};

/** The views with a newer one in its place. An older one that comes late changes nothing. */
export function merged(views: readonly View[], news: View): readonly View[] {
  const known = views.find(({ connectorId }) => connectorId === news.connectorId);
  if (!known) return [...views, news];
  if (known.runId === news.runId && known.revision >= news.revision) return views;
  return views.map((view) => (view === known ? news : view));
}

/** How many are connected, of how many. */
export const progressOf = (views: readonly View[]): { done: number; total: number } => ({
  done: views.filter((view) => panelOf(view) === 'connected').length,
  total: views.length,
});

/** The one to go on with: the first after this one that waits for its user, else any that does, else one that works. */
export function nextOf(views: readonly View[], after?: number): View | undefined {
  const at = views.findIndex(({ connectorId }) => connectorId === after);
  const others = [...views.slice(at + 1), ...views.slice(0, Math.max(at, 0))];
  return others.find((view) => standingOf(view) === 'waiting') ?? others.find((view) => standingOf(view) === 'working');
}

/** Whether there is nothing left that this user could do here. */
export const isOver = (views: readonly View[]): boolean =>
  views.length > 0 && views.every((view) => ['connected', 'stuck'].includes(standingOf(view)));

/**
 * The view whose form is shown. While what was given is on its way the form stays, whatever the flow does with it, so
 * that nothing jumps; as soon as the flow has come further, or has refused it, that is what counts.
 */
export function shownView(view: View, given: View | undefined): View {
  if (!given || given.runId !== view.runId) return view;
  const isOnItsWay =
    view.revision <= given.revision || ['applyingProperties', 'applyingCredentials'].includes(view.state);
  return isOnItsWay && view.problem?.code !== 'cyclrUnavailable' ? given : view;
}

/**
 * Whether consent was looked for in between, and not found: the states on the way may have passed unseen. A fresh link
 * is one change, and keeps the problem of the link before.
 */
export function isTurnedDown(before: View, view: View): boolean {
  const changes = view.revision - before.revision;
  const isFresh = view.attempt?.id !== before.attempt?.id;
  return view.problem !== undefined && view.runId === before.runId && changes > (isFresh ? 1 : 0);
}

/** The problem of each field, and whether there is one that is nobody's. */
export function problemsIn(problem: Trouble | undefined, fields: readonly Pick<Field, 'name'>[]) {
  const known = new Set(fields.map(({ name }) => name));
  const at = new Map<string, ProblemCode>(
    (problem?.fields ?? []).filter(({ name }) => known.has(name)).map(({ name, code }) => [name, code]),
  );
  return { at, above: problem && at.size === 0 ? problem.code : undefined };
}

/** The names of fields that must not stay empty. */
export const missingIn = (fields: readonly Field[], values: { [name: string]: string }): string[] =>
  fields.filter(({ name, required, stored }) => required && !stored && !values[name]).map(({ name }) => name);

/** Fields that have to be seen, and those that can be folded away. Where nothing has to be, all are seen. */
export function foldedOf(fields: readonly Field[], problems: ReadonlyMap<string, unknown>) {
  const isSeen = ({ required, name }: Field) => required || problems.has(name);
  if (!fields.some(isSeen)) return { seen: fields, folded: [] };
  return { seen: fields.filter(isSeen), folded: fields.filter((field) => !isSeen(field)) };
}
