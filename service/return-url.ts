import type { Parts } from './parts';
import type { Attempt } from './tokens';

/** How far the history of a tab had come when its user left by it. */
export const DEPTH = /^\d{1,2}$/;

/** What stands after the `?`: the attempt, signed; and the depth, for who comes back in the tab that they left. */
export const returnQuery = (attempt: string, depth?: string): string =>
  `${depth === undefined ? '' : `depth=${depth}&`}attempt=${attempt}`;

/** Where a browser comes back to from a third party: our own page, which has Cyclr asked about this attempt. */
export const returnUrl = async (
  { tokens, config: { publicUrl } }: Pick<Parts, 'tokens' | 'config'>,
  attempt: Attempt,
  depth?: string,
): Promise<string> => `${publicUrl}/connect/return?${returnQuery(await tokens.attempt(attempt), depth)}`;
