import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { checked } from './body';
import type { Account, StoredConnector } from './state';
import { connectorIn, type Store } from './store';
import type { Switches } from './switches';

/** A call with a valid token, for an existing account. */
export interface Call {
  account: Account;
  params: Record<string, string>;
  request: FastifyRequest;
  reply: FastifyReply;
}

/** The handlers of the endpoints, by method and path. The value that a handler returns is the answer. */
export type Routes = Record<`${'GET' | 'POST' | 'PUT' | 'DELETE'} /${string}`, (call: Call) => unknown>;

/** The state and the switches that all endpoints use. */
export interface Parts {
  store: Store;
  switches: Switches;
}

/**
 * Returns the account connector that the path of the call names. Fails: 404 if the account does not have this
 * connector.
 */
export function connectorOf({ account, params }: Call): StoredConnector {
  return connectorIn(account, idIn(params['id']));
}

const Page = z.object({
  page: z.coerce.number().int().min(1).default(1),
  pageSize: z.coerce.number().int().min(1).default(20),
});

/**
 * Returns the items of the page that the call requests. If the switch `totalPages` is on, sets the header
 * `Total-Pages`. Fails: 400 if the page or the page size is not a whole number from 1 on.
 */
export function pageOf<T>(items: T[], { request, reply }: Call, { totalPages }: Switches): T[] {
  const { page, pageSize } = checked(Page, request.query);
  if (totalPages) reply.header('Total-Pages', Math.ceil(items.length / pageSize));
  return items.slice((page - 1) * pageSize, page * pageSize);
}

/** Reads an id in a path. Returns 0, which is never an id, for a text that is no whole number. */
export function idIn(text = ''): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
}
