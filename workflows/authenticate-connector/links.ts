/** The links to the third party's consent that were handed out in this run. */
import { CancellationScope } from '@temporalio/workflow';
import { mintLink } from './calls';
import { newest } from './carried';
import type { ConnectorKey } from '../connector';
import type { Attempt, AuthorizationLink, AuthorizationRequest } from '../messages';
import { Timer } from './timer';

/** A link that was handed out. */
export interface HandedOut {
  fingerprint?: string;
  /** Whether the page that the browser comes back to has said so. */
  returned: boolean;
  /** Whether one that was asked for later was handed out too. */
  superseded: boolean;
}

/** What is known of the links while none is in the making. */
export interface CarriedLinks {
  attempts: [id: string, HandedOut][];
  /** When the newest one runs out, where no look was taken since. ISO 8601. */
  goodUntil?: string;
}

export class Links {
  readonly #attempts: Map<string, HandedOut>;
  readonly #inTheMaking = new Set<string>();
  #minting?: CancellationScope;
  #requests = 0;
  /** The number of the newest request that was answered. */
  #newest = 0;
  #goodUntil?: string;
  #good?: Timer;

  constructor(
    private readonly key: ConnectorKey,
    /** Whether a fingerprint of what is stored is taken with each link. */
    private readonly fingerprint: boolean,
    { attempts, goodUntil }: CarriedLinks = { attempts: [] },
  ) {
    this.#attempts = new Map(attempts);
    if (goodUntil !== undefined) this.#lookAt(goodUntil);
  }

  /** For the run that goes on in the place of this one. */
  get carried(): CarriedLinks {
    return { attempts: newest(this.#attempts), ...(this.#goodUntil !== undefined && { goodUntil: this.#goodUntil }) };
  }

  /** The attempts of this run that somebody can come back from. */
  get attempts(): ReadonlyMap<string, HandedOut> {
    return this.#attempts;
  }

  /** Whether a link was asked for under this id. */
  knows(id: string): boolean {
    return this.#attempts.has(id) || this.#inTheMaking.has(id);
  }

  /** Whether the newest link has run out, and no look was taken since. */
  get ranOut(): boolean {
    return this.#good?.over ?? false;
  }

  /** Makes a link. `attempt` is given where none that was asked for later is out. Fails as the activity does. */
  async mint(request: AuthorizationRequest): Promise<{ answer: AuthorizationLink; attempt?: Attempt }> {
    const { attemptId: id, replyKey, returnTo } = request;
    const number = ++this.#requests;
    const requestedAt = new Date().toISOString();
    this.#inTheMaking.add(id);
    try {
      const call = { attemptId: id, replyKey, returnTo, fingerprint: this.fingerprint };
      this.#minting ??= new CancellationScope();
      const { link, expiresAt, fingerprint } = await this.#minting.run(() => mintLink(this.key, call));
      const superseded = number < this.#newest;
      const answer = { attemptId: id, expiresAt, link };
      if (!superseded) this.#follow(number, expiresAt);
      this.#attempts.set(id, { fingerprint, returned: false, superseded });
      return { answer, ...(!superseded && { attempt: { id, requestedAt, expiresAt } }) };
    } finally {
      this.#inTheMaking.delete(id);
    }
  }

  #follow(number: number, expiresAt: string): void {
    this.#newest = number;
    for (const older of this.#attempts.values()) older.superseded = true;
    this.#lookAt(expiresAt);
  }

  #lookAt(goodUntil: string): void {
    this.#good?.cancel();
    this.#goodUntil = goodUntil;
    this.#good = new Timer(Date.parse(goodUntil) - Date.now(), 'Until the link has run out, then a look');
  }

  /** The browser of this attempt came back. */
  returned(id: string): void {
    const attempt = this.#attempts.get(id);
    if (attempt) attempt.returned = true;
  }

  /** A look was taken after the newest link ran out: once is enough. */
  looked(): void {
    this.#good = undefined;
    this.#goodUntil = undefined;
  }

  /** Nobody waits for a link any more: drops those in the making. Those that are out can still be followed. */
  leave(): void {
    this.#minting?.cancel();
    this.#minting = undefined;
  }
}
