import type { Credentials, View } from '../../workflows/messages';
import type { Step } from '../chips';
import type { Messages } from '../languages/en';
import type { Prefilled, ShownCode, ShownProblem } from '../state';
import type { PendingSubmission } from '../submissions';

/**
 * The state of a consent window of this page: opened, closed before the consent was found, blocked by the browser, or
 * replaced by a newer window of this browser.
 */
export type ConsentWindow = 'opened' | 'closed' | 'blocked' | 'replaced';

/** The data of a connector's panel. */
export interface PanelProps {
  m: Messages;
  view: View;
  /** The connector's name for use in sentences. */
  name: string;
  /** The last submission of the connector, until a view shows the outcome of the submission. */
  pending?: PendingSubmission;
  /** A problem that the page or the flow found. */
  problem?: ShownProblem;
  consentWindow?: ConsentWindow;
  /** The name of the connector whose newer consent window has replaced this connector's window. */
  replacedBy?: string;
  /**
   * The user's step, such as 1 of 2. Undefined if the connector has only one step, or if the page does not know the
   * number of steps.
   */
  step?: Step;
  /** The name of the company that asks the user to connect, and the URL of its support. */
  brand?: string;
  support?: string;
  /** True if the page has emptied the secret fields, after it had sealed their values. */
  isEmptied: boolean;
  /** The user name that the user entered on an earlier form. */
  userName?: string;
  /** True if the session may re-authenticate the connector. */
  canReconnect: boolean;
  prefill?: Prefilled;
  /** True if the present step takes longer than usual. */
  isSlow: boolean;
  act: Actions;
}

/** The user's actions. Repeating an action is harmless. */
export interface Actions {
  /** With `credentials`, submits also the credentials, after the flow has accepted the properties. */
  submitProperties(
    view: View,
    values: { [name: string]: string },
    form: HTMLFormElement,
    credentials?: Credentials,
  ): void;
  submitCredentials(view: View, credentials: Credentials, form: HTMLFormElement): void;
  /** Shows a fault that the page has found in these fields. Sends nothing. */
  reportFaults(view: View, names: string[], code: ShownCode): void;
  /** Called when the user has changed this field. */
  edited(view: View, name: string): void;
  /** Opens the consent in a separate window. Call this method in the click handler, before any await. */
  openConsent(props: PanelProps): void;
  /** Opens the consent in this tab. */
  openConsentHere(props: PanelProps): void;
  confirm(view: View): void;
  /** Starts a re-authentication of a connected connector. */
  reconnect(view: View): void;
  /** Opens the panel of this connector. `undefined` closes all panels. */
  select(connectorId: number | undefined): void;
  /** True if the element has an invitation, so that a click can begin a session. */
  canBegin(): boolean;
  /** Turns the invitation into a session. After the end of the session, makes a new session. */
  begin(): void;
  /** Repeats the calls that wait, and reads the session. */
  refreshNow(): void;
  /** Removes from the page the connectors whose flows no longer exist, and reads the session again. */
  reload(): void;
  close(): void;
}

/** True if the page is sending a submission. */
export const isSending = ({ pending }: Pick<PanelProps, 'pending'>): boolean => pending?.status === 'sending';
