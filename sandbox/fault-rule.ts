import { z } from 'zod';

const regexSource = z.string().refine(isRegex, 'not the source of a regular expression');

const forms = ['plain', 'json-escaped', 'base64', 'url-encoded', 'truncated', 'upper'] as const;

const simple = z.enum([
  'unauthenticated',
  'html',
  'html500',
  'empty',
  'truncated',
  'reset',
  'hang',
  'held',
  'unauthorized',
  'redirect',
  'applied-then-reset',
  'applied-then-hang',
  'applied-then-204',
  'applied-then-empty',
  'applied-then-html',
]);

const Then = z.union([
  simple,
  z.strictObject({ kind: z.literal('echo400'), form: z.enum(forms) }),
  z.strictObject({ kind: z.literal('slow'), ms: z.number().min(0) }),
  z.strictObject({ kind: z.literal('throttled'), retryAfter: z.union([z.string(), z.number()]) }),
  z.strictObject({
    status: z.number().int().min(200).max(599),
    headers: z.record(z.string(), z.string()).optional(),
    body: z.unknown().optional(),
  }),
]);

/** A rule that says which requests get a fault, which fault they get, and how many of them get it. */
export const FaultRule = z.strictObject({
  match: z.strictObject({
    method: z.enum(['GET', 'POST', 'PUT', 'DELETE']).optional(),
    /**
     * Matches the received path, in which a space is `%20`: either a prefix of the path, or the source of a regular
     * expression.
     */
    path: regexSource.optional(),
    account: z.string().optional(),
  }),
  /** The number of requests that get the fault. The default is 1. */
  times: z.union([z.number().int().min(1), z.literal('always')]).optional(),
  /** The number of matching requests without a fault before the first request with a fault. */
  skip: z.number().int().min(0).optional(),
  then: Then,
});

export type FaultRule = z.infer<typeof FaultRule>;
export type EchoForm = (typeof forms)[number];

type Simple = z.infer<typeof simple>;
type WithDetails = Exclude<z.infer<typeof Then>, Simple>;

/**
 * A fault with its kind. The kind of a fault is `answer` if its rule gives the status, the headers and the body of the
 * answer.
 */
export type Fault =
  | { [K in Simple]: { kind: K } }[Simple]
  | Extract<WithDetails, { kind: string }>
  | ({ kind: 'answer' } & Extract<WithDetails, { status: number }>);

export function faultOf(then: FaultRule['then']): Fault {
  if (typeof then === 'string') return { kind: then };
  return 'status' in then ? { kind: 'answer', ...then } : then;
}

function isRegex(source: string): boolean {
  try {
    return Boolean(new RegExp(source));
  } catch {
    return false;
  }
}
