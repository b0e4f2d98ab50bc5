/** How the answers of a route stand in the OpenAPI document. */
import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import type { AnswerCode } from '../client/http/codes';
import { answers } from './problems';
import { View } from '../client/http/answers';

/** What any call can be answered with, whatever it is. */
const always: AnswerCode[] = ['unexpected'];
/** The groups of codes that calls share. */
export const codes = {
  caller: ['unauthorized', 'rateLimited'],
  session: ['unauthorized', 'tokenExpired', 'originNotAllowed', 'rateLimited'],
  body: ['brokenJson', 'tooLarge', 'unsupportedMediaType', 'malformed'],
  flow: ['notFound', 'noWorker', 'temporalUnavailable'],
  input: ['notNow', 'closed'],
} as const satisfies { [group: string]: readonly AnswerCode[] };

/** The answers of a route: what it answers when all is well, and a problem document for each other status. */
export function described(
  schemas: { [status: number]: z.ZodType | { description: string; content: object } },
  problems: readonly AnswerCode[],
): { [status: number]: unknown } {
  const byStatus = new Map<number, AnswerCode[]>();
  for (const code of new Set([...problems, ...always]))
    byStatus.set(answers[code].status, [...(byStatus.get(answers[code].status) ?? []), code]);
  const described = [...byStatus].map(([status, codes]) => [status, problemsOf(status, codes)] as const);
  return { ...schemas, ...Object.fromEntries(described) };
}

function problemsOf(status: number, codes: AnswerCode[]) {
  const schema = z
    .object({
      title: z.string(),
      status: z.literal(status),
      code: z.enum(codes as [AnswerCode, ...AnswerCode[]]),
      detail: z.string(),
      requestId: z.string(),
      view: View.optional(),
      fields: z.array(z.object({ name: z.string(), code: z.string() })).optional(),
    })
    .meta({ examples: codes.map((code) => exampleOf(status, code)) });
  const description = codes.map((code) => `\`${code}\`: ${answers[code].detail}`).join('\n\n');
  return { description, content: { 'application/problem+json': { schema } } };
}

const exampleOf = (status: number, code: AnswerCode) => ({
  title: STATUS_CODES[status] ?? 'Error',
  status,
  code,
  detail: answers[code].detail,
  requestId: '2b9c4a52-4f0e-4c57-9a4b-0f5b8b1f3f6e',
});
