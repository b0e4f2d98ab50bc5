import { randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { cyclrInput, jsonOf } from './body';
import type { Parts, Routes } from './calls';
import type { SignInToken } from './state';
import type { Store } from './store';

/** A sign-in token as it was minted, and whether somebody has used it. */
export interface SignIn {
  token: string;
  username: string;
  /** ISO 8601. */
  expiresAt: string;
  used: boolean;
}

const Body = cyclrInput(z.strictObject({ Username: z.string().regex(/\S/, 'The Username field is required.') }));

/** Base64 with each of its characters that a URL changes: `+`, `/` and `=`. */
const newToken = (): string =>
  Buffer.concat([randomBytes(24), Buffer.from('+/+/', 'base64'), randomBytes(5)]).toString('base64');

/** One-time tokens that sign a user's browser in. */
export function signInRoutes({ store, switches }: Parts): Routes {
  return {
    'POST /accounts/:accountId/signintoken': ({ account, request }) => {
      const token: SignInToken = {
        value: newToken(),
        accountId: account.id,
        username: usernameIn(request),
        expiresAt: Date.now() + switches.signInTokenExpiresIn * 1000,
        used: false,
      };
      store.state.signInTokens.push(token);
      return { Token: token.value, ExpiresAtUtc: printed(token.expiresAt, switches.expiresAtHasZ) };
    },
  };
}

/** The token of this value, if it can still sign somebody in. */
export function goodSignInToken(store: Store, value: string): SignInToken | undefined {
  return store.state.signInTokens.find((token) => token.value === value && !token.used && token.expiresAt > Date.now());
}

/** The sign-in tokens of an account, oldest first. */
export function signInsOf(store: Store, accountId: string): SignIn[] {
  return store.state.signInTokens
    .filter((token) => token.accountId === accountId)
    .map(({ value, username, expiresAt, used }) => ({
      token: value,
      username,
      expiresAt: new Date(expiresAt).toISOString(),
      used,
    }));
}

const usernameIn = (request: FastifyRequest): string => jsonOf(request, Body).Username;

/** Seven digits of a second, as .NET prints them. */
function printed(atMs: number, hasZ: boolean): string {
  return new Date(atMs).toISOString().replace('Z', hasZ ? '4711Z' : '4711');
}
