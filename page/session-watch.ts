import type { View } from '../workflows/messages';
import { EventReader } from './event-reader';
import { backoffMs, pause } from './pause';
import { ServiceFailure, type ServiceClient, type SessionAnswer, type Token } from './service-client';
import { isFinal, merged } from './state';

/** Why nothing can be done with a session any more. */
export type End = 'expired' | 'lapsed' | 'finished';

/** What is known of a session. */
export interface Watched {
  session?: Omit<SessionAnswer, 'connectors'>;
  views: readonly View[];
  /** Whether the service answers. */
  isReached: boolean;
  end?: End;
}

export interface SessionWatchParts {
  client: ServiceClient;
  /** Gets another session when this one is over. */
  invitation?: string;
  /** Something is known that was not. */
  changed(): void;
  /** The client has a new token. */
  renewed(): void;
}

/** A renewal at half of what is left; users' clocks are wrong. */
const RENEW_MS = { least: 20_000, most: 240_000 };

/** Knows where the connectors of a session stand, at any time, and keeps the session alive. */
export class SessionWatch {
  watched: Watched = { views: [], isReached: true };
  #abort = new AbortController();
  #reader?: EventReader;
  /** Whether there will be another session, while one is asked for. */
  #redeeming?: Promise<boolean>;
  /** It was got by the invitation, and has not been taken anywhere yet: what is refused then is over. */
  #isNew = false;

  /** Begins with the client's token; where it has none, by redeeming the invitation. */
  constructor(private readonly parts: SessionWatchParts) {
    void (parts.client.token === '' ? this.#redeem() : this.#run());
  }

  stop(): void {
    this.#abort.abort();
    this.#reader?.stop();
  }

  /** Somebody was told where a connector stands. */
  readonly hear = (view: View): void => {
    const views = merged(this.watched.views, view);
    if (views !== this.watched.views) this.#set({ views });
  };

  /** Asks for all of it. */
  readonly look = async (): Promise<void> => {
    const { connectors, ...session } = await this.parts.client.session();
    this.#isNew = false;
    const views = connectors.reduce(merged, this.watched.views);
    this.#set({ session, views, isReached: true });
  };

  /** A call was refused because the session is over. Resolves with whether there is another one now. */
  readonly lose = (failure: ServiceFailure): Promise<boolean> => {
    if (this.#redeeming) return this.#redeeming;
    if (this.watched.end || this.#abort.signal.aborted) return Promise.resolve(false);
    if (this.parts.invitation !== undefined && failure.isEnd && !this.#isNew) return this.#redeem();
    this.#end(failure, this.#isNew ? 'lapsed' : 'expired');
    return Promise.resolve(false);
  };

  async #run(): Promise<void> {
    if (await this.#insist(this.look)) {
      this.#read();
      await this.#renewAgainAndAgain();
    }
  }

  #read(): void {
    this.#reader = new EventReader({
      open: (id, signal) => this.parts.client.events(id, signal),
      look: this.look,
      isOver: () => this.watched.views.every(isFinal),
      hear: this.hear,
      reach: (isReached) => isReached !== this.watched.isReached && this.#set({ isReached }),
      end: this.lose,
    });
  }

  async #renewAgainAndAgain(): Promise<void> {
    const { signal } = this.#abort;
    for (let at = this.#renewalAt(); !signal.aborted && !this.watched.end;) {
      await pause(at - Date.now(), signal);
      if (signal.aborted || Date.now() < at) continue; // it was woken
      if (!(await this.#insist(async () => this.#take(await this.parts.client.renew())))) return;
      at = this.#renewalAt();
    }
  }

  #renewalAt(): number {
    const left = Date.parse(this.watched.session?.expiresAt ?? '') - Date.now() || 0;
    return Date.now() + Math.min(Math.max(left / 2, RENEW_MS.least), RENEW_MS.most);
  }

  /** Gets another session, and goes on with it. */
  #redeem(): Promise<boolean> {
    this.stop();
    this.#abort = new AbortController();
    const { client, invitation = '' } = this.parts;
    const redeem = async () => this.#take(await client.redeem(invitation));
    this.#redeeming = this.#insist(redeem, (failure) => this.#end(failure, 'lapsed')).then((isAnother) => {
      this.#redeeming = undefined;
      this.#isNew = isAnother;
      if (isAnother) void this.#run();
      return isAnother;
    });
    return this.#redeeming;
  }

  #end({ code }: ServiceFailure, end: End): void {
    this.stop();
    this.#set({ end: code === 'tokenVoid' ? 'finished' : end });
  }

  #take({ token, expiresAt }: Token): void {
    this.parts.client.token = token;
    if (this.watched.session) this.#set({ session: { ...this.watched.session, expiresAt } });
    this.parts.renewed();
  }

  /** Until it succeeds; false where the session is over, or nobody watches any more. */
  async #insist(act: () => Promise<void>, refused: (failure: ServiceFailure) => unknown = this.lose): Promise<boolean> {
    const { signal } = this.#abort;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        await act();
        return !signal.aborted;
      } catch (err) {
        if (signal.aborted) break;
        const failure = err instanceof ServiceFailure ? err : new ServiceFailure('unexpected');
        if (!failure.isPassing) return (void refused(failure), false);
        this.#set({ isReached: false });
        await pause(Math.max(backoffMs(failures), failure.retryAfterMs ?? 0), signal);
      }
    }
    return false;
  }

  #set(news: Partial<Watched>): void {
    this.watched = { ...this.watched, ...news };
    this.parts.changed();
  }
}
