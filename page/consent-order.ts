/**
 * The messages by which the pages of one browser make sure that only one consent is open at a time. Cyclr's link signs
 * the browser in to the account, and a newer link ends the sign-in of an older link. Pure functions, without the
 * document.
 */

/**
 * The message that a page sends when it opens a consent window (`opening`), or when the consent in its window has ended
 * (`ended`).
 */
export interface ConsentNotice {
  type: 'opening' | 'ended';
  /** The id of the page that sends the notice. */
  from: string;
  connectorId: number;
  /** The connector's name. */
  name: string;
}

/**
 * `retry`: the return page asks for another link in its window. `retrying`: the page that has opened the window answers
 * that it will load another link.
 */
export interface RetryNotice {
  type: 'retry' | 'retrying';
  connectorId: number;
}

/** The name of the channel for the pages of an account. */
export const channelOf = (accountId: string): string => `cyclr-connect ${accountId}`;

/** The notice in a message. Undefined for a message of another shape. */
export function noticeIn(message: unknown): ConsentNotice | RetryNotice | undefined {
  const { type, from, connectorId, name } = (message ?? {}) as { [name: string]: unknown };
  if (typeof connectorId !== 'number') return undefined;
  if (type === 'retry' || type === 'retrying') return { type, connectorId };
  const isWhole = typeof from === 'string' && typeof name === 'string';
  return isWhole && (type === 'opening' || type === 'ended') ? { type, from, connectorId, name } : undefined;
}

/**
 * The connectors in `open` whose consent in the page `here` ends because of the notice. A new consent ends all other
 * consents in the browser. So the result has all connectors in `open`, except the connector of the notice if the page
 * `here` itself sent the notice.
 */
export const replacedBy = ({ from, connectorId }: ConsentNotice, here: string, open: Iterable<number>): number[] =>
  [...open].filter((id) => from !== here || id !== connectorId);
