import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Account, StoredConnector } from './state';
import { connectorIn, type Store } from './store';
import type { Switches } from './switches';

/** A call for one account, after the token and the account were found good. */
export interface Call {
  account: Account;
  params: Record<string, string>;
  request: FastifyRequest;
  reply: FastifyReply;
}

/** Method and path to what is done; what it returns is the answer. */
export type Routes = Record<`${'GET' | 'POST' | 'PUT' | 'DELETE'} /${string}`, (call: Call) => unknown>;

/** What the endpoints work on. */
export interface Parts {
  store: Store;
  switches: Switches;
}

/** The account connector that the path names. Fails: 404 where the account does not have it. */
export function connectorOf({ account, params }: Call): StoredConnector {
  return connectorIn(account, idIn(params['id']));
}

/** An id in a path: 0, which nothing has, where it is no whole number. */
export function idIn(text = ''): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
}
