/**
 * Everything that the service hands out and takes back: sessions and invitations of browsers, and the attempts that
 * come back from a third party. Signed, never kept: any instance with the same keys takes them.
 */
import { randomUUID } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { JWTExpired } from 'jose/errors';
import { z } from 'zod';
import { isAccountId, isConnectorId, isSubmissionId, type ConnectorKey } from '../workflows/connector';
import { ServiceError } from './problems';
import type { SessionKeys } from './keys';

export type TokenKind = 'session' | 'invitation';

/** Whom a token stands for, and what it may touch. */
export interface Scope {
  accountId: string;
  /** What the user knows the account as. */
  accountLabel?: string;
  connectorIds: number[];
  /** The page that embeds it; our own where there is none. */
  origin?: string;
  language: string;
  /** Where the user goes when all is done. */
  returnTo?: string;
}

export interface Session extends Scope {
  /** Stays the same when it is renewed. */
  id: string;
  /** In milliseconds since 1970. */
  expiresAtMs: number;
  /** After this it can't be renewed, or redeemed, any more. */
  capMs: number;
  lifetimeMs: number;
}

export interface Token {
  token: string;
  expiresAt: string;
}

export interface Attempt extends ConnectorKey {
  attemptId: string;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** How long tokens live, in milliseconds; a session's `max` is that of each renewal. */
export const lifetimes = {
  session: { default: 15 * MINUTE_MS, min: MINUTE_MS, max: HOUR_MS },
  invitation: { default: 7 * DAY_MS, min: MINUTE_MS, max: 30 * DAY_MS },
} as const;
/** How long a session can be renewed. */
const SESSION_CAP_MS = 8 * HOUR_MS;
/** How long after its link was made a browser may come back. */
const ATTEMPT_MS = DAY_MS;

const types = { session: 'session+jwt', invitation: 'invitation+jwt', attempt: 'attempt+jwt' } as const;

const seconds = z.int().positive();
const ScopeClaims = z.object({
  jti: z.string(),
  exp: seconds,
  account: z.string().refine(isAccountId),
  label: z.string().optional(),
  connectors: z.array(z.number().refine(isConnectorId)).min(1),
  origin: z.string().optional(),
  language: z.string(),
  returnTo: z.string().optional(),
  lifetime: seconds,
  cap: seconds,
});
const AttemptClaims = z.object({
  account: z.string().refine(isAccountId),
  connector: z.number().refine(isConnectorId),
  attempt: z.string().refine(isSubmissionId),
});

interface Options {
  keys: SessionKeys;
  /** Who signs, and whom for: a token of another service is none of ours, even with the same keys. */
  publicUrl: string;
  now?: () => number;
}

export class Tokens {
  readonly #keys: SessionKeys;
  readonly #publicUrl: string;
  readonly #now: () => number;

  constructor({ keys, publicUrl, now = Date.now }: Options) {
    [this.#keys, this.#publicUrl, this.#now] = [keys, publicUrl, now];
  }

  /** A new session, or an invitation to one. */
  mint(kind: TokenKind, scope: Scope, lifetimeMs: number = lifetimes[kind].default): Promise<Token> {
    const capMs = this.#now() + (kind === 'session' ? SESSION_CAP_MS : lifetimeMs);
    return this.#scoped(kind, { ...scope, id: randomUUID(), lifetimeMs, capMs });
  }

  /** The session of a token. Fails: `unauthorized`, `tokenExpired`. */
  session(token: string): Promise<Session> {
    return this.#read('session', token);
  }

  /** The same session, for longer: never beyond its cap. */
  renew(session: Session): Promise<Token> {
    return this.#scoped('session', session);
  }

  /** The invitation of a token. Fails: `unauthorized`, `tokenExpired`. */
  invitation(token: string): Promise<Session> {
    return this.#read('invitation', token);
  }

  /** A session for who was invited: it ends with the invitation at the latest. */
  redeem(invitation: Session): Promise<Token> {
    const capMs = Math.min(this.#now() + SESSION_CAP_MS, invitation.capMs);
    return this.#scoped('session', { ...invitation, id: randomUUID(), lifetimeMs: lifetimes.session.default, capMs });
  }

  /** What a browser brings back from a third party. It holds no right but to have Cyclr asked once. */
  attempt({ accountId, connectorId, attemptId }: Attempt): Promise<string> {
    const claims = { account: accountId, connector: connectorId, attempt: attemptId };
    return this.#signed('attempt', claims, this.#now() + ATTEMPT_MS);
  }

  /** The attempt that was brought back; undefined for one that is forged, foreign or old. */
  async attemptOf(token: string): Promise<Attempt | undefined> {
    const { data } = AttemptClaims.safeParse(await this.#verified('attempt', token).catch(() => undefined));
    return data && { accountId: data.account, connectorId: data.connector, attemptId: data.attempt };
  }

  async #scoped(kind: TokenKind, session: Omit<Session, 'expiresAtMs'>): Promise<Token> {
    const { id, accountId, accountLabel, connectorIds, origin, language, returnTo, lifetimeMs, capMs } = session;
    const expiresAtMs = inSeconds(Math.min(this.#now() + lifetimeMs, capMs)) * 1000;
    const claims = {
      ...{ jti: id, account: accountId, label: accountLabel, connectors: connectorIds, origin, language, returnTo },
      ...{ lifetime: inSeconds(lifetimeMs), cap: inSeconds(capMs) },
    };
    return { token: await this.#signed(kind, claims, expiresAtMs), expiresAt: new Date(expiresAtMs).toISOString() };
  }

  async #read(kind: TokenKind, token: string): Promise<Session> {
    const { data } = ScopeClaims.safeParse(await this.#verified(kind, token).catch(refused));
    if (!data) throw new ServiceError('unauthorized');
    const { jti: id, account: accountId, label: accountLabel, connectors: connectorIds, origin, language } = data;
    const times = { expiresAtMs: data.exp * 1000, capMs: data.cap * 1000, lifetimeMs: data.lifetime * 1000 };
    return { id, accountId, accountLabel, connectorIds, origin, language, returnTo: data.returnTo, ...times };
  }

  #signed(kind: keyof typeof types, claims: object, expiresAtMs: number): Promise<string> {
    const [{ kid, secret }] = this.#keys;
    return new SignJWT({ ...claims })
      .setProtectedHeader({ alg: 'HS256', typ: types[kind], kid })
      .setIssuer(this.#publicUrl)
      .setIssuedAt(inSeconds(this.#now()))
      .setExpirationTime(inSeconds(expiresAtMs))
      .sign(secret);
  }

  async #verified(kind: keyof typeof types, token: string): Promise<unknown> {
    const keyOf = ({ kid }: { kid?: string }) => this.#keys.find((key) => key.kid === kid)?.secret ?? unknownKey();
    const { payload } = await jwtVerify(token, keyOf, {
      algorithms: ['HS256'],
      typ: types[kind],
      issuer: this.#publicUrl,
      requiredClaims: ['exp', 'iat'],
      currentDate: new Date(this.#now()),
    });
    return payload;
  }
}

const inSeconds = (ms: number): number => Math.floor(ms / 1000);

const unknownKey = (): never => {
  throw new ServiceError('unauthorized');
};

/** An error of the library can quote what it was given. */
function refused(err: unknown): never {
  throw new ServiceError(err instanceof JWTExpired ? 'tokenExpired' : 'unauthorized');
}
