import { channelOf, noticeIn, replacedBy, type ConsentNotice } from './consent-order';
import type { ConsentWindow } from './panels/props';
import { postToWindow, watchWindow, type ConsentForm } from './window';

export interface ConsentWindowsParts {
  /**
   * True on the connect page. The opener policy of the connect page lets a script check and change the windows that the
   * page has opened.
   */
  hosted: boolean;
  /** The empty frame that becomes the opener of the consent windows. */
  frame(): HTMLIFrameElement | null;
  /** The form that requests another link for this connector. Undefined if the connector does not wait for a consent. */
  formOf(connectorId: number): ConsentForm | undefined;
  /** The id of the connector's present attempt. */
  attemptOf(connectorId: number): string | undefined;
  changed(): void;
  emit(type: 'window-opened' | 'window-closed', connectorId: number): void;
}

interface Entry {
  state: ConsentWindow;
  /** The notice of the newer consent, which has replaced the consent in this window. */
  replacedBy?: ConsentNotice;
  endWatch?: () => void;
}

/**
 * The consent windows of this page. The pages of an account in one browser send messages to each other, so that only
 * one consent is open at a time.
 */
export class ConsentWindows {
  readonly #id = Math.random().toString(36).slice(2);
  readonly #entries = new Map<number, Entry>();
  /**
   * The last window of each connector. The map keeps the window after the end of its consent, because the return page
   * may ask for another link in this window.
   */
  readonly #windows = new Map<number, Window>();
  #channel?: BroadcastChannel;

  constructor(private readonly parts: ConsentWindowsParts) {}

  /**
   * The state of the connector's window, and the name of the connector whose newer consent has replaced the consent in
   * this window.
   */
  of(connectorId: number): { consentWindow?: ConsentWindow; replacedBy?: string } {
    const { state, replacedBy: notice } = this.#entries.get(connectorId) ?? {};
    return { consentWindow: state, replacedBy: notice?.name };
  }

  /** Receives the messages of the other pages of the account. Safe to repeat. */
  join(accountId: string): void {
    if (this.#channel) return;
    this.#channel = new BroadcastChannel(channelOf(accountId));
    this.#channel.onmessage = ({ data }) => this.#receive(data);
  }

  /**
   * Opens the consent window, or loads a new link into the open window. Call this method in the click handler, before
   * any await.
   */
  open(form: ConsentForm): void {
    const { connectorId, name } = form;
    const before = this.parts.attemptOf(connectorId);
    const opened = postToWindow(form, `cyclr-connect-${this.#id}-${connectorId}`, this.parts.frame());
    this.#remove(connectorId);
    if (!opened) return this.#set(connectorId, { state: 'blocked' });
    const isOurs = () => this.parts.hosted || this.parts.attemptOf(connectorId) !== before;
    const endWatch = watchWindow(opened, { isOurs, closed: () => this.#closed(connectorId) });
    this.#windows.set(connectorId, opened);
    this.#set(connectorId, { state: 'opened', endWatch });
    this.#tell({ type: 'opening', from: this.#id, connectorId, name });
    this.parts.emit('window-opened', connectorId);
  }

  /** Records that the connector's consent has ended, and tells the other pages. */
  end(connectorId: number, name: string): void {
    const isOurs = this.#entries.get(connectorId)?.state === 'opened';
    this.#remove(connectorId);
    if (isOurs) this.#tell({ type: 'ended', from: this.#id, connectorId, name });
  }

  stop(): void {
    for (const { endWatch } of this.#entries.values()) endWatch?.();
    this.#channel?.close();
  }

  /** Applies a notice to this page, and sends the notice to the other pages of the account. */
  #tell(notice: ConsentNotice): void {
    this.#apply(notice);
    this.#channel?.postMessage(notice);
  }

  #receive(message: unknown): void {
    const notice = noticeIn(message);
    if (notice?.type === 'retry') this.#retry(notice.connectorId);
    else if (notice && 'from' in notice) this.#apply(notice);
  }

  #apply(notice: ConsentNotice): void {
    for (const [connectorId, { replacedBy }] of this.#entries)
      if (notice.type === 'ended' && replacedBy?.from === notice.from && replacedBy.connectorId === notice.connectorId)
        this.#remove(connectorId);
    if (notice.type === 'opening')
      for (const connectorId of replacedBy(notice, this.#id, this.#entries.keys()))
        this.#set(connectorId, { state: 'replaced', replacedBy: notice });
    this.parts.changed();
  }

  /**
   * Loads another link into the window of the return page. Does nothing if another page has opened the window, because
   * that page answers.
   */
  #retry(connectorId: number): void {
    const form = this.parts.formOf(connectorId);
    if (!form || (this.#windows.get(connectorId)?.closed ?? true)) return;
    this.#channel?.postMessage({ type: 'retrying', connectorId });
    this.open(form);
  }

  /**
   * Records that the user has closed the window. Only the text of the panel changes, because a closed window proves
   * nothing about the consent.
   */
  #closed(connectorId: number): void {
    this.#set(connectorId, { state: 'closed' });
    this.parts.emit('window-closed', connectorId);
  }

  #set(connectorId: number, entry: Entry): void {
    this.#entries.get(connectorId)?.endWatch?.();
    this.#entries.set(connectorId, entry);
    this.parts.changed();
  }

  #remove(connectorId: number): void {
    this.#entries.get(connectorId)?.endWatch?.();
    this.#entries.delete(connectorId);
  }
}
