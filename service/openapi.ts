/** The OpenAPI document of the service, made from the schemas that check its requests. */
import type { SwaggerOptions, SwaggerTransformObject } from '@fastify/swagger';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { existsSync, readFileSync } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import { join } from 'node:path';
import { z } from 'zod';
import { View } from '../client/http/answers';
import { State } from '../client/http/requests';
import { webhooksOf } from './webhooks';
import { answers, codeOf, type ErrorKind } from './problems';

/** package.json is two folders above the compiled service, and one folder above the source, which the tests run. */
const packageFile = ['../..', '..'].map((up) => join(__dirname, up, 'package.json')).find((file) => existsSync(file))!;
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };

/** The groups of calls in the OpenAPI document. */
const tags = {
  sessions: 'For backends: links to the connect page.',
  connectors: 'For backends: the flow of one connector.',
  flows: 'For backends: flows of all accounts.',
  connections: 'For backends: whether integrations may run, and monitoring.',
  onboardings: 'For backends: whole accounts and cycles.',
  events: 'For backends: signed events, and their deliveries.',
  session: 'For browsers, with the token of a session.',
};

/** The operation id and the tag of a call. */
export const named = (tag: keyof typeof tags, operationId: string) => ({ operationId, tags: [tag] });

export const openApiOptions = (publicUrl: string): SwaggerOptions => ({
  openapi: {
    openapi: '3.1.0',
    info: { title: 'cyclr-connect onboarding service', version },
    servers: [{ url: publicUrl }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    components: {
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'bearer', description: 'An API key of your backend.' },
        session: { type: 'http', scheme: 'bearer', description: 'The token of a session.' },
        invitation: { type: 'http', scheme: 'bearer', description: 'The token of an invitation.' },
      },
    },
  },
  transform: jsonSchemaTransform,
  transformObject: completed,
});

/** Problem codes that several calls share. */
export const codes = {
  caller: ['unauthorized', 'rateLimited'],
  session: ['unauthorized', 'tokenExpired', 'originNotAllowed', 'rateLimited'],
  body: ['brokenJson', 'requestTimeout', 'tooLarge', 'unsupportedMediaType', 'malformed'],
  flow: ['notFound', 'noWorker', 'paused', 'temporalUnavailable'],
  input: ['notNow', 'closed'],
} as const satisfies { [group: string]: readonly ErrorKind[] };

/**
 * The responses of a call in the OpenAPI document. `success`: the answers of a successful call. `problems`: the errors
 * of the call. Errors with the same status become one response.
 */
export function responsesOf(
  success: { [status: number]: Success },
  problems: readonly ErrorKind[],
): { [status: number]: unknown } {
  const byStatus = new Map<number, ErrorKind[]>();
  for (const kind of new Set<ErrorKind>([...problems, 'unexpected']))
    byStatus.set(answers[kind].status, [...(byStatus.get(answers[kind].status) ?? []), kind]);
  const answered = Object.entries(success).map(([status, answer]) => [status, successResponse(answer)] as const);
  const refused = [...byStatus].map(([status, kinds]) => [status, problemResponse(status, kinds)] as const);
  return Object.fromEntries([...answered, ...refused]);
}

type Success = z.ZodType | { description: string; content: object };

const successResponse = (answer: Success) =>
  answer instanceof z.ZodType
    ? {
        description: z.globalRegistry.get(answer)?.description,
        content: { 'application/json': { schema: answer } },
      }
    : answer;

function problemResponse(status: number, kinds: ErrorKind[]) {
  const schema = z
    .object({
      title: z.string(),
      status: z.literal(status),
      code: z.enum(kinds.map(codeOf)),
      detail: z.string(),
      requestId: z.string(),
      view: View.optional(),
      fields: z.array(z.object({ name: z.string(), code: z.string() })).optional(),
      state: State.optional(),
    })
    .meta({ examples: kinds.map((kind) => exampleOf(status, kind)) });
  const description = kinds.map((kind) => `\`${codeOf(kind)}\`: ${answers[kind].detail}`).join('\n\n');
  return { description, content: { 'application/problem+json': { schema } } };
}

const exampleOf = (status: number, kind: ErrorKind) => ({
  title: STATUS_CODES[status] ?? 'Error',
  status,
  code: codeOf(kind),
  detail: answers[kind].detail,
  requestId: '2b9c4a52-4f0e-4c57-9a4b-0f5b8b1f3f6e',
});

interface Document {
  paths?: { [path: string]: { [method: string]: Operation } };
  components?: { schemas?: { [name: string]: object } };
  webhooks?: object;
}

interface BodySchema {
  required?: string[];
  minProperties?: number;
}

interface Operation {
  requestBody?: { required?: boolean; content: { [type: string]: { schema: BodySchema } } };
  responses: { [status: string]: { headers?: object } };
}

const text = { type: 'string' };
const requestId = {
  'X-Request-Id': { description: 'The id of the request. The log has the same id.', required: true, schema: text },
};
const retryAfter = {
  'Retry-After': {
    description: 'Seconds to wait before the next try.',
    required: true,
    schema: { type: 'integer', minimum: 0 },
  },
};
const authenticate = { 'WWW-Authenticate': { description: 'Bearer', required: true, schema: text } };
const headersOf: { [status: string]: object } = { 401: authenticate, 429: retryAfter, 503: retryAfter };

/**
 * Adds to the document what the schemas of routes can't express: the webhooks, the headers of answers, and optional
 * bodies. A body is optional if it has no required member.
 */
const completed: SwaggerTransformObject = (input) => {
  const document = jsonSchemaTransformObject(input) as Document;
  for (const operation of Object.values(document.paths ?? {}).flatMap((methods) => Object.values(methods))) {
    for (const [status, response] of Object.entries(operation.responses))
      response.headers = { ...requestId, ...headersOf[status] };
    const { requestBody } = operation;
    // A call without a body means the same as a call with an empty object (see allowNoBody).
    if (requestBody) requestBody.required = Object.values(requestBody.content).some(hasRequiredMember);
  }
  removeUnused(document);
  document.webhooks = webhooksOf(document.components?.schemas ?? {});
  return document;
};

const hasRequiredMember = ({ schema: { required = [], minProperties = 0 } }: { schema: BodySchema }): boolean =>
  required.length > 0 || minProperties > 0;

/**
 * Removes unused schemas: fastify-type-provider-zod adds each schema of an answer a second time, under a name such as
 * `ViewInput`.
 */
function removeUnused({ paths, components: { schemas = {} } = {} }: Document): void {
  const used = JSON.stringify(paths);
  for (const name of Object.keys(schemas))
    if (name.endsWith('Input') && !used.includes(`"#/components/schemas/${name}"`)) delete schemas[name];
}
