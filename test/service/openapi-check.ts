/** Whether what goes over the wire is as the OpenAPI document says. */
import Ajv2020 from 'ajv/dist/2020';
import type { Exchange } from './wire';

interface Content {
  [type: string]: { schema: object };
}

export interface Operation {
  summary: string;
  security: { [scheme: string]: unknown }[];
  parameters?: { in: 'path' | 'query' | 'header'; name: string; required?: boolean; schema: object }[];
  requestBody?: { required?: boolean; content: Content };
  responses: { [status: string]: { description: string; content: Content; headers?: { [name: string]: object } } };
}

export interface OpenApi {
  openapi: string;
  servers: { url: string }[];
  paths: { [path: string]: { [method: string]: Operation } };
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

export interface Verdict {
  /** The operation's name; undefined where there is none for it. */
  operation?: string;
  /** What is not as described, in words. */
  wrong: string[];
}

const IS_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
/** What every client of HTTP sends. */
const ofHttp =
  /^(accept|accept-encoding|accept-language|authorization|connection|content-length|content-type|host|sec-fetch-mode|user-agent)$/;

export function createJudge(document: OpenApi): (exchange: Exchange) => Verdict {
  const settings = { strict: false, formats: { 'date-time': IS_TIME } };
  const ofJson = new Ajv2020(settings).addSchema(document, 'document');
  const ofText = new Ajv2020({ ...settings, coerceTypes: true }).addSchema(document, 'document');
  const operations = [...operationsOf(document)].map(([name, operation]) => ({ name, operation, ...patternOf(name) }));

  /** A schema of the document, whose references lead into the document. */
  const wrongWith = (at: string, schema: object, value: unknown, ajv = ofJson): string[] => {
    const validate = ajv.compile(pointingInto(schema));
    return validate(value) ? [] : validate.errors!.map((error) => `${at}${error.instancePath} ${error.message}`);
  };
  const wrongWithRequest = ({ parameters = [], requestBody }: Operation, params: Given, { sent }: Exchange) => [
    ...params.flatMap(([kind, name, value]) => {
      const described = parameters.find((parameter) => parameter.in === kind && parameter.name === name);
      return described
        ? wrongWith(`${kind} ${name}`, described.schema, value, ofText)
        : [`${kind} ${name} is not described`];
    }),
    ...wrongWithBody(sent.body, sent.headers, requestBody?.content, requestBody?.required ?? false, 'the request'),
  ];
  const wrongWithBody = (body: string, headers: Headers, content: Content | undefined, must: boolean, at: string) => {
    if (body === '') return must ? [`${at} has no body`] : [];
    const type = (headers.get('content-type') ?? 'none').split(';')[0]!;
    const described = content?.[type];
    return described ? wrongWith(at, described.schema, JSON.parse(body)) : [`${at} is of the type ${type}`];
  };
  const wrongWithAnswer = ({ responses }: Operation, { answer: { status, headers, body } }: Exchange) => {
    const described = responses[status];
    if (!described) return [`status ${status} is not described`];
    const missing = Object.keys(described.headers ?? {}).filter((name) => !headers.has(name));
    return [
      ...missing.map((name) => `the answer has no ${name}`),
      ...wrongWithBody(body, headers, described.content, true, `the answer ${status}`),
    ];
  };

  return (exchange) => {
    const { pathname, searchParams } = new URL(exchange.path, 'http://service');
    const found = operations.find(({ method, pattern }) => method === exchange.method && pattern.test(pathname));
    if (!found) return { wrong: [`${exchange.method} ${pathname} is not described`] };
    const groups = Object.entries(found.pattern.exec(pathname)?.groups ?? {});
    const params: Given = [
      ...groups.map(([name, value]) => ['path', name, decodeURIComponent(value)] as const),
      ...[...searchParams].map(([name, value]) => ['query', name, value] as const),
      ...[...exchange.sent.headers]
        .filter(([name]) => !ofHttp.test(name))
        .map(([name, value]) => ['header', name, value] as const),
    ];
    const wrong = [
      ...wrongWithRequest(found.operation, params, exchange),
      ...wrongWithAnswer(found.operation, exchange),
    ];
    return { operation: found.name, wrong };
  };
}

type Given = (readonly ['path' | 'query' | 'header', string, string])[];

function patternOf(name: string): { method: string; pattern: RegExp } {
  const [method = '', path = ''] = name.split(' ');
  return { method, pattern: new RegExp(`^${path.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`) };
}

const pointingInto = (schema: object): object =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"document#/components/')) as object;
