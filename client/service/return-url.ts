import type { Parts } from './parts';
import type { Attempt } from './tokens';

/**
 * Where a browser comes back to from a third party: our own page, which has Cyclr asked about this attempt. `depth` is
 * for who comes back in the tab that they left: how far its history had come.
 */
export const returnUrl = async (
  { tokens, config: { publicUrl } }: Pick<Parts, 'tokens' | 'config'>,
  attempt: Attempt,
  depth?: string,
): Promise<string> =>
  `${publicUrl}/connect/return?${depth === undefined ? '' : `depth=${depth}&`}attempt=${await tokens.attempt(attempt)}`;
