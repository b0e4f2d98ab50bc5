import type { View } from '../workflows/messages';
import { stepOf } from './chips';
import { haveSameScope } from './claims';
import { Inputs, SLOW_MS } from './inputs';
import type { Messages } from './languages/en';
import type { Actions, PanelProps } from './panels/props';
import { RepeatedCalls } from './repeated-calls';
import { ServiceClient, ServiceFailure, type Trouble } from './service-client';
import { SessionWatch, type SessionState } from './session-watch';
import { nothingLeft, consentEnded, consentFailed, nextOf, panelOf, type Panel, type ShownCode } from './state';
import { ConsentWindows } from './consent-windows';
import { postToThisTab, type ConsentForm } from './window';

export interface ConnectSessionOptions {
  /** The service's base URL, with a slash at its end. */
  service: string;
  /** The session's token. Empty if the page must first redeem the invitation. */
  token: string;
  invitation?: string;
  /**
   * True on the connect page. The opener policy of the connect page lets a script check and change the windows that the
   * page has opened.
   */
  hosted: boolean;
  /** The empty frame that becomes the opener of the consent windows. */
  frame(): HTMLIFrameElement | null;
  changed(): void;
  emit(type: EventType, detail?: EventDetail): void;
}

export type EventType =
  | 'opened'
  | 'step'
  | 'refused'
  | 'connected'
  | 'problem'
  | 'session-expired'
  | 'session-renewed'
  | 'window-opened'
  | 'window-closed';

/** The detail of an event. The detail contains no value that the user has typed. */
export interface EventDetail {
  connectorId?: number;
  step?: Panel;
  code?: ShownCode;
}

/** The limit of a connector name in characters. A longer name is cut, because sentences contain the name. */
const LONGEST_NAME = 60;

/** One session of a user, with its views, its inputs and the actions of the user. */
export class ConnectSession {
  readonly #client: ServiceClient;
  readonly #watch: SessionWatch;
  readonly #calls: RepeatedCalls;
  readonly #inputs: Inputs;
  readonly #windows: ConsentWindows;
  /** When the page first saw the step of each connector, in milliseconds. */
  readonly #shownSince = new Map<number, number>();
  /**
   * The last view of each connector. The page compares each new view with the last view, so that the page emits each
   * event only once.
   */
  readonly #lastViews = new Map<number, View>();
  /**
   * The connectors whose confirmation or re-authentication the page is sending, each with the reason why the last try
   * failed.
   */
  readonly #unanswered = new Map<number, Trouble | undefined>();
  /** The ids of the runs whose step 1 this page has shown. */
  readonly #hadFirst = new Set<string>();
  /** The id of the connector whose panel is open. */
  selected?: number;
  /** True if the session has ended, and a value that the user had typed was not sent. */
  isInputLost = false;
  /** True if the user has closed all panels. While this is true, the page opens no panel by itself. */
  #isClosed = false;
  #isStopped = false;

