/** `<cyclr-connect>`: what a user needs to connect their apps, in any page. */
import { LitElement, type PropertyValues } from 'lit';
import type { CyclrConnect as Declared } from './cyclr-connect';
import { Connecting } from './connecting';
import { languages, messagesFor } from './languages';
import type { Messages } from './languages/en';
import { frame } from './panels/frame';
import type { Actions } from './scene';
import { canSeal } from './seal';
import { styles } from './styles';

export { languages };
export type { Messages };

/** This module's address: in a variable, so that no bundler takes it for the address of a file to bundle. */
const here = import.meta.url;

/**
 * Events, all of them hints to ask your backend, never proof: `connected` and `problem` (with `detail.connectorId`),
 * `session-expired`, `session-renewed` (the property `session` has the new token), `closed`.
 */
export class CyclrConnect extends LitElement implements Declared {
  static override styles = styles;
  static override properties = {
    session: {},
    invitation: {},
    language: {},
    theme: { reflect: true },
    service: {},
    closable: { type: Boolean },
    hosted: { type: Boolean },
  };
  /** The token of a session; a new one where it was renewed. */
  declare session: string | null;
  /** The token of an invitation: a click turns it into a session, as often as one is needed. */
  declare invitation: string | null;
  /** A language tag; the session's by default. */
  declare language: string | null;
  declare theme: 'light' | 'dark' | 'auto' | null;
  /** Where the service is; by default where this module comes from. */
  declare service: string | null;
  /** Whether there is a button at the end, which tells you by `closed`. */
  declare closable: boolean;
  /** Whether the page is its own: then it has the page's heading, and sets its title and language. */
  declare hosted: boolean;

  #connecting?: Connecting;
  #isUsed = false;
  #step = '';

  constructor() {
    super();
    for (const type of ['keydown', 'pointerdown']) this.addEventListener(type, () => (this.#isUsed = true));
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.session && !this.#connecting) this.#start(this.session);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const isOther = changed.has('session') && (this.session ?? '') !== (this.#connecting?.token ?? '');
    const isElsewhere = changed.has('service') && this.#connecting !== undefined;
    if (!this.isConnected || !(isOther || isElsewhere)) return;
    this.#stop();
    if (this.session) this.#start(this.session);
  }

  protected override render() {
    const m = this.#messages;
    const act = this.#actions;
    return frame({
      m,
      act,
      watched: this.#connecting?.watched,
      trouble: this.#trouble,
      selected: this.#connecting?.selected,
      closable: this.closable,
      hosted: this.hosted,
      sceneOf: (view) => ({ ...this.#connecting!.sceneOf(m, view), act }),
    });
  }

  protected override updated(): void {
    if (this.hosted) [document.title, document.documentElement.lang] = [this.#messages.title, this.#messages.tag];
    const step = this.#trouble ?? this.#connecting?.step ?? '';
    if (step === this.#step) return;
    this.#step = step;
    if (this.#isUsed) this.#moveFocus(); // a page that has just been opened decides by itself where its focus is
  }

  #moveFocus(): void {
    const targets = ['[aria-invalid="true"]', '#form-problem', '#title'];
    const target = targets.map((selector) => this.renderRoot.querySelector<HTMLElement>(selector)).find(Boolean);
    target?.focus();
  }

  get #messages(): Messages {
    return messagesFor(this.language, this.#connecting?.watched.session?.language, document.documentElement.lang);
  }

  get #trouble(): 'insecure' | 'incomplete' | 'invited' | undefined {
    if (!canSeal()) return 'insecure';
    if (this.#connecting) return undefined;
    if (this.invitation) return 'invited';
    return this.hosted ? 'incomplete' : undefined; // a host may still be asking for a session
  }

  #start(token: string): void {
    const base = new URL(this.service ?? new URL('..', here).href, document.baseURI).href;
    const connecting: Connecting = new Connecting({
      service: base.endsWith('/') ? base : `${base}/`,
      token,
      invitation: this.invitation ?? undefined,
      changed: () => this.requestUpdate(),
      tell: (type, connectorId) => {
        if (this.#connecting !== connecting) return; // of a session that was left
        if (type === 'session-renewed') this.session = connecting.token;
        this.#tell(type, connectorId === undefined ? {} : { connectorId });
      },
    });
    this.#connecting = connecting;
    this.requestUpdate();
  }

  #stop(): void {
    this.#connecting?.stop();
    this.#connecting = undefined;
  }

  #tell(type: string, detail: { connectorId?: number } = {}): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }

  /** What can be done before, while and after there is a session. */
  get #actions(): Actions {
    return {
      ...(this.#connecting?.actions as Actions),
      canBegin: () => Boolean(this.invitation),
      begin: () => {
        this.#stop();
        this.#start('');
      },
      close: () => this.#tell('closed'),
    };
  }
}

if (!customElements.get('cyclr-connect')) customElements.define('cyclr-connect', CyclrConnect);
