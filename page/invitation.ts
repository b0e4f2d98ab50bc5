/** Pure: the data of an invitation that the page shows before the user accepts it. */

export interface Invitation {
  /** The name of the account, or its id. */
  account: string;
  /** The number of connectors. Undefined if the token does not name the connectors. */
  count?: number;
}

/**
 * Reads the claims of an invitation's token, without a check of the signature. Only the service can check the
 * signature, when the invitation is redeemed. Undefined if the text is no complete token.
 */
export function invitationOf(token: string): Invitation | undefined {
  const [, claims, signature] = /^[\w-]+\.([\w-]+)\.([\w-]+)$/.exec(token) ?? [];
  if (claims === undefined || signature === undefined) return undefined;
  try {
    const bytes = Uint8Array.from(atob(claims.replace(/-/g, '+').replace(/_/g, '/')), (char) => char.charCodeAt(0));
    const { label, account, connectors } = JSON.parse(new TextDecoder().decode(bytes)) as Claims;
    if (typeof account !== 'string') return undefined;
    const name = typeof label === 'string' ? label : account;
    return { account: name, ...(Array.isArray(connectors) && { count: connectors.length }) };
  } catch {
    return undefined;
  }
}

type Claims = { [claim in 'label' | 'account' | 'connectors']?: unknown };
