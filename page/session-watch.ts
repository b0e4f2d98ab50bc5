import type { View } from '../workflows/messages';
import { claimsOf } from './claims';
import { EventReader } from './event-reader';
import { backoffMs, pause } from './pause';
import { ServiceFailure, type ServiceClient, type SessionAnswer, type Token, type Trouble } from './service-client';
import { isFinal, isRemoved, merged, removedOf } from './state';

/** The reason why a session has ended for good. */
export type End = 'expired' | 'lapsed' | 'finished';

/** The data that the page has of its session. */
export interface SessionState {
  session?: Omit<SessionAnswer, 'connectors'>;
  /**
   * Set if the session shows an onboarding. `running`: the page reads the event stream. `ended`: the service has reported
   * the end of the onboarding, or all known flows have ended.
   */
  onboarding?: 'running' | 'ended';
  views: readonly View[];
  /** Why the service can't be used at present. */
  trouble?: Trouble;
  end?: End;
  /** True if the service has refused the token of the link as `unauthorized`, before the page had read a session. */
  isMalformed?: boolean;
}

/** True if the session waits for the first flow of its onboarding. */
export const isGathering = ({ onboarding, views }: SessionState): boolean =>
  onboarding === 'running' && views.length === 0;

export interface SessionWatchParts {
  client: ServiceClient;
  /** The token of the invitation. After the end of a session, the page can turn this token into another session. */
  invitation?: string;
  /** Called after `state` has changed. */
  changed(): void;
  /** Called after the client has got a new token. */
  renewed(): void;
}

/**
 * The shortest and the longest time to the next renewal. Within these limits, the page renews the session after half of
 * the remaining lifetime. The page needs the limits, because the user's clock can be wrong.
 */
const RENEW_MS = { least: 20_000, most: 240_000 };

/**
 * The interval at which an open page reads the session, because the event stream does not report removed flows, and has
 * ended if all flows are final.
 */
const CHECK_EVERY_MS = 30_000;

/** Keeps the views of a session's connectors up to date, and renews the session. */
export class SessionWatch {
  state: SessionState = { views: [] };
  #abort = new AbortController();
  #reader?: EventReader;
  /** The running redemption of the invitation. Resolves with true if the service gave a session. */
  #redeeming?: Promise<boolean>;
  /** The calls that wait for another token, after the session has expired. */
  readonly #waiting: (() => void)[] = [];
  /**
   * True from the redemption of the invitation until the first successful read of the session. If the service refuses
   * the session in this time, the page does not redeem the invitation again.
   */
  #isNew = false;

