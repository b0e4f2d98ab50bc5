import type { View } from '../workflows/messages';
import type { Messages } from './languages/en';
import { clearSecrets } from './panels/form';
import type { Actions, Scene } from './scene';
import { sealerOf, type Sealer } from './seal';
import { ServiceClient, ServiceFailure, type Submission } from './service-client';
import { SessionWatch, type Watched } from './session-watch';
import { isOver, isTurnedDown, nextOf, panelOf, shownView, type Trouble } from './state';
import { Submissions, type Given } from './submissions';
import { goHere, goInWindow } from './window';

export interface ConnectingParts {
  /** Where the service is, with a slash at its end. */
  service: string;
  /** Of a session; empty where it is begun with the invitation. */
  token: string;
  invitation?: string;
  changed(): void;
  tell(type: 'connected' | 'problem' | 'session-expired' | 'session-renewed', connectorId?: number): void;
}

/** What this page alone knows of a connector. */
interface Local {
  /** What the user has left out. */
  missed?: { of: View; problem: Trouble; times: number };
  way?: 'opened' | 'blocked';
}

/** In characters: it stands in sentences. */
const LONGEST_NAME = 60;

/** One session, from its beginning to its end: what is known, what was given, and what a user can do. */
export class Connecting {
  readonly #client: ServiceClient;
  readonly #watch: SessionWatch;
  readonly #submissions: Submissions;
  readonly #windowName = `cyclr-connect-${Math.random().toString(36).slice(2)}`;
  readonly #locals = new Map<number, Local>();
  readonly #told = new Map<number, View>();
  #keys?: Promise<string>;
  /** The connector that is open. */
  selected?: number;

  constructor(private readonly parts: ConnectingParts) {
    this.#client = new ServiceClient(parts.service, parts.token);
    this.#watch = new SessionWatch({
      client: this.#client,
      invitation: parts.invitation,
      changed: () => queueMicrotask(() => this.#notice()),
      renewed: () => parts.tell('session-renewed'),
    });
    this.#submissions = new Submissions({
      client: this.#client,
      hear: this.#watch.hear,
      lose: this.#watch.lose,
      changed: parts.changed,
    });
  }

  get token(): string {
    return this.#client.token;
  }

  get watched(): Watched {
    return this.#watch.watched;
  }

  stop(): void {
    this.#watch.stop();
  }

  /** What is drawn of a connector. */
  sceneOf(m: Messages, view: View): Omit<Scene, 'act'> {
    const given = this.#givenFor(view);
    const { missed, way } = this.#locals.get(view.connectorId) ?? {};
    const found = missed?.of === view ? missed.problem : (given?.problem ?? view.problem);
    const problem = given?.status === 'sending' ? undefined : found;
    return { m, view: given?.view ?? view, name: nameOf(m, view), given, problem, way };
  }

  /** Something else whenever the focus has to move: to another step, or to what is wrong. */
  get step(): string {
    const { end, views } = this.watched;
    const view = views.find(({ connectorId }) => connectorId === this.selected);
    if (end || !view) return `${end ?? isOver(views)}`;
    const { missed } = this.#locals.get(view.connectorId) ?? {};
    const given = this.#givenFor(view);
    const problem = given?.status ?? (view.problem && view.revision);
    return [view.connectorId, panelOf(given?.view ?? view), problem, missed?.of === view && missed.times].join(' ');
  }

  /** What was given to this very view; as soon as the flow has come further, that alone counts. */
  #givenFor(view: View): Given | undefined {
    const given = this.#submissions.of(view.connectorId);
    return given && shownView(view, given.view) === given.view ? given : undefined;
  }

  /** Something has changed: it is told, and drawn. */
  #notice(): void {
    const { views, end, session } = this.watched;
    if (session && !end) this.#sealingKeys().catch(() => undefined);
    if (end === 'expired') this.parts.tell('session-expired');
    for (const view of views) this.#compare(view, this.#told.get(view.connectorId));
    if (!views.some(({ connectorId }) => connectorId === this.selected)) this.selected = undefined;
    this.selected ??= isOver(views) && views.length > 1 ? undefined : (nextOf(views) ?? views[0])?.connectorId;
    this.parts.changed();
  }

  #compare(view: View, before: View | undefined): void {
    if (view === before) return;
    const { connectorId, problem } = view;
    this.#told.set(connectorId, view);
    if (!before) return;
    const isConsent = panelOf(view) === 'consent';
    if (!isConsent || isTurnedDown(before, view)) delete this.#locals.get(connectorId)?.way;
    if (panelOf(view) === 'connected' && panelOf(before) !== 'connected') this.parts.tell('connected', connectorId);
    if (problem && (!isConsent || isTurnedDown(before, view))) this.parts.tell('problem', connectorId);
  }

  /** Fetched before they are needed, and once: what was typed can then be sealed without a connection. */
  #sealingKeys(): Promise<string> {
    this.#keys ??= this.#client.sealingKeys().catch((err: unknown) => {
      this.#keys = undefined;
      throw err;
    });
    return this.#keys;
  }

  #give(view: View, form: HTMLFormElement, seal: (sealer: Sealer, submissionId: string) => Promise<object>): void {
    this.#locals.delete(view.connectorId);
    void this.#submissions.give(view, async (submissionId) => {
      const sealed = await seal(await sealerOf(await this.#sealingKeys(), view), submissionId);
      clearSecrets(form);
      return { submissionId, ...sealed } as Submission;
    });
  }

  #keep(connectorId: number, news: Local): void {
    this.#locals.set(connectorId, { ...this.#locals.get(connectorId), ...news });
    this.parts.changed();
  }

  async #confirm({ connectorId }: View): Promise<void> {
    try {
      this.#watch.hear(await this.#client.confirm(connectorId));
    } catch (err) {
      if (!(err instanceof ServiceFailure)) throw err;
      if (err.view) this.#watch.hear(err.view);
      if (err.isEnd) void this.#watch.lose(err);
    }
  }

  #wayOut({ connectorId }: View) {
    return { service: this.#client.base, token: this.token, connectorId };
  }

  readonly actions: Omit<Actions, 'begin' | 'canBegin' | 'close'> = {
    giveProperties: (view, values, form) => this.#give(view, form, (sealer, id) => sealer.values(values, id)),
    giveCredentials: (view, credentials, form) =>
      this.#give(view, form, (sealer, id) => sealer.credentials(credentials, id)),
    giveAgain: ({ connectorId }) => void this.#submissions.again(connectorId),
    miss: (view, names) => {
      const times = (this.#locals.get(view.connectorId)?.missed?.times ?? 0) + 1;
      const fields = names.map((name) => ({ name, code: 'missingProperty' as const }));
      this.#keep(view.connectorId, { missed: { of: view, times, problem: { code: 'missingProperty', fields } } });
    },
    goOut: (view) => {
      const isOpen = goInWindow(this.#wayOut(view), this.#windowName);
      this.#keep(view.connectorId, { way: isOpen ? 'opened' : 'blocked' });
    },
    goOutHere: (view) => goHere(this.#wayOut(view)),
    confirm: (view) => void this.#confirm(view),
    select: (connectorId) => {
      this.selected = connectorId;
      this.parts.changed();
    },
    lookNow: () => void this.#watch.look().catch(() => undefined),
  };
}

/** What the user calls it, as far as it is known. */
function nameOf(m: Messages, { connector, connectorId }: View): string {
  const name = [...(connector?.name ?? m.appNumber(connectorId))];
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME).join('').trimEnd()}…` : name.join('');
}
