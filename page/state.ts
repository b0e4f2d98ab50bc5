/**
 * Chooses the panels, fields and problems that the page shows, by the views of the service and the state of the page.
 * Pure functions, without the document.
 */
import type { Field } from '../workflows/connector';
import type { ProblemCode, StateName, View } from '../workflows/messages';

/** The kinds of a connector's panel. */
export type Panel =
  | 'reading'
  | 'properties'
  | 'apiKey'
  | 'basic'
  | 'fields'
  | 'tokens'
  | 'consent'
  | 'applying'
  | 'verifying'
  | 'connected'
  | 'expired'
  | 'cancelled'
  | 'failed'
  | 'unsupported'
  | 'removed';

/** A problem and its fields. A shown problem has no text, because the page finds the text by the code. */
export interface ShownProblem {
  code: ShownCode;
  fields?: readonly { name: string; code: ShownCode }[];
}

/** The code of a problem. Only the page uses `colon`, for a user name with a colon. */
export type ShownCode = ProblemCode | 'colon';

/** A connector's status in the list. */
type ListStatus = 'waiting' | 'working' | 'connected' | 'stuck';

const panels: Record<Exclude<StateName, 'awaitingCredentials'> | 'removed', Panel> = {
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
  removed: 'removed',
};

const listStatuses: Record<Panel, ListStatus> = {
  reading: 'working',
  properties: 'waiting',
  apiKey: 'waiting',
  basic: 'waiting',
  fields: 'waiting',
  tokens: 'stuck', // the partner sends the tokens, so the user can do nothing
  consent: 'waiting',
  applying: 'working',
  verifying: 'working',
  connected: 'connected',
  expired: 'stuck',
  cancelled: 'stuck',
  failed: 'stuck',
  unsupported: 'stuck',
  removed: 'stuck',
};

/** True for the view of a re-authentication while Cyclr reports the connector as connected. */
export const works = ({ intent, connected }: Partial<Pick<View, 'intent' | 'connected'>>): boolean =>
  intent === 'reauthenticate' && connected === true;

/**
 * The panel of a view. For a state that only a newer service knows, the panel is `reading`. A re-authentication that
 * expired or was cancelled does not change the connection, so the panel is `connected` if the connector works.
 */
export function panelOf(view: Pick<View, 'state' | 'connector'> & Partial<View>): Panel {
  const { state, connector } = view;
  if (works(view) && (state === 'expired' || state === 'cancelled')) return 'connected';
  if (state !== 'awaitingCredentials') return panels[state] ?? 'reading';
  if (connector?.authType === 'ApiKey') return 'apiKey';
  if (connector?.authType === 'AuthFields') return 'fields';
  return connector?.authType === 'Basic' ? 'basic' : 'tokens';
}

/**
 * The kind of credentials that the form of the properties also asks for. Undefined if the form asks for properties
 * only. If Cyclr reports the connector as connected, the form asks for properties only, because the connector may need
 * no new credentials.
 */
export function credentialsAfter(view: View): 'apiKey' | 'basic' | undefined {
  if (panelOf(view) !== 'properties' || view.connected) return undefined;
  const panel = panelOf({ ...view, state: 'awaitingCredentials' });
  return panel === 'apiKey' || panel === 'basic' ? panel : undefined;
}

/**
 * The user entered credentials on the form of the view `form`. Returns whether the page keeps, sends or drops these
 * credentials at `view`. The page drops them if the view has a problem, another run has begun, or the flow asks for
 * another input.
 */
export function heldAt(view: View, form: View): 'keep' | 'send' | 'drop' {
  if (view.runId !== form.runId) return 'drop';
  if (view.state === 'applyingProperties' || view.revision <= form.revision) return 'keep';
  if (view.problem) return 'drop';
  if (view.state === 'awaitingProperties') return 'keep';
  return panelOf(view) === credentialsAfter(form) ? 'send' : 'drop';
}

/** The last view of a flow that no longer exists, with the state `removed`. Only the page uses this state. */
export const removedOf = ({ problem: _problem, fields: _fields, deadline: _deadline, ...view }: View): View => ({
  ...view,
  state: 'removed' as StateName,
});

export const isRemoved = (view: View): boolean => panelOf(view) === 'removed';

export const listStatusOf = (view: View): ListStatus => listStatuses[panelOf(view)];

/** True if the flow has ended. */
export const isFinal = (view: View): boolean => {
  const panel = panelOf(view);
  return listStatuses[panel] === 'connected' || (listStatuses[panel] === 'stuck' && panel !== 'tokens');
};

/**
 * Adds a view to the views, or replaces an older view of its connector. A view that is older than the known view
 * changes nothing. If a run has not read its connector yet, its view gets the member `connector` of the older view.
 */
export function merged(views: readonly View[], newer: View): readonly View[] {
  const known = views.find(({ connectorId }) => connectorId === newer.connectorId);
  if (!known) return [...views, newer];
  if (known.runId === newer.runId && known.revision >= newer.revision) return views;
  const latest = completed(newer, known);
  return views.map((view) => (view === known ? latest : view));
}

/** Returns the newer view, with the parts of the connector that only the older view has. */
function completed(newer: View, { connector: known, connected }: View): View {
  if (!known) return newer;
  if (!newer.connector) return { ...(connected !== undefined && { connected }), ...newer, connector: known };
  const { icon, description } = known; // the view of an ended run has no icon and no description
  const kept = { ...(icon && { icon }), ...(description && { description }) };
  return { ...newer, connector: { ...kept, ...newer.connector } };
}

