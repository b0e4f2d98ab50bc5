/**
 * Signed tokens (JWT) of three kinds: for a session, for an invitation, and for the return address of a consent. The
 * service stores no token. Every instance with the same keys can verify a token.
 */
import { randomUUID } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { JWTExpired } from 'jose/errors';
import { z } from 'zod';
import { Prefill } from '../client/http/requests';
import { isAccountId, isConnectorId, isSubmissionId, type ConnectorKey } from '../workflows/connector';
import { ServiceError } from './problems';
import { decryptClaim, encryptClaim } from './encrypted-claim';
import { sessionKeyWith, type SessionKeys } from './keys';

export type TokenKind = 'session' | 'invitation';

/** The account and the connectors that a token gives access to. */
export interface Scope {
  accountId: string;
  /** The name of the account for the user. */
  accountLabel?: string;
  /** For a session of an onboarding: the present connectors of the onboarding (see `Onboarded`). */
  connectorIds: number[];
  /** The onboarding whose connectors the session shows. */
  onboardingId?: string;
  /** The connectors of the onboarding that the session does not show. */
  without?: number[];
  /** The connectors that the session may re-authenticate. */
  reauthenticate?: number[];
  /** Values of properties to propose or lock, by connector id and property. */
  prefill?: z.output<typeof Prefill>;
  /** The targets of the events of each flow that the session starts. */
  notify?: string[];
  /** The person who uses the session. Timelines show this person. */
  by?: string;
  /** The origin of the host page. Absent if only the service's own page uses the session. */
  origin?: string;
  language: string;
  /** The address to which the user returns after the last step on the connect page. */
  returnTo?: string;
}

export interface Session extends Scope {
  /** The id of the session, unchanged by renewals. */
  id: string;
  /** The id of the invitation from which the session was made. */
  invitation?: string;
  /**
   * When the session or the invitation was made, in milliseconds since 1970. For an invitation, this time is not
   * earlier than the start of the newest run that its connectors had at that time, even if Temporal's clock is ahead of
   * the service's clock.
   */
  madeAtMs: number;
  /** The time when the token expires, in milliseconds since 1970. */
  expiresAtMs: number;
  /**
   * After this time, the service renews no token of the session, and redeems no token of the invitation. In
   * milliseconds since 1970.
   */
  capMs: number;
  lifetimeMs: number;
}

export interface Token {
  token: string;
  expiresAt: string;
}

export interface Attempt extends ConnectorKey {
  attemptId: string;
  /** The `by` of the request for the link. The return from the consent has the same `by`. */
  by: string;
}

/**
 * The highest length of a token with a prefill, in characters. The limit is needed, because proxies refuse headers over
 * 8 KiB.
 */
export const MAX_TOKEN = 8000;

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/**
 * Lifetimes of tokens in milliseconds. `session.max` limits the lifetime of each token of a session, also of each
 * renewed token.
 */
export const lifetimes = {
  session: { default: 15 * MINUTE_MS, min: SECOND_MS, max: HOUR_MS },
  invitation: { default: 7 * DAY_MS, min: SECOND_MS, max: 30 * DAY_MS },
} as const;
/** The time after the creation of a session in which the browser can renew the session. */
const SESSION_CAP_MS = 8 * HOUR_MS;
/** The time in which a browser can return from the consent, counted from the creation of the link. */
const ATTEMPT_MS = DAY_MS;

const types = { session: 'session+jwt', invitation: 'invitation+jwt', attempt: 'attempt+jwt' } as const;

const seconds = z.int().positive();
const ScopeClaims = z.object({
  jti: z.string(),
  exp: seconds,
  account: z.string().refine(isAccountId),
  label: z.string().optional(),
  connectors: z.array(z.number().refine(isConnectorId)).min(1).optional(),
  onboarding: z.string().refine(isAccountId).optional(),
  without: z.array(z.number().refine(isConnectorId)).optional(),
  reauthenticate: z.array(z.number().refine(isConnectorId)).optional(),
  prefill: Prefill.optional(),
  notify: z.array(z.string()).optional(),
  by: z.string().optional(),
  invitation: z.string().optional(),
  made: z.int().positive(),
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
  by: z.string(),
});

interface Options {
  keys: SessionKeys;
  /**
   * The issuer of the tokens. The service refuses a token of another issuer, even if the other issuer signs with the
   * same keys.
   */
  publicUrl: string;
  now?: () => number;
}

interface MintOptions {
  id?: string;
  lifetimeMs?: number;
  notBeforeMs?: number;
}

export class Tokens {
  readonly #keys: SessionKeys;
  readonly #publicUrl: string;
  readonly #now: () => number;

