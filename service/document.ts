/** What is the same in every call of the OpenAPI document: its schemas can't say it. */
import type { SwaggerTransformObject } from '@fastify/swagger';
import { jsonSchemaTransformObject } from 'fastify-type-provider-zod';

interface Document {
  paths?: { [path: string]: { [method: string]: Operation } };
  components?: { schemas?: { [name: string]: object } };
}

interface Operation {
  requestBody?: { required?: boolean; content: { [type: string]: { schema: { required?: string[] } } } };
  responses: { [status: string]: { headers?: object } };
}

const text = { type: 'string' };
const requestId = { 'X-Request-Id': { description: 'Stands in the log, too.', required: true, schema: text } };
const retryAfter = {
  'Retry-After': {
    description: 'When to try again, in seconds.',
    required: true,
    schema: { type: 'integer', minimum: 0 },
  },
};
const authenticate = { 'WWW-Authenticate': { description: 'Bearer', required: true, schema: text } };
const ofStatus: { [status: string]: object } = { 401: authenticate, 429: retryAfter, 503: retryAfter };

/** The document, with the headers of answers, bodies that may be left out, and without schemas that nothing uses. */
export const completed: SwaggerTransformObject = (input) => {
  const document = jsonSchemaTransformObject(input) as Document;
  for (const operation of Object.values(document.paths ?? {}).flatMap((methods) => Object.values(methods))) {
    for (const [status, response] of Object.entries(operation.responses))
      response.headers = { ...requestId, ...ofStatus[status] };
    const { requestBody } = operation;
    if (requestBody) requestBody.required = Object.values(requestBody.content).some(needsSomething);
  }
  removeUnused(document);
  return document;
};

/** A call without a body says as much as one with an empty object. */
const needsSomething = ({ schema: { required = [] } }: { schema: { required?: string[] } }): boolean =>
  required.length > 0;

/** The schemas of answers stand there once more as those of requests: `ViewInput`. */
function removeUnused({ paths, components: { schemas = {} } = {} }: Document): void {
  const used = JSON.stringify(paths);
  for (const name of Object.keys(schemas))
    if (name.endsWith('Input') && !used.includes(`"#/components/schemas/${name}"`)) delete schemas[name];
}
