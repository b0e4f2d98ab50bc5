import type { Credentials, View } from '../workflows/messages';
import type { Messages } from './languages/en';
import type { Trouble } from './state';
import type { Given } from './submissions';

/** What a panel is drawn of. */
export interface Scene {
  m: Messages;
  view: View;
  /** What the user calls the connector. */
  name: string;
  /** What was given to it, until it is known what became of it. */
  given?: Given;
  /** What is wrong: found out here, or by the flow. */
  problem?: Trouble;
  /** Whether this page has opened a window for consent, or was kept from it. */
  way?: 'opened' | 'blocked';
  act: Actions;
}

/** What a user can do. Each may be done twice. */
export interface Actions {
  giveProperties(view: View, values: { [name: string]: string }, form: HTMLFormElement): void;
  giveCredentials(view: View, credentials: Credentials, form: HTMLFormElement): void;
  /** Nothing was given: these fields are missing. */
  miss(view: View, names: string[]): void;
  giveAgain(view: View): void;
  /** In a window of its own; called by the click itself. */
  goOut(view: View): void;
  goOutHere(view: View): void;
  confirm(view: View): void;
  /** Opens one, or none. */
  select(connectorId: number | undefined): void;
  /** Whether there is an invitation to begin with. */
  canBegin(): boolean;
  /** Begins with it, also once more. */
  begin(): void;
  lookNow(): void;
  close(): void;
}

/** Whether something is on its way. */
export const isSending = ({ given }: Pick<Scene, 'given'>): boolean => given?.status === 'sending';