  constructor({ keys, publicUrl, now = Date.now }: Options) {
    [this.#keys, this.#publicUrl, this.#now] = [keys, publicUrl, now];
  }

  /** Makes a token of a new session or invitation. `notBeforeMs`: the earliest `madeAtMs`. */
  mint(
    kind: TokenKind,
    scope: Scope,
    { id = randomUUID(), lifetimeMs = lifetimes[kind].default, notBeforeMs = 0 }: MintOptions = {},
  ): Promise<Token> {
    const now = this.#now();
    const capMs = now + (kind === 'session' ? SESSION_CAP_MS : lifetimeMs);
    return this.#scoped(kind, { ...scope, id, madeAtMs: Math.max(now, notBeforeMs), lifetimeMs, capMs });
  }

  /** Verifies a session token. Fails: `unauthorized`, `tokenExpired`. */
  session(token: string): Promise<Session> {
    return this.#read('session', token);
  }

  /** Makes a new token of a session. The token expires at the session's `capMs` at the latest. */
  renew(session: Session): Promise<Token> {
    return this.#scoped('session', session);
  }

  /** Verifies an invitation token. Fails: `unauthorized`, `tokenExpired`. */
  invitation(token: string): Promise<Session> {
    return this.#read('invitation', token);
  }

  /**
   * Makes a session for the connectors `connectorIds` of an invitation. The session ends at the latest when the
   * invitation expires.
   */
  redeem(invitation: Session, connectorIds: number[]): Promise<Token> {
    const madeAtMs = this.#now();
    const capMs = Math.min(madeAtMs + SESSION_CAP_MS, invitation.capMs);
    const own = { id: randomUUID(), invitation: invitation.id, madeAtMs, lifetimeMs: lifetimes.session.default, capMs };
    const isIn = (id: number) => connectorIds.includes(id);
    const reauthenticate = invitation.reauthenticate?.filter(isIn);
    const without = invitation.connectorIds.filter((id) => !isIn(id));
    return this.#scoped('session', { ...invitation, connectorIds, without, reauthenticate, ...own });
  }

  /** Signs an attempt for the return address. The token allows one verification of this attempt and nothing else. */
  async attempt({ accountId, connectorId, attemptId, by }: Attempt): Promise<string> {
    // The token is in a URL that Cyclr and the third party see, so the person (`by`) in the token is encrypted.
    const encrypted = await encryptClaim(this.#keys[0], by);
    const claims = { account: accountId, connector: connectorId, attempt: attemptId, by: encrypted };
    return this.#signed('attempt', claims, this.#now() + ATTEMPT_MS);
  }

  /**
   * Verifies the token in a return address, and returns its attempt. Undefined if the token is forged, belongs to
   * another service, or is over a day old.
   */
  async attemptOf(token: string): Promise<Attempt | undefined> {
    const { data } = AttemptClaims.safeParse(await this.#verified('attempt', token).catch(() => undefined));
    const by = data && (await decryptClaim(this.#keys, data.by));
    if (!data || by === undefined) return undefined;
    return { accountId: data.account, connectorId: data.connector, attemptId: data.attempt, by };
  }

  async #scoped(kind: TokenKind, session: Omit<Session, 'expiresAtMs'>): Promise<Token> {
    const { id, accountId, accountLabel, connectorIds, origin, language, returnTo, lifetimeMs, capMs } = session;
    const { onboardingId: onboarding, without = [], invitation, madeAtMs: made, reauthenticate, prefill } = session;
    const { notify, by } = session;
    const expiresAtMs = inSeconds(Math.min(this.#now() + lifetimeMs, capMs)) * 1000;
    const claims = {
      ...{ jti: id, account: accountId, label: accountLabel, origin, language, returnTo },
      ...(onboarding === undefined ? { connectors: connectorIds } : { onboarding, without: nonEmpty(without) }),
      ...{
        reauthenticate,
        prefill,
        notify,
        by,
        invitation,
        made,
        lifetime: inSeconds(lifetimeMs),
        cap: inSeconds(capMs),
      },
    };
    return { token: await this.#signed(kind, claims, expiresAtMs), expiresAt: new Date(expiresAtMs).toISOString() };
  }

  async #read(kind: TokenKind, token: string): Promise<Session> {
    const { data } = ScopeClaims.safeParse(await this.#verified(kind, token).catch(refused));
    if (!data || (data.connectors ?? data.onboarding) === undefined) throw new ServiceError('unauthorized');
    const { jti: id, account: accountId, label: accountLabel, connectors: connectorIds = [], origin, language } = data;
    const { onboarding: onboardingId, without, invitation, made: madeAtMs, reauthenticate, prefill, returnTo } = data;
    const { notify, by } = data;
    const times = { expiresAtMs: data.exp * 1000, capMs: data.cap * 1000, lifetimeMs: data.lifetime * 1000 };
    const scope = { accountId, accountLabel, connectorIds, onboardingId, without, reauthenticate, prefill, notify, by };
    return { id, invitation, madeAtMs, ...scope, origin, language, returnTo, ...times };
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
    const keyOf = ({ kid }: { kid?: string }) => sessionKeyWith(this.#keys, kid).secret;
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

const nonEmpty = <T>(list: T[]): T[] | undefined => (list.length > 0 ? list : undefined);

const inSeconds = (ms: number): number => Math.floor(ms / 1000);

/** Throws an error of the service in place of jose's error, because jose's error can quote the token. */
function refused(err: unknown): never {
  throw new ServiceError(err instanceof JWTExpired ? 'tokenExpired' : 'unauthorized');
}