/**
 * The number of connected connectors, and the number of all connectors. A re-authentication of a connection that works
 * counts as connected.
 */
export const progressOf = (views: readonly View[]): { done: number; total: number } => ({
  done: views.filter((view) => panelOf(view) === 'connected' || works(view)).length,
  total: views.length,
});

/**
 * The next connector to open, by the first rule that finds a connector: (1) the connector waits for the user and comes
 * later in the list than `after`; (2) the connector waits for the user; (3) the connector is in a working state.
 */
export function nextOf(views: readonly View[], after?: number): View | undefined {
  const at = views.findIndex(({ connectorId }) => connectorId === after);
  const others = [...views.slice(at + 1), ...views.slice(0, Math.max(at, 0))];
  return (
    others.find((view) => listStatusOf(view) === 'waiting') ?? others.find((view) => listStatusOf(view) === 'working')
  );
}

/** True if the user can do nothing more for any connector in `views`. False if `views` is empty. */
export const nothingLeft = (views: readonly View[]): boolean =>
  views.length > 0 && views.every((view) => ['connected', 'stuck'].includes(listStatusOf(view)));

/**
 * The view that the page shows while it sends the input for the view `answered`. The page keeps showing `answered`
 * until the flow has moved on or refused the input, so that the form does not disappear and appear again.
 */
export function shownView(view: View, answered: View | undefined): View {
  if (!answered || answered.runId !== view.runId) return view;
  const isBeingApplied =
    view.revision <= answered.revision || ['applyingProperties', 'applyingCredentials'].includes(view.state);
  return isBeingApplied && view.problem?.code !== 'cyclrUnavailable' ? answered : view;
}

/**
 * True if a verification between the views `before` and `view` found no consent. The page may have missed the views in
 * between, so this function uses the `revision` to count the changes of the view. A new link also changes the view once
 * and keeps the problem of the earlier link, so this one change is not a failed verification.
 */
export function consentFailed(before: View, view: View): boolean {
  const changes = view.revision - before.revision;
  const isFresh = view.attempt?.id !== before.attempt?.id;
  return view.problem !== undefined && view.runId === before.runId && changes > (isFresh ? 1 : 0);
}

/**
 * True if the consent in the page's window has ended between the views `before` and `view`. False at the end of a
 * verification that has found no consent: the consent had already ended at the beginning of this verification, and the
 * user may have opened a new window since then.
 */
export function consentEnded(before: View, view: View): boolean {
  if (panelOf(view) !== 'consent') return panelOf(before) !== panelOf(view);
  return panelOf(before) !== 'verifying' && consentFailed(before, view);
}

/** The problem of each field (`at`), and the problem that belongs to no field (`above`, shown above the form). */
export function problemsIn(problem: ShownProblem | undefined, fields: readonly Pick<Field, 'name'>[]) {
  const known = new Set(fields.map(({ name }) => name));
  const at = new Map<string, ShownCode>(
    (problem?.fields ?? []).filter(({ name }) => known.has(name)).map(({ name, code }) => [name, code]),
  );
  return { at, above: problem && at.size === 0 ? problem.code : undefined };
}

/**
 * The problem without the fields that the user has edited after the problem was shown. After the first edit, the page
 * does not show a problem of the whole input.
 */
export function withoutEdited(
  problem: ShownProblem | undefined,
  edited: ReadonlySet<string>,
): ShownProblem | undefined {
  if (!problem || edited.size === 0) return problem;
  const fields = problem.fields?.filter(({ name }) => !edited.has(name)) ?? [];
  return fields.length === 0 ? undefined : { ...problem, fields };
}

/** Values of properties that the session proposes or locks, by property. */
export type Prefilled = { [name: string]: { value: string; locked?: boolean | undefined } };

/**
 * The fields that the user fills in, with the proposed values, and the fields with locked values. A prefilled value of
 * a secret field is ignored.
 */
export function prefilledOf(fields: readonly Field[], prefill: Prefilled = {}) {
  const givenFor = ({ name, secret }: Field) => (secret || !Object.hasOwn(prefill, name) ? undefined : prefill[name]);
  const isLocked = (field: Field) => givenFor(field)?.locked === true;
  const proposed = (field: Field): Field => {
    const value = givenFor(field)?.value;
    if (value === undefined) return field;
    const { options = [] } = field;
    const isOption = options.length === 0 || options.includes(value);
    return { ...field, default: value, ...(!isOption && { options: [value, ...options] }) };
  };
  const locked = fields.filter(isLocked).map((field) => ({ ...field, value: givenFor(field)!.value }));
  return { open: fields.filter((field) => !isLocked(field)).map(proposed), locked };
}

/** The names of the required fields that have neither a stored value nor an entered value. */
export const missingIn = (fields: readonly Field[], values: { [name: string]: string }): string[] =>
  fields.filter(({ name, required, stored }) => required && !stored && !values[name]).map(({ name }) => name);

/**
 * The fields to show (required fields), and the fields to collapse. If no field is required, the form shows all fields.
 * A problem moves no field, so that the user's text stays in its field.
 */
export function foldedOf(fields: readonly Field[]): { shown: readonly Field[]; folded: readonly Field[] } {
  const shown = fields.filter(({ required }) => required);
  if (shown.length === 0) return { shown: fields, folded: [] };
  return { shown, folded: fields.filter(({ required }) => !required) };
}
