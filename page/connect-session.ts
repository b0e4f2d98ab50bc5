import type { View } from '../workflows/messages';
import { stepOf } from './chips';
import type { Messages } from './languages/en';
import { clearSecrets } from './panels/secret-input';
import type { Actions, PanelProps, ConsentWindow } from './panels/props';
import { sealerOf, type Sealer } from './seal';
import { ServiceClient, ServiceFailure, type Submission } from './service-client';
import { SessionWatch, type SessionState } from './session-watch';
import {
  nothingLeft,
  consentEnded,
  consentFailed,
  nextOf,
  panelOf,
  shownView,
  type Panel,
  type ShownCode,
  type ShownProblem,
  withoutEdited,
} from './state';
import { Submissions, type PendingSubmission } from './submissions';
import { postToThisTab, postToWindow, watchWindow } from './window';

export interface ConnectSessionOptions {
  /** The service's base URL, with a slash at its end. */
  service: string;
  /** The session's token. Empty if the page must first redeem the invitation. */
  token: string;
  invitation?: string;
  /**
   * True on the service's own page. The opener policy of this page lets scripts use the handles of the windows that the
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

/** The state of one connector that exists only in this page. */
interface LocalState {
  /** The required fields that the user left empty in this view. `times` counts the tries. */
  missing?: { view: View; problem: ShownProblem; times: number };
  consentWindow?: ConsentWindow;
  /** The fields that the user has edited since this problem. */
  edited?: { of: ShownProblem; names: ReadonlySet<string> };
  /** True if the user has typed a value that was not sent. */
  hasDraft?: boolean;
  /** True if the page has sealed an input, and emptied its secret fields. */
  isEmptied?: boolean;
}

/** After this time, the page says that the step takes longer than usual. */
const SLOW_MS = 8000;
/** The limit of a connector name in characters. A longer name is cut, because sentences contain the name. */
const LONGEST_NAME = 60;

/** One session of a user, with its views, its submissions and the actions of the user. */
export class ConnectSession {
  readonly #client: ServiceClient;
  readonly #watch: SessionWatch;
  readonly #submissions: Submissions;
  readonly #windowName = `cyclr-connect-${Math.random().toString(36).slice(2)}`;
  /** When the page first saw the step of each connector, in milliseconds. */
  readonly #shownSince = new Map<number, number>();
  /** For each connector with an open window: the function that ends its watch. */
  readonly #watchedWindows = new Map<number, () => void>();
  readonly #localStates = new Map<number, LocalState>();
  /** The views of the last comparison. The page compares them with the new views, to emit each event only once. */
  readonly #lastViews = new Map<number, View>();
  #keys?: Promise<string>;
  /** The ids of the connectors whose properties this page has asked for. */
  readonly #hadProperties = new Set<number>();
  /** The id of the connector whose panel is open. */
  selected?: number;
  /** True if the session has ended, and a value that the user had typed was not sent. */
  isInputLost = false;
  /** True if the user has closed all panels. Then no panel opens by itself. */
  #isClosed = false;

