/**
 * The custom element `<cyclr-connect>`, in which a user connects the connectors of an account. Any page can contain the
 * element.
 */
import { LitElement, type PropertyValues } from 'lit';
import { claimsOf } from './claims';
import { ConnectSession, type EventDetail } from './connect-session';
import type { CyclrConnect as Declared } from './cyclr-connect';
import { invitationOf } from './invitation';
import { isLoaded, languageOf, languages, load } from './languages';
import { en, type Messages } from './languages/en';
import { messagesWith, type OwnMessages } from './languages/templates';
import { frame } from './panels/frame';
import type { Actions } from './panels/props';
import { canSeal } from './seal';
import { styles } from './styles';

export { languages };
export type { Messages };

/** How long the page shows the success of a connector before it opens the next connector. */
const MOVE_ON_MS = 2500;

/**
 * True for a pointer event that a screen reader sends. Such an event has the size 0, or is a mouse event of the size 1
 * without pressure.
 */
const isVirtual = ({ width, height, pressure, pointerType }: PointerEvent): boolean =>
  (width === 0 && height === 0) || (width === 1 && height === 1 && pressure === 0 && pointerType === 'mouse');

/** Scrolls an opened connector to the top if a part of the connector is outside of the window. */
function reveal(item: Element | null): void {
  const { top = 0, bottom = 0 } = item?.getBoundingClientRect() ?? {};
  if (top < 0 || bottom > innerHeight) item?.scrollIntoView({ block: 'start' });
}

/**
 * The URL of this module. The URL is in a variable, because Vite would bundle `new URL('…', import.meta.url)` as an
 * asset.
 */
const here = import.meta.url;

