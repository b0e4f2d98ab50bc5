/** Computes the status and the group of each connector in the list. Pure functions, without the document. */
import type { View } from '../workflows/messages';
import { credentialsAfter, panelOf, works, type Panel } from './state';

/** A connector's status in the list. */
export type Chip =
  | 'todo'
  | 'refresh'
  | 'secondStep'
  | 'refused'
  | 'working'
  | 'verifying'
  | 'retrying'
  | 'connected'
  | 'byPartner'
  | 'expired'
  | 'support';

/** The groups of the list, by the next action of the user. */
export const groups = ['todo', 'underWay', 'connected', 'support'] as const;
export type Group = (typeof groups)[number];

/** The position of the user's step (`at`), and the number of all steps (`of`). */
export interface Step {
  at: number;
  of: number;
}

const forms: readonly Panel[] = ['apiKey', 'basic', 'fields', 'consent'];

/**
 * The user's step, such as step 1 of 2. Undefined if the panel of the view asks for no input and no consent, if the
 * connector has only one step, or if the page does not know the number of steps. `hadFirst`: true if the page has shown
 * step 1 of the run. The page must remember this, because the view of step 2 does not tell whether the run had a step
 * 1.
 */
export function stepOf(view: View, hadFirst: boolean): Step | undefined {
  const panel = panelOf(view);
  if (panel === 'properties') return hasNextForm(view) ? { at: 1, of: 2 } : undefined;
  return hadFirst && forms.includes(panel) ? { at: 2, of: 2 } : undefined;
}

/** True if the user enters credentials or consents after the form of the properties. */
function hasNextForm(view: View): boolean {
  if (credentialsAfter(view)) return false;
  const { connector } = view;
  const { authType = '', oauth2Type, partnerSupplied } = connector ?? {};
  if (['ApiKey', 'Basic', 'AuthFields'].includes(authType)) return true;
  return ['OAuth1', 'OAuth2'].includes(authType) && oauth2Type !== 'ClientCredentials' && !partnerSupplied;
}

type Form = 'properties' | 'apiKey' | 'basic' | 'fields' | 'consent';
const isForm = (panel: Panel): panel is Form => panel === 'properties' || forms.includes(panel);

const chips: Record<Exclude<Panel, Form>, Chip> = {
  reading: 'working',
  tokens: 'byPartner',
  applying: 'working',
  verifying: 'verifying',
  connected: 'connected',
  expired: 'expired',
  cancelled: 'support',
  failed: 'support',
  unsupported: 'support',
  removed: 'support',
};

/**
 * The codes of problems that a correct input can get, too. After such a problem, the user may send the same input
 * again.
 */
const passing = ['notNow', 'cyclrUnavailable'];

export function chipOf(view: View, { step, isSending = false }: { step?: Step; isSending?: boolean } = {}): Chip {
  const panel = panelOf(view);
  const code = view.problem?.code;
  if (isForm(panel)) {
    if (isSending) return 'working';
    if (code !== undefined && !passing.includes(code)) return 'refused';
    if (works(view)) return 'refresh';
    return step?.at === 2 ? 'secondStep' : 'todo';
  }
  const chip = chips[panel];
  return code === 'cyclrUnavailable' && ['working', 'verifying'].includes(chip) ? 'retrying' : chip;
}

const groupOf: Record<Chip, Group> = {
  todo: 'todo',
  refresh: 'todo',
  secondStep: 'todo',
  refused: 'todo',
  working: 'todo', // after the check of the input, the flow can ask for the form again
  verifying: 'underWay',
  retrying: 'underWay',
  byPartner: 'underWay',
  connected: 'connected',
  expired: 'support',
  support: 'support',
};

/**
 * Assigns each connector to a group of the list. The open connector stays in its group, because a move would take the
 * focus from its panel.
 */
export class Groups {
  readonly #groups = new Map<number, Group>();

  /** The connectors of each group, without empty groups. */
  of(views: readonly View[], chip: (view: View) => Chip, opened?: number): [Group, View[]][] {
    for (const view of views) {
      const isKept = view.connectorId === opened && this.#groups.has(opened);
      if (!isKept) this.#groups.set(view.connectorId, groupOf[chip(view)]);
    }
    const members = (group: Group) => views.filter(({ connectorId }) => this.#groups.get(connectorId) === group);
    return groups.map((group): [Group, View[]] => [group, members(group)]).filter(([, found]) => found.length > 0);
  }
}