  constructor(private readonly parts: ConnectSessionOptions) {
    this.#client = new ServiceClient(parts.service, parts.token, () => this.#answered());
    this.#watch = new SessionWatch({
      client: this.#client,
      invitation: parts.invitation,
      changed: () => queueMicrotask(() => this.#notice()),
      renewed: () => parts.emit('session-renewed'),
    });
    this.#submissions = new Submissions({
      client: this.#client,
      receive: this.#watch.receive,
      replaceSession: this.#watch.replaceSession,
      unreachable: ({ trouble }) => this.#watch.report(trouble),
      changed: parts.changed,
    });
  }

  get token(): string {
    return this.#client.token;
  }

  get state(): SessionState {
    return this.#watch.state;
  }

  stop(): void {
    this.#watch.stop();
    this.#submissions.stop();
    for (const end of this.#watchedWindows.values()) end();
  }

  #answered(): void {
    if (this.state.trouble) this.#submissions.sendNow();
    this.#watch.answered();
  }

  /** The properties of a connector's panel. */
  propsOf(m: Messages, view: View): Omit<PanelProps, 'act' | 'brand'> {
    const pending = this.#pendingFor(view);
    const { edited, consentWindow, isEmptied } = this.#localStates.get(view.connectorId) ?? {};
    const found = this.#problemOf(view);
    const problem = found && edited?.of === found ? withoutEdited(found, edited.names) : found;
    const shown = pending?.view ?? view;
    const step = stepOf(shown, this.#hadProperties.has(view.connectorId));
    const since = pending?.since ?? this.#shownSince.get(view.connectorId) ?? Date.now();
    const isSlow = Date.now() - since >= SLOW_MS;
    const { reauthenticate = [], prefill = {} } = this.state.session ?? {};
    return {
      m,
      view: shown,
      name: nameOf(m, view),
      pending,
      problem,
      consentWindow,
      step,
      isSlow,
      isEmptied: Boolean(isEmptied && found),
      canReconnect: reauthenticate.includes(view.connectorId),
      prefill: prefill[view.connectorId],
    };
  }

  #problemOf(view: View): ShownProblem | undefined {
    const pending = this.#pendingFor(view);
    if (pending?.status === 'sending') return undefined;
    const { missing } = this.#localStates.get(view.connectorId) ?? {};
    return missing?.view === view ? missing.problem : (pending?.problem ?? view.problem);
  }

  /** A key that changes when the focus must move, because the user is at another step or has a new problem. */
  get step(): string {
    const { end, views } = this.state;
    const view = views.find(({ connectorId }) => connectorId === this.selected);
    if (end || !view) return `${end ?? nothingLeft(views)}`;
    const { missing } = this.#localStates.get(view.connectorId) ?? {};
    const pending = this.#pendingFor(view);
    const problem = pending?.status ?? (view.problem && view.revision);
    return [view.connectorId, panelOf(pending?.view ?? view), problem, missing?.view === view && missing.times].join(
      ' ',
    );
  }

  /** The submission that answers this view. Undefined after the flow has entered another state. */
  #pendingFor(view: View): PendingSubmission | undefined {
    const pending = this.#submissions.of(view.connectorId);
    return pending && shownView(view, pending.view) === pending.view ? pending : undefined;
  }

  /** Emits the events of a change, and draws the element again. */
  #notice(): void {
    const { views, end, session } = this.state;
    if (session && this.#lastViews.size === 0) this.parts.emit('opened');
    if (session && !end) this.#sealingKeys().catch(() => undefined);
    if (end)
      this.isInputLost ||=
        this.#submissions.isSending || [...this.#localStates.values()].some(({ hasDraft }) => hasDraft);
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
    if (panelOf(view) === 'properties') this.#hadProperties.add(connectorId);
    this.#lastViews.set(connectorId, view);
    if (!before || panelOf(before) !== panelOf(view)) this.#beginStep(view);
    if (!before) return;
    const isConsent = panelOf(view) === 'consent';
    if (consentEnded(before, view)) this.#forgetWindow(connectorId);
    if (view.state === 'authenticated' && panelOf(before) !== 'connected')
      this.parts.emit('connected', { connectorId });
    if (!problem || (isConsent && !consentFailed(before, view))) return;
    this.parts.emit('problem', { connectorId });
    if (problem.code !== 'cyclrUnavailable') this.parts.emit('refused', { connectorId, code: problem.code });
  }

  /** Starts the timer of a step, which draws the panel again when the step takes longer than usual. */
  #beginStep(view: View): void {
    const { connectorId } = view;
    this.parts.emit('step', { connectorId, step: panelOf(view) });
    delete this.#localStates.get(connectorId)?.hasDraft;
    this.#shownSince.set(connectorId, Date.now());
    setTimeout(this.parts.changed, SLOW_MS);
  }

  /**
   * Fetches the sealing keys once, before the user sends an input. Then the page can seal the input without a
   * connection.
   */
  #sealingKeys(): Promise<string> {
    this.#keys ??= this.#client.sealingKeys().catch((err: unknown) => {
      this.#keys = undefined;
      throw err;
    });
    return this.#keys;
  }

  #submit(view: View, form: HTMLFormElement, seal: (sealer: Sealer, submissionId: string) => Promise<object>): void {
    this.#localStates.delete(view.connectorId);
    setTimeout(this.parts.changed, SLOW_MS);
    void this.#submissions.submit(view, async (submissionId) => {
      const sealed = await seal(await sealerOf(await this.#sealingKeys(), view), submissionId);
      clearSecrets(form);
      this.#setLocal(view.connectorId, { isEmptied: true });
      return { submissionId, ...sealed } as Submission;
    });
  }

  #setLocal(connectorId: number, changes: LocalState): void {
    this.#localStates.set(connectorId, { ...this.#localStates.get(connectorId), ...changes });
    this.parts.changed();
  }

  async #receive(view: View, call: Promise<View>, receive = this.#watch.receive): Promise<void> {
    try {
      receive(await call);
    } catch (err) {
      if (!(err instanceof ServiceFailure)) throw err;
      if (err.view) this.#watch.receive(err.view);
      if (err.code === 'notFound') this.actions.reportFaults(view, [], 'notFound');
      if (err.endsSession) void this.#watch.replaceSession(err);
    }
  }

  #consentForm(view: View, m: Messages) {
    const { connectorId } = view;
    return { service: this.#client.base, token: this.token, connectorId, name: nameOf(m, view) };
  }

  #openWindow(view: View, m: Messages): void {
    const { connectorId, attempt } = view;
    const opened = postToWindow(this.#consentForm(view, m), `${this.#windowName}-${connectorId}`, this.parts.frame());
    this.#forgetWindow(connectorId);
    this.#setLocal(connectorId, { consentWindow: opened ? 'opened' : 'blocked' });
    if (!opened) return;
    const isOurs = () => this.parts.hosted || this.#lastViews.get(connectorId)?.attempt?.id !== attempt?.id;
    const closed = () => this.#windowClosed(connectorId);
    this.#watchedWindows.set(connectorId, watchWindow(opened, { isOurs, closed }));
    this.parts.emit('window-opened', { connectorId });
  }

  /** A closed window proves nothing: it changes only the words. */
  #windowClosed(connectorId: number): void {
    this.#setLocal(connectorId, { consentWindow: 'closed' });
    this.parts.emit('window-closed', { connectorId });
  }

  #forgetWindow(connectorId: number): void {
    this.#watchedWindows.get(connectorId)?.();
    this.#watchedWindows.delete(connectorId);
    delete this.#localStates.get(connectorId)?.consentWindow;
  }

  /** Opens the next connector that waits for the user, if this one is still open. */
  moveOn(connectorId: number): void {
    const next = nextOf(this.state.views, connectorId);
    if (this.selected === connectorId && next) this.actions.select(next.connectorId);
  }

  readonly actions: Omit<Actions, 'begin' | 'canBegin' | 'close'> = {
    submitProperties: (view, values, form) => this.#submit(view, form, (sealer, id) => sealer.values(values, id)),
    submitCredentials: (view, credentials, form) =>
      this.#submit(view, form, (sealer, id) => sealer.credentials(credentials, id)),
    reportFaults: (view, names, code) => {
      const times = (this.#localStates.get(view.connectorId)?.missing?.times ?? 0) + 1;
      const fields = names.map((name) => ({ name, code }));
      this.#setLocal(view.connectorId, { missing: { view, times, problem: { code, fields } } });
    },
    edited: (view, name) => {
      const of = this.#problemOf(view);
      const { edited, hasDraft } = this.#localStates.get(view.connectorId) ?? {};
      if (!of && hasDraft) return;
      const names = new Set(edited?.of === of ? edited?.names : []).add(name);
      this.#setLocal(view.connectorId, { hasDraft: true, ...(of && { edited: { of, names } }) });
    },
    openConsent: ({ m, view }) => this.#openWindow(view, m),
    openConsentHere: ({ m, view }) => postToThisTab(this.#consentForm(view, m)),
    confirm: (view) => void this.#receive(view, this.#client.confirm(view.connectorId)),
    reconnect: (view) => void this.#receive(view, this.#client.reauthenticate(view.connectorId), this.#watch.follow),
    select: (connectorId) => {
      this.selected = connectorId;
      this.#isClosed = connectorId === undefined;
      this.parts.changed();
    },
    refreshNow: () => void this.#watch.refresh().catch(() => undefined),
  };
}

/** The connector's name as sentences show it; a number when the name is unknown. */
function nameOf(m: Messages, { connector, connectorId }: View): string {
  const name = [...(connector?.name ?? m.appNumber(connectorId))];
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME).join('').trimEnd()}…` : name.join('');
}