/**
 * Emits `connected` and `problem` (with `detail.connectorId`), `opened`, `step`, `refused`, `window-opened`,
 * `window-closed`, `session-expired`, `session-renewed` (the property `session` has the new token) and `closed`. An
 * event proves nothing about a connector: use the event only as a hint to ask your backend.
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
    layout: {},
    brand: {},
    support: {},
    messages: { attribute: false },
  };
  /** The token of a session. The element replaces the token at each renewal. */
  declare session: string | null;
  /**
   * The token of an invitation. A click turns the invitation into a session. After the end of a session, another click
   * makes a new session.
   */
  declare invitation: string | null;
  /** A language tag. The default is the language of the session or of the invitation, then the language of the
   * page. */
  declare language: string | null;
  declare theme: 'light' | 'dark' | 'auto' | null;
  /** The service's base URL. The default is the origin and path of this module. */
  declare service: string | null;
  /**
   * If true, the element shows a button in place of the link to `returnTo` when all connectors are done. A click on the
   * button emits `closed`.
   */
  declare closable: boolean;
  /**
   * True if the element is the whole page. The element of a whole page also shows the heading, and sets the title and
   * the language of the document.
   */
  declare hosted: boolean;
  /** The name of the company that asks the user to connect. */
  declare brand: string | null;
  /** The URL of the support of the company in `brand`. */
  declare support: string | null;
  /** Texts of the host page that replace some messages. */
  declare messages: OwnMessages | null;

  /**
   * `single`: one connector at a time, without a list. The element also has this layout if its session names its
   * connectors, and has begun with only one of them.
   */
  declare layout: 'list' | 'single' | null;

  #current?: ConnectSession;
  #isUsed = false;
  /**
   * True if the user's last action came from a real pointer, and not from the keyboard or from a screen reader that
   * simulates a pointer.
   */
  #usesPointer = false;
  #moving?: ReturnType<typeof setTimeout>;
  #opened?: number;
  #step = '';
  #language = '';
  /** `messages`: the messages of the language (`base`), with the texts of the host page (`own`) in their place. */
  #worded?: { base: Messages; own: OwnMessages; messages: Messages };

  constructor() {
    super();
    for (const type of ['keydown', 'pointerdown']) this.addEventListener(type, (event) => this.#noteUse(event));
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.session && !this.#current) this.#start(this.session);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const isOther = changed.has('session') && (this.session ?? '') !== (this.#current?.token ?? '');
    const isElsewhere = changed.has('service') && this.#current !== undefined;
    // Another invitation can be for another account, so the session of the former invitation ends.
    const isInvitedAnew = Boolean(this.invitation && changed.get('invitation') && !isOther && this.#current);
    if (isInvitedAnew) {
      this.#stop();
      this.session = null;
    }
    this.#chooseLanguage();
    if (isInvitedAnew) return;
    if (!this.isConnected || !(isOther || isElsewhere)) return;
    if (!isElsewhere && this.session && this.#current?.continueWith(this.session)) return;
    this.#stop();
    if (this.session) this.#start(this.session);
  }

  protected override render() {
    const m = this.#messages;
    const act = this.#actions;
    return frame({
      m,
      act,
      session: this.#current?.state,
      blocker: this.#blocker,
      selected: this.#current?.selected,
      closable: this.closable,
      hosted: this.hosted,
      isSingle: this.layout === 'single',
      isInputLost: this.#current?.isInputLost ?? false,
      brand: this.brand ?? undefined,
      support: this.support ?? undefined,
      invitation: invitationOf(this.invitation ?? ''),
      propsOf: (view) => ({
        ...this.#current!.propsOf(m, view),
        act,
        brand: this.brand ?? undefined,
        support: this.support ?? undefined,
      }),
    });
  }

  protected override updated(): void {
    if (this.hosted && isLoaded(this.#language)) this.#speak();
    if (this.#isUsed && this.#opened !== this.#current?.selected) reveal(this.renderRoot.querySelector('li.open'));
    this.#opened = this.#current?.selected;
    const step = this.#blocker ?? this.#current?.step ?? '';
    if (step === this.#step) return;
    this.#step = step;
    if (this.#mayMoveFocus) this.#moveFocus();
  }

  /**
   * True if the element may move the focus: the focus is in this element, or on nothing. False if the focus is in the
   * filter of the list or elsewhere on the page, because the user may be typing there. Also false before the user has
   * first used the element, because the host page then controls the focus.
   */
  get #mayMoveFocus(): boolean {
    if (!this.#isUsed) return false;
    const { activeElement } = this.renderRoot as ShadowRoot;
    if (activeElement) return activeElement.id !== 'filter';
    return !document.activeElement || document.activeElement === document.body;
  }

  #moveFocus(): void {
    // If the option "Other …" is chosen, the problem is at the text input beside the choice.
    const invalid = '[aria-invalid="true"]:not([hidden], :has(+ .other:not([hidden])))';
    const targets = [invalid, '#form-problem', '#title'];
    const target = targets.map((selector) => this.renderRoot.querySelector<HTMLElement>(selector)).find(Boolean);
    target?.focus();
  }

  /** The messages of the language. English until the language is loaded. */
  get #messages(): Messages {
    const base = languages[this.#language] ?? en;
    const own = this.messages;
    if (!own) return base;
    if (this.#worded?.base !== base || this.#worded.own !== own)
      this.#worded = { base, own, messages: messagesWith(own, base) };
    return this.#worded.messages;
  }

  #chooseLanguage(): void {
    const { language: ofToken } = claimsOf(this.session || this.invitation || '');
    const language = languageOf(
      this.language,
      typeof ofToken === 'string' ? ofToken : undefined,
      document.documentElement.lang,
    );
    if (language === this.#language) return;
    this.#language = language;
    void load(language, this.#base).then(() => this.requestUpdate());
  }

  /** Sets the title, the language and the direction of the connect page. */
  #speak(): void {
    const { title, tag, direction } = this.#messages;
    document.title = title;
    Object.assign(document.documentElement, { lang: tag, dir: direction });
  }

  /** The service's base URL, with a slash at its end. */
  get #base(): string {
    const base = new URL(this.service ?? new URL('..', here).href, document.baseURI).href;
    return base.endsWith('/') ? base : `${base}/`;
  }

  get #blocker(): 'insecure' | 'incomplete' | 'invited' | undefined {
    if (!canSeal()) return 'insecure';
    if (this.#current) return undefined;
    if (this.invitation) return invitationOf(this.invitation) ? 'invited' : 'incomplete';
    // The result is not `incomplete` in a host page, because the host page may set `session` later.
    return this.hosted ? 'incomplete' : undefined;
  }

  #start(token: string): void {
    const started: ConnectSession = new ConnectSession({
      service: this.#base,
      token,
      invitation: this.invitation ?? undefined,
      hosted: this.hosted,
      frame: () => this.renderRoot.querySelector('iframe'),
      changed: () => this.requestUpdate(),
      emit: (type, detail) => {
        if (this.#current !== started) return; // another session has replaced the session `started`
        if (type === 'connected' && detail?.connectorId === started.selected) this.#moveOnAfter(started);
        if (type === 'session-renewed') this.session = started.token;
        this.#emit(type, detail);
      },
    });
    this.#current = started;
    this.requestUpdate();
  }

  #noteUse(event: Event): void {
    this.#isUsed = true;
    this.#usesPointer = event instanceof PointerEvent && !isVirtual(event);
    clearTimeout(this.#moving);
  }

  /**
   * Opens the next connector after `MOVE_ON_MS`. Opens no connector if the user works by keyboard or screen reader, or
   * has asked the browser for reduced motion.
   */
  #moveOnAfter(session: ConnectSession): void {
    const { selected } = session;
    if (!this.#usesPointer || matchMedia('(prefers-reduced-motion: reduce)').matches || selected === undefined) return;
    clearTimeout(this.#moving);
    this.#moving = setTimeout(() => session === this.#current && session.moveOn(selected), MOVE_ON_MS);
  }

  #stop(): void {
    clearTimeout(this.#moving);
    this.#current?.stop();
    this.#current = undefined;
  }

  #emit(type: string, detail: EventDetail = {}): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }

  /** The actions of the current session, and the actions that need no session. */
  get #actions(): Actions {
    return {
      ...(this.#current?.actions as Actions),
      canBegin: () => Boolean(this.invitation),
      begin: () => {
        this.#stop();
        this.#start('');
      },
      close: () => this.#emit('closed'),
    };
  }
}

if (!customElements.get('cyclr-connect')) customElements.define('cyclr-connect', CyclrConnect);
