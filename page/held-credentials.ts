import type { View } from '../workflows/messages';
import type { Submission } from './service-client';
import { heldAt } from './state';

/** Sealed credentials that the user entered on the form of the properties. */
interface Held {
  /** The view of the form on which the user entered the credentials. */
  view: View;
  form: HTMLFormElement;
  body: Submission;
  /** The user name, for another try after a refusal. */
  userName?: string;
}

/**
 * Holds credentials until the flow has accepted the properties of the same form, because the flow refuses credentials
 * while it waits for properties.
 */
export class HeldCredentials {
  readonly #held = new Map<number, Held>();

  get hasAny(): boolean {
    return this.#held.size > 0;
  }

  hold(held: Held): void {
    this.#held.set(held.view.connectorId, held);
  }

  drop({ connectorId }: View): void {
    this.#held.delete(connectorId);
  }

  /**
   * Returns the held credentials if the view asks for them. Keeps them as long as the flow waits for the properties or
   * applies them, and has no problem. For any other view, drops the credentials.
   */
  takeAt(view: View): Held | undefined {
    const held = this.#held.get(view.connectorId);
    const action = held && heldAt(view, held.view);
    if (action !== 'keep') this.drop(view);
    return action === 'send' ? held : undefined;
  }
}
