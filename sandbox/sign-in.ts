import { randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { cyclrInput, jsonOf } from './body';
import type { Parts, Routes } from './calls';
import type { SignInToken } from './state';
import type { Store } from './store';

/** A sign-in token, with the information whether a browser has used the token. */
export interface SignIn {
  token: string;
  username: string;
  /** ISO 8601. */
  expiresAt: string;
  used: boolean;
}

const Body = cyclrInput(z.strictObject({ Username: z.string().regex(/\S/, 'The Username field is required.') }));

/**
 * Makes a token in base64 that contains `+`, `/` and `=`. A client must encode these characters in a URL: if the client
 * does not, its sign-in fails.
 */
const newToken = (): string =>
  Buffer.concat([randomBytes(24), Buffer.from('+/+/', 'base64'), randomBytes(5)]).toString('base64');

/** Mints sign-in tokens. Each token signs a browser in once. */
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
      const ExpiresAtUtc = dotnetTime(token.expiresAt, switches.expiresAtHasZ);
      return { Token: token.value, ...(switches.expiresAtPresent && { ExpiresAtUtc }) };
    },
  };
}

/** Returns the valid sign-in token with this value. Returns undefined if no valid token has this value. */
export function validSignInToken(store: Store, value: string): SignInToken | undefined {
  return store.state.signInTokens.find((token) => token.value === value && !token.used && token.expiresAt > Date.now());
}

/** Returns the sign-in tokens of an account, oldest first. */
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

/** Formats a time with seven decimal places in its seconds, as .NET prints it. */
function dotnetTime(atMs: number, hasZ: boolean): string {
  return new Date(atMs).toISOString().replace('Z', hasZ ? '4711Z' : '4711');
}