  constructor(private readonly parts: ConnectSessionOptions) {
    this.#client = new ServiceClient(parts.service, parts.token, () => this.#answered());
    this.#watch = new SessionWatch({
      client: this.#client,
      invitation: parts.invitation,
      changed: () => queueMicrotask(() => this.#notice()),
      renewed: () => parts.emit('session-renewed'),
    });
    this.#calls = new RepeatedCalls(this.#watch.replaceSession);
    this.#inputs = new Inputs({
      client: this.#client,
      calls: this.#calls,
      receive: this.#watch.receive,
      unreachable: ({ trouble }) => this.#watch.report(trouble),
      changed: parts.changed,
      removed: this.#watch.removed,
      // Temporal may have removed the flow since the last read.
      begun: () => void this.#watch.refresh().catch(() => undefined),
    });
    this.#windows = new ConsentWindows({
      hosted: parts.hosted,
      frame: parts.frame,
      formOf: (connectorId) => {
        const view = this.#lastViews.get(connectorId);
        return view && panelOf(view) === 'consent' ? this.#consentForm(view) : undefined;
      },
      attemptOf: (connectorId) => this.#lastViews.get(connectorId)?.attempt?.id,
      changed: parts.changed,
      emit: (type, connectorId) => parts.emit(type, { connectorId }),
    });
  }

  get token(): string {
    return this.#client.token;
  }

  /** The state of the session. If an action of the open connector is unanswered, `trouble` is the reason. */
  get state(): SessionState {
    const { state } = this.#watch;
    return { ...state, trouble: state.trouble ?? this.#unanswered.get(this.selected!) };
  }

  /**
   * Continues with the token of another session for the same connectors, so that no input is lost. Returns false if the
   * other session needs an object of its own.
   */
  continueWith(token: string): boolean {
    const { end = 'expired' } = this.state;
    if (end !== 'expired' || !haveSameScope(token, this.token)) return false;
    this.isInputLost = false;
    this.#watch.continueWith(token);
    return true;
  }

  stop(): void {
    this.#isStopped = true;
    this.#watch.stop();
    this.#calls.stop();
    this.#windows.stop();
  }

  #answered(): void {
    if (this.#watch.state.trouble) this.#calls.repeatNow();
    this.#watch.answered();
  }

  /** The data of a connector's panel. */
  propsOf(m: Messages, view: View): Omit<PanelProps, 'act' | 'brand' | 'support'> {
    const { connectorId, runId } = view;
    const form = this.#inputs.of(view);
    const since = form.pending?.since ?? this.#shownSince.get(connectorId) ?? Date.now();
    const { reauthenticate = [], prefill = {} } = this.state.session ?? {};
    return {
      m,
      name: nameOf(m, view),
      ...form,
      ...this.#windows.of(connectorId),
      step: stepOf(form.view, this.#hadFirst.has(runId)),
      isSlow: Date.now() - since >= SLOW_MS,
      canReconnect: reauthenticate.includes(connectorId),
      prefill: prefill[connectorId],
    };
  }

  /**
   * A key that changes when the user is at another step or has a new problem. After a change of this key, the element
   * moves the focus.
   */
  get step(): string {
    const { end, views } = this.state;
    const view = views.find(({ connectorId }) => connectorId === this.selected);
    return end || !view ? `${end ?? nothingLeft(views)}` : this.#inputs.focusKeyOf(view);
  }

  /** Emits the events for the changes since the last call, and draws the element again. */
  #notice(): void {
    // After the end of the session, a late answer must not open the channel of the consent windows again.
    if (this.#isStopped) return;
    const { views, end, session } = this.state;
    if (views.length > 0 && this.#lastViews.size === 0) this.parts.emit('opened');
    if (session) this.#windows.join(session.accountId);
    if (session && !end) this.#inputs.prepare();
    if (end) this.isInputLost ||= this.#inputs.hasUnsent;
    if (end === 'expired') this.parts.emit('session-expired');
    for (const view of views) this.#compare(view, this.#lastViews.get(view.connectorId));
    if (!views.some(({ connectorId }) => connectorId === this.selected)) this.selected = undefined;
    const opensNone = this.#isClosed || (nothingLeft(views) && views.length > 1);
    this.selected ??= opensNone ? undefined : (nextOf(views) ?? views[0])?.connectorId;
    this.parts.changed();
  }

  #compare(view: View, before: View | undefined): void {
    if (view === before) return;
    const { connectorId, problem } = view;
    if (stepOf(view, false)?.at === 1) this.#hadFirst.add(view.runId);
    this.#lastViews.set(connectorId, view);
    this.#inputs.follow(view);
    if (!before || panelOf(before) !== panelOf(view)) this.#beginStep(view);
    if (!before) return;
    const isConsent = panelOf(view) === 'consent';
    if (consentEnded(before, view)) this.#windows.end(connectorId, view.connector?.name ?? '');
    if (view.state === 'authenticated' && panelOf(before) !== 'connected')
      this.parts.emit('connected', { connectorId });
    if (!problem || (isConsent && !consentFailed(before, view))) return;
    this.parts.emit('problem', { connectorId });
    if (problem.code !== 'cyclrUnavailable') this.parts.emit('refused', { connectorId, code: problem.code });
  }

  /** Begins a step. Starts a timer that draws the panel again when the step takes longer than usual. */
  #beginStep(view: View): void {
    const { connectorId } = view;
    this.parts.emit('step', { connectorId, step: panelOf(view) });
    this.#inputs.beginStep(view);
    this.#shownSince.set(connectorId, Date.now());
    setTimeout(this.parts.changed, SLOW_MS);
  }

  /**
   * Sends an action of the user until the service answers. Does nothing if an action of the connector is being sent.
   * Ends without a repetition if another run has begun in the meantime, for example in another tab.
   */
  async #send(view: View, call: (connectorId: number) => Promise<View>, receive = this.#watch.receive): Promise<void> {
    const { connectorId } = view;
    if (this.#unanswered.has(connectorId)) return;
    const failed = ({ trouble }: ServiceFailure) => {
      this.#unanswered.set(connectorId, trouble);
      this.parts.changed();
    };
    let isRepetition = false;
    const callOnce = async () => {
      if (isRepetition) await this.#watch.refresh().catch(() => undefined);
      isRepetition = true;
      const present = this.#lastViews.get(connectorId)!;
      return this.#isStopped || present.runId !== view.runId ? present : call(connectorId);
    };
    this.#unanswered.set(connectorId, undefined);
    try {
      receive(await this.#calls.untilAnswered(callOnce, failed));
    } catch (err) {
      if (!(err instanceof ServiceFailure)) throw err;
      if (err.view) receive(err.view);
      if (err.code === 'notFound') this.#watch.removed(view);
    } finally {
      this.#unanswered.delete(connectorId);
      this.parts.changed();
    }
  }

  #consentForm({ connectorId, connector }: View): ConsentForm {
    return { service: this.#client.base, token: this.token, connectorId, name: shortened(connector?.name ?? '') };
  }

  /** If the connector is still selected, selects the connector that {@link nextOf} gives. */
  moveOn(connectorId: number): void {
    const next = nextOf(this.state.views, connectorId);
    if (this.selected === connectorId && next) this.actions.select(next.connectorId);
  }

  readonly actions: Omit<Actions, 'begin' | 'canBegin' | 'close'> = {
    submitProperties: (...input) => this.#inputs.submitProperties(...input),
    submitCredentials: (...input) => this.#inputs.submitCredentials(...input),
    reportFaults: (...faults) => this.#inputs.reportFaults(...faults),
    edited: (...field) => this.#inputs.edited(...field),
    openConsent: ({ view }) => this.#windows.open(this.#consentForm(view)),
    openConsentHere: ({ view }) => postToThisTab(this.#consentForm(view)),
    confirm: (view) => void this.#send(view, this.#client.confirm),
    reconnect: (view) => void this.#send(view, this.#client.reauthenticate, this.#watch.follow),
    select: (connectorId) => {
      this.selected = connectorId;
      this.#isClosed = connectorId === undefined;
      this.parts.changed();
    },
    refreshNow: () => {
      this.#calls.repeatNow();
      void this.#watch.refresh().catch(() => undefined);
    },
    reload: () => this.#watch.reload(),
  };
}

/** The connector's name for use in sentences. If the name is unknown, a text with the number of the connector. */
const nameOf = (m: Messages, { connector, connectorId }: View): string =>
  shortened(connector?.name ?? m.appNumber(connectorId));

function shortened(text: string): string {
  const name = [...text];
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME).join('').trimEnd()}…` : name.join('');
}
