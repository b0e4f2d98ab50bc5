import { randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { formOf } from './body';
import { Refusal, unauthorized } from './refusal';
import type { Account, Token } from './state';
import type { Store } from './store';
import type { Switches } from './switches';

/** The client id and secret of the sandbox. */
export const client = { id: 'sandbox', secret: 'sandbox-secret' };

/** Answers `POST /oauth/token` with a new bearer token. Fails: 400 with an OAuth `error`. */
export function mintToken(store: Store, request: FastifyRequest, { tokenExpiresIn, expiresInForm }: Switches) {
  const form = formOf(request);
  if (!form) throw oauthError('invalid_request');
  if (form.get('grant_type') !== 'client_credentials') throw oauthError('unsupported_grant_type');
  if (form.get('client_id') !== client.id || form.get('client_secret') !== client.secret) {
    throw oauthError('invalid_client');
  }
  const token: Token = {
    id: store.state.tokens.length + 1,
    value: randomBytes(32).toString('base64url'),
    accountId: accountInScope(form.get('scope')),
    expiresAt: Date.now() + tokenExpiresIn * 1000,
  };
  store.state.tokens.push(token);
  const expires_in = { number: tokenExpiresIn, text: `${tokenExpiresIn}`, absent: undefined }[expiresInForm];
  return { access_token: token.value, token_type: 'bearer', expires_in, clientId: client.id };
}

/** Makes all bearer tokens invalid. */
export function revokeTokens(store: Store): void {
  for (const token of store.state.tokens) token.expiresAt = 0;
}

/**
 * Returns the account with the id `accountId`. The default id is the header `X-Cyclr-Account` of the request. Fails:
 * 401 for an unknown account, and for a token that is invalid or belongs to another account.
 */
export function accountAdmitted(store: Store, request: FastifyRequest, accountId = accountIdOf(request)): Account {
  const token = tokenOf(store, request);
  const account = store.account(accountId ?? '');
  const isAdmitted = token && token.expiresAt > Date.now() && (token.accountId ?? account?.id) === account?.id;
  if (!isAdmitted || !account) throw unauthorized();
  return account;
}

/**
 * Returns the bearer token of a request, valid or expired. Returns undefined if the request has no token or an unknown
 * token.
 */
export function tokenOf(store: Store, request: FastifyRequest): Token | undefined {
  const [, value] = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  return store.state.tokens.find((token) => token.value === value);
}

/**
 * Returns the value of the header `X-Cyclr-Account`. Node reads headers as Latin-1, the encoding that Cyclr expects.
 */
export function accountIdOf(request: FastifyRequest): string | undefined {
  return request.headers['x-cyclr-account']?.toString();
}

function accountInScope(scope: string | null): string | undefined {
  if (!scope) return undefined;
  const [, accountId] = /^account:(.+)$/.exec(scope) ?? [];
  if (accountId === undefined) throw oauthError('invalid_scope');
  return accountId;
}

const oauthError = (error: string): Refusal => new Refusal(400, { error });
