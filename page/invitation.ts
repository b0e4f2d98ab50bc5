/**
 * The data of an invitation that the page shows before the user accepts the invitation. Pure functions, without the
 * document.
 */

import { claimsOf } from './claims';

/** The limits of the service for the account's id and label, in characters. */
const LONGEST = { account: 200, label: 100 };

export interface Invitation {
  /** The name of the account, or its id. */
  account: string;
  /** The number of connectors. Undefined if the token does not name the connectors. */
  count?: number;
}

/**
 * Reads the claims of an invitation's token, without a check of the signature. Only the service can check the
 * signature. The service checks the signature when the page redeems the invitation. Undefined if the text is no
 * complete token.
 */
export function invitationOf(token: string): Invitation | undefined {
  const { label, account, connectors } = claimsOf(token);
  // The service makes only names of this type and length. Any other value could be the message of an attacker.
  if (!isName(account, LONGEST.account)) return undefined;
  if (label !== undefined && !isName(label, LONGEST.label)) return undefined;
  const name = label ?? account;
  return { account: name, ...(Array.isArray(connectors) && { count: connectors.length }) };
}

const isName = (value: unknown, longest: number): value is string =>
  typeof value === 'string' && value.length <= longest;
