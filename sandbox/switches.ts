import { z } from 'zod';

/** Variants of behaviour that Cyclr does not document. A restart of the sandbox sets all switches to their defaults. */
export const Switches = z.strictObject({
  /** The effect of a POST of a property if the connector already has a property of this name. */
  secondPost: z.enum(['duplicate', 'replace', '400']),
  /** The answer to a wrong key, user name, password or token: 400, or 200 with `Authenticated: false`. */
  wrongKey: z.enum(['400', 'unauthenticated']),
  /** The time from the PUT of the `AuthValue` to `Authenticated: true`, in ms. */
  authenticatedAfterMs: z.number().min(0),
  /** The values that every trigger lists. */
  triggerValues: z.array(z.string()),
  /** True if lists have the header `Total-Pages`. */
  totalPages: z.boolean(),
  /** Lifetime of new bearer tokens, in seconds. */
  tokenExpiresIn: z.number().min(0),
  /** The JSON type of `expires_in` in answers of the token endpoint. */
  expiresInForm: z.enum(['number', 'text', 'absent']),
  /** Lifetime of new sign-in tokens, in seconds. */
  signInTokenExpiresIn: z.number().min(0),
  /** True if the answer with a sign-in token has `ExpiresAtUtc`. */
  expiresAtPresent: z.boolean(),
  /** True if `ExpiresAtUtc` ends in Z. */
  expiresAtHasZ: z.boolean(),
  /**
   * A query that the redirect appends to `targetOrigin`, such as `status=1`. If empty, the redirect appends nothing.
   */
  returnAppends: z.string(),
  /**
   * The effect of a failed new consent on a connector that is already authenticated: the connector keeps or loses its
   * stored value.
   */
  failedReconsent: z.enum(['keeps', 'drops']),
  /** True if a new consent gives the same tokens again. */
  reconsentSameValue: z.boolean(),
  /**
   * True if the API returns the `AuthValue` of an OAuth connector. If false, the `AuthValue` in the answer is `null`.
   */
  authValueReadable: z.boolean(),
  /**
   * The answer to a call of a connector's method. `forbidden`: 403, as for an address that Cyclr has not approved.
   * `refusing`: the third party's 401. `slow`: no answer for a minute.
   */
  methodCalls: z.enum(['allowed', 'forbidden', 'refusing', 'slow']),
});

export type Switches = z.infer<typeof Switches>;

export function defaultSwitches(): Switches {
  return {
    secondPost: 'duplicate',
    wrongKey: '400',
    authenticatedAfterMs: 0,
    triggerValues: ['main', 'archive'],
    totalPages: true,
    tokenExpiresIn: 1_209_599,
    expiresInForm: 'number',
    signInTokenExpiresIn: 300,
    expiresAtPresent: true,
    expiresAtHasZ: true,
    returnAppends: '',
    failedReconsent: 'keeps',
    reconsentSameValue: false,
    authValueReadable: true,
    methodCalls: 'forbidden',
  };
}
