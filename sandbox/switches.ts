import { z } from 'zod';

/** How this Cyclr behaves where nobody knows how the real one does. Of the process: a restart forgets them. */
export const Switches = z.strictObject({
  /** A POST of a property that exists already. */
  secondPost: z.enum(['duplicate', 'replace', '400']),
  /** A wrong key, user name, password or token: refused, or 200 with `Authenticated: false`. */
  wrongKey: z.enum(['400', 'unauthenticated']),
  /** How long after the PUT `Authenticated: true` shows, in ms. */
  authenticatedAfterMs: z.number().min(0),
  /** Whether lists have the header `Total-Pages`. */
  totalPages: z.boolean(),
  /** How long a token that is minted now is good, in seconds. */
  tokenExpiresIn: z.number().min(0),
  /** How long a sign-in token that is minted now is good, in seconds. */
  signInTokenExpiresIn: z.number().min(0),
  /** Whether `ExpiresAtUtc` ends in Z. */
  expiresAtHasZ: z.boolean(),
  /** A query that is appended to `targetOrigin`, such as `status=1`; empty for none. */
  returnAppends: z.string(),
  /** Whether a connector keeps its value, and stays authenticated, when a new consent comes to nothing. */
  failedReconsent: z.enum(['keeps', 'drops']),
  /** Whether a third party hands the very same tokens out again. */
  reconsentSameValue: z.boolean(),
  /** Whether the API shows the `AuthValue` of an OAuth connector; else it is `null`. */
  authValueReadable: z.boolean(),
});

export type Switches = z.infer<typeof Switches>;

export function defaultSwitches(): Switches {
  return {
    secondPost: 'duplicate',
    wrongKey: '400',
    authenticatedAfterMs: 0,
    totalPages: true,
    tokenExpiresIn: 1_209_599,
    signInTokenExpiresIn: 300,
    expiresAtHasZ: true,
    returnAppends: '',
    failedReconsent: 'keeps',
    reconsentSameValue: false,
    authValueReadable: true,
  };
}