  /** Reads the session with the token of the client. If the client has no token, first redeems the invitation. */
  constructor(private readonly parts: SessionWatchParts) {
    void (parts.client.token === '' ? this.#redeem() : this.#run());
  }

  stop(): void {
    this.#abort.abort();
    this.#reader?.stop();
    this.#reader = undefined;
  }

  /** Stores a view that an answer of the service contains. */
  readonly receive = (view: View): void => {
    const views = merged(this.state.views, view);
    if (views !== this.state.views) this.#set({ views });
  };

  /** Removes the trouble that the page shows, because the service has answered a call. */
  readonly answered = (): void => this.report(undefined);

  /** Reads the session and all its views. */
  readonly refresh = async (): Promise<void> => {
    const { connectors, ...session } = await this.parts.client.session();
    this.#isNew = false;
    const views = connectors.reduce(merged, this.state.views);
    this.#set({ session, views, trouble: undefined });
    const answered = new Set(connectors.map(({ connectorId }) => connectorId));
    for (const view of views) if (!answered.has(view.connectorId) && !isRemoved(view)) void this.#askAgain(view);
    // In this case, a flow has started again after the event stream has ended.
    if (this.#reader?.isOver && !this.state.views.every(isFinal)) this.#read();
  };

  /**
   * Called if the page reads the session, and the answer lacks the connector of this view. The flow of the connector is
   * then either removed or paused. This method sends a recheck to find out which: if the recheck fails with `notFound`,
   * the flow was removed.
   */
  async #askAgain(view: View): Promise<void> {
    const failure: unknown = await this.parts.client.recheck(view.connectorId).catch((err: unknown) => err);
    if (failure instanceof ServiceFailure && failure.code === 'notFound') this.removed(view);
  }

  /** Called when the flow of this view no longer exists. */
  readonly removed = ({ connectorId, runId }: View): void => {
    const isGone = (view: View) => view.connectorId === connectorId && view.runId === runId;
    this.#set({ views: this.state.views.map((view) => (isGone(view) ? removedOf(view) : view)) });
  };

  /** Removes the views of removed flows, and reads the session again. */
  readonly reload = (): void => {
    this.#set({ views: this.state.views.filter((view) => !isRemoved(view)) });
    void this.refresh().catch(() => undefined);
  };

  /**
   * Handles a call that was refused because the session has ended. Resolves with true if a new session exists. After
   * `expired`, waits for the token of a new session, which the host page may give at any time.
   */
  readonly replaceSession = async (failure: ServiceFailure): Promise<boolean> => {
    if (this.#redeeming) return this.#redeeming;
    if (!this.#abort.signal.aborted) {
      if (this.parts.invitation !== undefined && failure.endsSession && !this.#isNew) return this.#redeem();
      this.#end(failure, this.#isNew ? 'lapsed' : 'expired');
    }
    if (!failure.endsSession || this.state.end !== 'expired') return false;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return true;
  };

  /** Continues with the token of another session for the same connectors. */
  continueWith(token: string): void {
    this.stop();
    this.#abort = new AbortController();
    this.#isNew = false;
    this.parts.client.token = token;
    this.#set({ end: undefined, isMalformed: undefined });
    for (const resolve of this.#waiting.splice(0)) resolve();
    void this.#run();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    addEventListener('offline', () => this.report('offline'), { signal });
    const refresh = () => void this.refresh().catch(() => undefined);
    addEventListener('online', refresh, { signal });
    const isVisible = () => document.visibilityState === 'visible';
    document.addEventListener('visibilitychange', () => isVisible() && refresh(), { signal });
    const checking = setInterval(() => isVisible() && refresh(), CHECK_EVERY_MS);
    signal.addEventListener('abort', () => clearInterval(checking));
    if (await this.#untilAnswered(this.refresh)) {
      this.#read();
      await this.#keepRenewed();
    }
  }

  /** Stores a view, and opens the event stream again, because the stream ends when all flows have ended. */
  readonly follow = (view: View): void => {
    this.receive(view);
    this.#read();
  };

  /** Opens the event stream, in place of the earlier stream. */
  #read(): void {
    this.#reader?.stop();
    if (this.#abort.signal.aborted) return;
    this.#reader = new EventReader({
      open: (id, signal) => this.parts.client.events(id, signal),
      refresh: this.refresh,
      isGathering: () => isGathering(this.state),
      allFinal: () => this.state.views.length > 0 && this.state.views.every(isFinal),
      receive: this.receive,
      report: (trouble) => this.report(trouble),
      end: this.replaceSession,
      over: () => this.#set({}),
    });
  }

  async #keepRenewed(): Promise<void> {
    const { signal } = this.#abort;
    for (let at = this.#renewalAt(); !signal.aborted && !this.state.end;) {
      await pause(at - Date.now(), signal);
      if (signal.aborted || Date.now() < at) continue; // the pause can end before the time `at`
      const renew = async () => {
        const token = await this.parts.client.renew();
        // After an abort, the host page has given a newer token, so this token is not used.
        if (!signal.aborted) this.#take(token);
      };
      if (!(await this.#untilAnswered(renew))) return;
      at = this.#renewalAt();
    }
  }

  #renewalAt(): number {
    const left = Date.parse(this.state.session?.expiresAt ?? '') - Date.now() || 0;
    return Date.now() + Math.min(Math.max(left / 2, RENEW_MS.least), RENEW_MS.most);
  }

  /** Redeems the invitation and continues with the new session. */
  #redeem(): Promise<boolean> {
    this.stop();
    this.#abort = new AbortController();
    const { client, invitation = '' } = this.parts;
    const redeem = async () => this.#take(await client.redeem(invitation));
    this.#redeeming = this.#untilAnswered(redeem, (failure) => this.#end(failure, 'lapsed')).then((isRedeemed) => {
      this.#redeeming = undefined;
      this.#isNew = isRedeemed;
      if (isRedeemed) void this.#run();
      return isRedeemed;
    });
    return this.#redeeming;
  }

  #end({ code }: ServiceFailure, end: End): void {
    this.stop();
    const isMalformed = code === 'unauthorized' && !this.state.session;
    this.#set({ end: code === 'tokenVoid' ? 'finished' : end, isMalformed });
  }

  #take({ token, expiresAt }: Token): void {
    this.parts.client.token = token;
    if (this.state.session) this.#set({ session: { ...this.state.session, expiresAt } });
    this.parts.renewed();
  }

  /**
   * Repeats a call that fails temporarily. Resolves with true after the call has succeeded, and with false after any
   * other failure or after the end of the watch.
   */
  async #untilAnswered(
    call: () => Promise<void>,
    refused: (failure: ServiceFailure) => unknown = this.replaceSession,
  ): Promise<boolean> {
    const { signal } = this.#abort;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        await call();
        return !signal.aborted;
      } catch (err) {
        if (signal.aborted) break;
        const failure = err instanceof ServiceFailure ? err : new ServiceFailure('unexpected');
        if (!failure.isTemporary) return (void refused(failure), false);
        this.report(failure.trouble);
        await pause(Math.max(backoffMs(failures), failure.retryAfterMs ?? 0), signal);
      }
    }
    return false;
  }

  /** Stores the reason why the service can't be used. `undefined` means that the service has answered. */
  report(trouble: Trouble | undefined): void {
    if (trouble !== this.state.trouble) this.#set({ trouble });
  }

  #set(changes: Partial<SessionState>): void {
    const isOfOnboarding = claimsOf(this.parts.client.token).onboarding !== undefined;
    const onboarding = isOfOnboarding ? (this.#reader?.isOver ? 'ended' : 'running') : undefined;
    this.state = { ...this.state, ...changes, onboarding };
    this.parts.changed();
  }
}
