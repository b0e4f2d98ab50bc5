/** Checks requests and answers against the OpenAPI document. */
import Ajv2020 from 'ajv/dist/2020';
import type { EventBody } from '../../workflows/events';
import type { Exchange } from './recording-proxy';

interface Content {
  [type: string]: { schema: object };
}

export interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  security: { [scheme: string]: unknown }[];
  parameters?: { in: 'path' | 'query' | 'header'; name: string; required?: boolean; schema: object }[];
  requestBody?: { required?: boolean; content: Content };
  responses: { [status: string]: { description: string; content: Content; headers?: { [name: string]: object } } };
}

export interface OpenApi {
  openapi: string;
  info: { version: string };
  tags: { name: string; description?: string }[];
  servers: { url: string }[];
  paths: { [path: string]: { [method: string]: Operation } };
  webhooks: { [type: string]: { post: { requestBody: { content: Content } } } };
  components: { schemas: { [name: string]: object } };
}

/** Every operation by its name, such as `GET /v1/session`. */
export const operationsOf = ({ paths }: OpenApi): Map<string, Operation> =>
  new Map(
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]): [string, Operation] => [
        `${method.toUpperCase()} ${path}`,
        operation,
      ]),
    ),
  );

export interface CheckResult {
  /** The name of the operation. Undefined if the document describes no operation for the request. */
  operation?: string;
  /** One text for each difference between the request with its answer and the OpenAPI document. */
  faults: string[];
}

const IS_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
/** Headers that every HTTP client sends. The OpenAPI document need not describe these headers. */
const ofHttp =
  /^(accept|accept-encoding|accept-language|authorization|connection|content-length|content-type|host|sec-fetch-mode|user-agent)$/;

const settings = { strict: false, formats: { 'date-time': IS_TIME } };

/** Returns the differences between an event body and the document's schema for this type of events. */
export function faultsOfEvent(document: OpenApi, body: EventBody): string[] {
  const ajv = new Ajv2020(settings).addSchema(document, 'document');
  const { schema } = document.webhooks[body.type]!.post.requestBody.content['application/json']!;
  const validate = ajv.compile(withFullReferences(schema));
  return validate(body) ? [] : validate.errors!.map((error) => `${error.instancePath} ${error.message}`);
}

export function createOpenApiCheck(document: OpenApi): (exchange: Exchange) => CheckResult {
  const ofJson = new Ajv2020(settings).addSchema(document, 'document');
  const ofText = new Ajv2020({ ...settings, coerceTypes: true }).addSchema(document, 'document');
  const operations = [...operationsOf(document)].map(([name, operation]) => ({ name, operation, ...patternOf(name) }));

  const faultsOf = (at: string, schema: object, value: unknown, ajv = ofJson): string[] => {
    const validate = ajv.compile(withFullReferences(schema));
    return validate(value) ? [] : validate.errors!.map((error) => `${at}${error.instancePath} ${error.message}`);
  };
  const faultsOfRequest = ({ parameters = [], requestBody }: Operation, params: Given, { sent }: Exchange) => [
    ...params.flatMap(([kind, name, value]) => {
      const described = parameters.find((parameter) => parameter.in === kind && parameter.name === name);
      return described
        ? faultsOf(`${kind} ${name}`, described.schema, value, ofText)
        : [`${kind} ${name} is not in the document`];
    }),
    ...faultsOfBody(sent.body, sent.headers, requestBody?.content, requestBody?.required ?? false, 'the request'),
  ];
  const faultsOfBody = (body: string, headers: Headers, content: Content | undefined, must: boolean, at: string) => {
    if (body === '') return must ? [`${at} has no body`] : [];
    const type = (headers.get('content-type') ?? 'none').split(';')[0]!;
    const described = content?.[type];
    if (!described) return [`${at} has the type ${type}, which is not in the document`];
    const values = type === 'application/x-ndjson' ? body.trimEnd().split('\n') : [body];
    return values.flatMap((value) => faultsOf(at, described.schema, JSON.parse(value)));
  };
  const faultsOfAnswer = ({ responses }: Operation, { answer: { status, headers, body } }: Exchange) => {
    const described = responses[status];
    if (!described) return [`status ${status} is not in the document`];
    const missing = Object.keys(described.headers ?? {}).filter((name) => !headers.has(name));
    return [
      ...missing.map((name) => `the answer has no header ${name}`),
      ...faultsOfBody(body, headers, described.content, true, `the answer ${status}`),
    ];
  };

  return (exchange) => {
    const { pathname, searchParams } = new URL(exchange.path, 'http://service');
    const found = operations.find(({ method, pattern }) => method === exchange.method && pattern.test(pathname));
    if (!found) return { faults: [`${exchange.method} ${pathname} is not in the document`] };
    const groups = Object.entries(found.pattern.exec(pathname)?.groups ?? {});
    const params: Given = [
      ...groups.map(([name, value]) => ['path', name, decodeURIComponent(value)] as const),
      ...[...searchParams].map(([name, value]) => ['query', name, value] as const),
      ...[...exchange.sent.headers]
        .filter(([name]) => !ofHttp.test(name))
        .map(([name, value]) => ['header', name, value] as const),
    ];
    const faults = [
      ...faultsOfRequest(found.operation, params, exchange),
      ...faultsOfAnswer(found.operation, exchange),
    ];
    return { operation: found.name, faults };
  };
}

type Given = (readonly ['path' | 'query' | 'header', string, string])[];

function patternOf(name: string): { method: string; pattern: RegExp } {
  const [method = '', path = ''] = name.split(' ');
  return { method, pattern: new RegExp(`^${path.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`) };
}

/** Returns the schema with the name of the document in each reference, so that ajv finds the referenced schemas. */
const withFullReferences = (schema: object): object =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"document#/components/')) as object;
