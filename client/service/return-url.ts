import type { Parts } from './parts';
import type { Attempt } from './tokens';

/** Where a browser comes back to from a third party: our own page, which has Cyclr asked about this attempt. */
export const returnUrl = async (
  { tokens, config: { publicUrl } }: Pick<Parts, 'tokens' | 'config'>,
  attempt: Attempt,
): Promise<string> => `${publicUrl}/connect/return?attempt=${await tokens.attempt(attempt)}`;
