import type { Credentials, View } from '../workflows/messages';
import { stepOf } from './chips';
import type { Messages } from './languages/en';
import { CREDENTIAL_INPUTS } from './panels/credentials';
import { clearSecrets } from './panels/secret-input';
import type { Actions, PanelProps } from './panels/props';
import { HeldCredentials } from './held-credentials';
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
import { ConsentWindows } from './consent-windows';
import { postToThisTab, type ConsentForm } from './window';

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
  /** The fields that the user has edited after this problem was shown. */
  edited?: { of: ShownProblem; names: ReadonlySet<string> };
  /** True if the user has typed a value that was not sent. */
  hasDraft?: boolean;
  /** True if the page has sealed an input, and emptied its secret fields. */
  isEmptied?: boolean;
  /** The user name that was entered on the form of the properties. */
  userName?: string;
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
  readonly #windows: ConsentWindows;
  /** When the page first saw the step of each connector, in milliseconds. */
  readonly #shownSince = new Map<number, number>();
  readonly #localStates = new Map<number, LocalState>();
  /** The views of the last comparison. The page compares them with the new views, to emit each event only once. */
  readonly #lastViews = new Map<number, View>();
  #keys?: Promise<string>;
  /** The ids of the runs whose step 1 this page has shown. */
  readonly #hadFirst = new Set<string>();
  readonly #held = new HeldCredentials();
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
      removed: this.#watch.removed,
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

  get state(): SessionState {
    return this.#watch.state;
  }

  stop(): void {
    this.#watch.stop();
    this.#submissions.stop();
    this.#windows.stop();
  }

  #answered(): void {
    if (this.state.trouble) this.#submissions.sendNow();
    this.#watch.answered();
  }

  /** The data of a connector's panel. */
  propsOf(m: Messages, view: View): Omit<PanelProps, 'act' | 'brand' | 'support'> {
    const pending = this.#pendingFor(view);
    const { edited, isEmptied, userName } = this.#localStates.get(view.connectorId) ?? {};
    const found = this.#problemOf(view);
    const problem = found && edited?.of === found ? withoutEdited(found, edited.names) : found;
    const shown = this.#shownOf(view);
    const step = stepOf(shown, this.#hadFirst.has(view.runId));
    const since = pending?.since ?? this.#shownSince.get(view.connectorId) ?? Date.now();
    const isSlow = Date.now() - since >= SLOW_MS;
    const { reauthenticate = [], prefill = {} } = this.state.session ?? {};
    return {
      m,
      view: shown,
      name: nameOf(m, view),
      pending,
      problem,
      ...this.#windows.of(view.connectorId),
      step,
      isSlow,
      isEmptied: Boolean(isEmptied && found),
      userName,
      canReconnect: reauthenticate.includes(view.connectorId),
      prefill: prefill[view.connectorId],
    };
  }

  /** The view whose panel is shown. */
  #shownOf(view: View): View {
    const pending = this.#pendingFor(view);
    return (pending?.status === 'sending' ? pending.formView : pending?.view) ?? view;
  }

  #problemOf(view: View): ShownProblem | undefined {
    const pending = this.#pendingFor(view);
    if (pending?.status === 'sending') return undefined;
    const { missing } = this.#localStates.get(view.connectorId) ?? {};
    return missing?.view === view ? missing.problem : (pending?.problem ?? view.problem);
  }

  /** A key that changes when the user is at another step or has a new problem. Then the focus must move. */
  get step(): string {
    const { end, views } = this.state;
    const view = views.find(({ connectorId }) => connectorId === this.selected);
    if (end || !view) return `${end ?? nothingLeft(views)}`;
    const { missing } = this.#localStates.get(view.connectorId) ?? {};
    const pending = this.#pendingFor(view);
    const problem = pending?.status ?? (view.problem && view.revision);
    return [view.connectorId, panelOf(this.#shownOf(view)), problem, missing?.view === view && missing.times].join(' ');
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
    if (session) this.#windows.join(session.accountId);
    if (session && !end) this.#sealingKeys().catch(() => undefined);
    if (end)
      this.isInputLost ||=
        this.#submissions.isSending ||
        this.#held.hasAny ||
        [...this.#localStates.values()].some(({ hasDraft }) => hasDraft);
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
    this.#sendHeld(view);
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

  #submit(
    view: View,
    form: HTMLFormElement,
    seal: (sealer: Sealer, submissionId: string) => Promise<object>,
    kept?: string,
  ): Promise<void> {
    this.#localStates.delete(view.connectorId);
    setTimeout(this.parts.changed, SLOW_MS);
    return this.#submissions.submit(view, async (submissionId) => {
      const sealed = await seal(await sealerOf(await this.#sealingKeys(), view), submissionId);
      clearSecrets(form, kept);
      this.#setLocal(view.connectorId, { isEmptied: true });
      return { submissionId, ...sealed } as Submission;
    });
  }

  /** Submits properties, and holds the credentials of the same form until the flow asks for them. */
  async #submitBoth(view: View, values: { [name: string]: string }, credentials: Credentials, form: HTMLFormElement) {
    this.#held.drop(view);
    await this.#submit(
      view,
      form,
      async (sealer, id) => {
        const submissionId = crypto.randomUUID();
        const body = { submissionId, ...(await sealer.credentials(credentials, submissionId)) };
        this.#held.hold({ view, form, body, ...(credentials.kind === 'basic' && { userName: credentials.username }) });
        return sealer.values(values, id);
      },
      CREDENTIAL_INPUTS,
    );
    if (this.#submissions.of(view.connectorId)?.status === 'refused') this.#held.drop(view);
  }

  #sendHeld(view: View): void {
    const held = this.#held.takeAt(view);
    if (!held) return;
    clearSecrets(held.form);
    this.#setLocal(view.connectorId, { isEmptied: true, userName: held.userName });
    void this.#submissions.submit(view, () => Promise.resolve(held.body), held.view);
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
      if (err.code === 'notFound') this.#watch.removed(view);
      if (err.endsSession) void this.#watch.replaceSession(err);
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
    submitProperties: (view, values, form, credentials) =>
      void (credentials
        ? this.#submitBoth(view, values, credentials, form)
        : this.#submit(view, form, (sealer, id) => sealer.values(values, id))),
    submitCredentials: (view, credentials, form) =>
      void this.#submit(view, form, (sealer, id) => sealer.credentials(credentials, id)),
    reportFaults: (view, names, code) => {
      const times = (this.#localStates.get(view.connectorId)?.missing?.times ?? 0) + 1;
      const fields = names.map((name) => ({ name, code }));
      this.#setLocal(view.connectorId, { missing: { view, times, problem: { code, fields } } });
    },
    edited: (view, name) => {
      const of = this.#problemOf(view);
      const { edited, hasDraft } = this.#localStates.get(view.connectorId) ?? {};
      if (!hasDraft) this.actions.refreshNow(); // Temporal may have removed the flow in the meantime
      if (!of && hasDraft) return;
      const names = new Set(edited?.of === of ? edited?.names : []).add(name);
      this.#setLocal(view.connectorId, { hasDraft: true, ...(of && { edited: { of, names } }) });
    },
    openConsent: ({ view }) => this.#windows.open(this.#consentForm(view)),
    openConsentHere: ({ view }) => postToThisTab(this.#consentForm(view)),
    confirm: (view) => void this.#receive(view, this.#client.confirm(view.connectorId)),
    reconnect: (view) => void this.#receive(view, this.#client.reauthenticate(view.connectorId), this.#watch.follow),
    select: (connectorId) => {
      this.selected = connectorId;
      this.#isClosed = connectorId === undefined;
      this.parts.changed();
    },
    refreshNow: () => void this.#watch.refresh().catch(() => undefined),
    reload: () => this.#watch.reload(),
  };
}

/** The connector's name for use in sentences. If the name is unknown, the number of the connector. */
const nameOf = (m: Messages, { connector, connectorId }: View): string =>
  shortened(connector?.name ?? m.appNumber(connectorId));

function shortened(text: string): string {
  const name = [...text];
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME).join('').trimEnd()}…` : name.join('');
}
