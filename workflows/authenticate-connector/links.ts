/** The links to the third party's consent that a flow has handed out. */
import { CancellationScope } from '@temporalio/workflow';
import { mintLink } from './calls';
import type { ConnectorKey } from '../connector';
import type { AuthorizationRequest } from '../input';
import { Timer } from '../timer';
import type { Attempt, AuthorizationLink } from '../view';

/** An attempt whose link the flow has handed out. */
export interface KnownAttempt {
  fingerprint?: string;
  /** True if the return page has reported that the browser came back. */
  returned: boolean;
  /** True if the flow has handed out a link for a newer request. */
  superseded: boolean;
}

/** The part of the links that the next run receives at Continue-As-New, as plain JSON. */
export interface CarriedLinks {
  attempts: [id: string, KnownAttempt][];
  /**
   * When the newest link expires, in ISO 8601. Absent before the first link, and after the flow has handled the expiry.
   */
  goodUntil?: string;
}

const MAX_CARRIED_IDS = 1000;

/**
 * The newest 1000 ids, for Continue-As-New. Temporal limits the size of payloads. Older ids are not needed, because a
 * caller repeats a message within a short time.
 */
export const newest = <T>(ids: Iterable<T>): T[] => [...ids].slice(-MAX_CARRIED_IDS);

export class Links {
  readonly #key: ConnectorKey;
  readonly #needsFingerprint: () => boolean;
  readonly #attempts: Map<string, KnownAttempt>;
  readonly #pending = new Set<string>();
  #minting?: CancellationScope;
  #requests = 0;
  /** The number of the newest request that has got its link. */
  #newestAnswered = 0;
  #goodUntil?: string;
  #expiry?: Timer;

  /** `needsFingerprint`: true if the activity that makes a link must also take a fingerprint of the stored value. */
  constructor(key: ConnectorKey, needsFingerprint: () => boolean, carried: CarriedLinks = { attempts: [] }) {
    this.#key = key;
    this.#needsFingerprint = needsFingerprint;
    this.#attempts = new Map(carried.attempts);
    if (carried.goodUntil !== undefined) this.#startExpiry(carried.goodUntil);
  }

  get carried(): CarriedLinks {
    return { attempts: newest(this.#attempts), ...(this.#goodUntil !== undefined && { goodUntil: this.#goodUntil }) };
  }

  /**
   * The attempts whose links the flow has handed out, in this run or before Continue-As-New. For each of these
   * attempts, a browser can come back from the consent page.
   */
  get attempts(): ReadonlyMap<string, KnownAttempt> {
    return this.#attempts;
  }

  /**
   * Drops the fingerprints after a check has refused the stored value. This value differs from each fingerprint, but
   * proves no other consent.
   */
  dropFingerprints(): void {
    for (const attempt of this.#attempts.values()) delete attempt.fingerprint;
  }

  /** True if a caller has requested a link with this attempt id. */
  has(id: string): boolean {
    return this.#attempts.has(id) || this.#pending.has(id);
  }

  /** True if the newest link has expired, and no re-read has followed yet. */
  get hasExpired(): boolean {
    return this.#expiry?.fired ?? false;
  }

  /**
   * Makes a link and returns it as `answer`. `attempt` is absent if a newer request got its link before this request.
   * Fails with the failure of the activity `mintLink`.
   */
  async mint(request: AuthorizationRequest): Promise<{ answer: AuthorizationLink; attempt?: Attempt }> {
    const { attemptId: id, replyKey, returnTo } = request;
    const number = ++this.#requests;
    const requestedAt = new Date().toISOString();
    this.#pending.add(id);
    try {
      const call = { attemptId: id, replyKey, returnTo, fingerprint: this.#needsFingerprint() };
      this.#minting ??= new CancellationScope();
      const { link, expiresAt, fingerprint } = await this.#minting.run(() => mintLink(this.#key, call));
      const superseded = number < this.#newestAnswered;
      const answer = { attemptId: id, expiresAt, link };
      if (!superseded) this.#supersedeOlder(number, expiresAt);
      this.#attempts.set(id, { fingerprint, returned: false, superseded });
      return { answer, ...(!superseded && { attempt: { id, requestedAt, expiresAt } }) };
    } finally {
      this.#pending.delete(id);
    }
  }

  #supersedeOlder(number: number, expiresAt: string): void {
    this.#newestAnswered = number;
    for (const older of this.#attempts.values()) older.superseded = true;
    this.#startExpiry(expiresAt);
  }

  #startExpiry(goodUntil: string): void {
    this.#expiry?.cancel();
    this.#goodUntil = goodUntil;
    this.#expiry = new Timer(Date.parse(goodUntil), 'The link expires, then one re-read follows');
  }

  /** Records that the browser of this attempt came back. */
  markReturned(id: string): void {
    const attempt = this.#attempts.get(id);
    if (attempt) attempt.returned = true;
  }

  /** Marks the expiry of the newest link as handled, so that one expiry causes only one re-read. */
  clearExpiry(): void {
    this.#expiry = undefined;
    this.#goodUntil = undefined;
  }

  /**
   * Cancels the activities that make links, because the flow has left the state `awaitingAuthorization`. A link that
   * was handed out before stays usable.
   */
  cancelMinting(): void {
    this.#minting?.cancel();
    this.#minting = undefined;
  }
}
