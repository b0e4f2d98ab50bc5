import { createServer, type IncomingHttpHeaders } from 'node:http';
import { CyclrClient } from '../../activities/cyclr/client';
import { startSandbox, type Sandbox } from '../../sandbox/server';
import {
  ACCOUNT,
  accountConnector,
  CONNECTOR,
  CYCLE,
  DEFINITION,
  documentedCalls,
  PROPERTY,
  type DocumentedCall,
} from './documented-calls';
import { cyclrError, listening, rejection, stopAll } from './scene';

afterEach(stopAll);

interface Received {
  method?: string;
  path?: string;
  headers: IncomingHttpHeaders;
  body: string;
}
type Answer = DocumentedCall['answer'];

const tokenAnswer = { access_token: 'the-token', token_type: 'bearer', expires_in: 1209599, clientId: 'our-id' };

/** Starts a server that gives `answers` in order, then repeats the last answer. Returns a client, and the requests. */
async function replaying(answers: Answer[]) {
  const received: Received[] = [];
  const left = [...answers];
  const apiUrl = await listening(
    createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (text: string) => (body += text));
      request.on('end', () => {
        received.push({ method: request.method, path: request.url, headers: request.headers, body });
        const token = { body: tokenAnswer };
        const answer: Answer =
          request.url === '/oauth/token' ? token : ((left.length > 1 ? left.shift() : left[0]) ?? {});
        const isText = typeof answer.body === 'string';
        response.writeHead(answer.status ?? 200, {
          'Content-Type': isText ? 'text/html' : 'application/json; charset=utf-8',
          ...answer.headers,
        });
        response.end(isText ? answer.body : JSON.stringify(answer.body));
      });
    }),
  );
  const cyclr = new CyclrClient({ apiUrl, clientId: 'our-id', clientSecret: 's&cret=ü', timeoutMs: 60_000 });
  return { cyclr, received };
}

describe('the requests of the client, and the documented answers', () => {
  test.each(documentedCalls)(
    '$name: the client sends the documented request and reads the documented answer',
    async (one) => {
      const { cyclr, received } = await replaying([one.answer]);

      const result = await one.call(cyclr);

      expect(result).toEqual(one.result);
      const [token, request, ...more] = received;
      expect(more).toEqual([]);
      expect(token).toMatchObject({ method: 'POST', path: '/oauth/token' });
      expect(request).toMatchObject({ method: one.request.method, path: one.request.path });
      expect(request!.headers.authorization).toBe('Bearer the-token');
      expect(request!.headers['x-cyclr-account']).toBe(one.ofPartner ? undefined : ACCOUNT);
      expect(request!.body).toBe(one.request.body === undefined ? '' : JSON.stringify(one.request.body));
      expect(request!.headers['content-type']).toBe(one.request.body === undefined ? undefined : 'application/json');
    },
  );

  test('the token request is a form with the client id and secret, without an account, and one token serves two calls', async () => {
    const [first] = documentedCalls;
    const { cyclr, received } = await replaying([first!.answer]);

    await first!.call(cyclr);
    await first!.call(cyclr);

    const [token, ...calls] = received;
    expect(calls.map(({ path }) => path)).toEqual([first!.request.path, first!.request.path]);
    expect(token!.headers['content-type']).toMatch(/^application\/x-www-form-urlencoded/);
    expect(token!.headers['x-cyclr-account']).toBeUndefined();
    expect(Object.fromEntries(new URLSearchParams(token!.body))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'our-id',
      client_secret: 's&cret=ü',
    });
  });

  test('the client reads the pages of the list of connectors up to the number in Total-Pages', async () => {
    const page = (Id: number) => ({ headers: { 'Total-Pages': '2' }, body: [{ ...accountConnector, Id }] });
    const { cyclr, received } = await replaying([page(1), page(2)]);

    const found = await cyclr.listConnectors({ accountId: ACCOUNT }, () => undefined);

    expect(found.map(({ Id }) => Id)).toEqual([1, 2]);
    expect(received.slice(1).map(({ path }) => path)).toEqual(
      [1, 2].map((number) => `/v1.0/account/connectors?page=${number}&pageSize=20`),
    );
  });
});

test('the client reads the options of a property by a call of the trigger', async () => {
  const { Connector, ...rest } = accountConnector;
  const [parameter] = Connector.Parameters;
  const Parameters = [{ ...parameter, TriggerName: 'List subdomains' }];
  const options = [{ Value: 'acme' }, { Value: 'acme-test' }];
  const { cyclr, received } = await replaying([
    { body: { ...rest, Connector: { ...Connector, Parameters } } },
    { body: options },
  ]);

  const { fields } = await cyclr.getAccountConnector({ accountId: ACCOUNT, connectorId: CONNECTOR });

  expect(fields).toMatchObject([{ name: 'Subdomain', options: ['acme', 'acme-test'] }]);
  expect(received.at(-1)).toMatchObject({
    method: 'POST',
    path: `/v1.0/account/connectors/${CONNECTOR}/triggers/7`,
    body: '{}',
  });
});

describe('documented errors', () => {
  const message = { Message: 'The request is invalid.' };
  test.each<[string, Answer, object]>([
    [
      'a refusal with ModelState',
      { status: 400, body: { ...message, ModelState: { authValue: ['Wrong.'] } } },
      cyclrError('refused'),
    ],
    [
      'a refusal with ExceptionMessage',
      { status: 400, body: { ...message, ExceptionMessage: 'Wrong.' } },
      cyclrError('refused'),
    ],
    ['a refusal in HTML', { status: 400, body: '<h1>Bad Request</h1>' }, cyclrError('refused')],
    ['a refusal without a body', { status: 400 }, cyclrError('refused')],
    ['an unknown account or an expired token', { status: 401, body: message }, cyclrError('unauthorized')],
    ['a restriction by IP address', { status: 403, body: message }, cyclrError('forbidden')],
    ['an unknown connector', { status: 404, body: message }, cyclrError('notFound')],
    [
      'a limit in seconds',
      { status: 429, headers: { 'Retry-After': '7' } },
      cyclrError('throttled', { retryAfterMs: 7000 }),
    ],
    ['an error page', { status: 500, body: '<h1>Server Error</h1>' }, cyclrError('unreachable')],
    ['an error in JSON', { status: 500, body: { Message: 'An error has occurred.' } }, cyclrError('unreachable')],
    ['a success without a readable body', { status: 200, body: '<h1>OK</h1>' }, cyclrError('unconfirmed')],
  ])(
    'if the answer to a PUT of the AuthValue reports %s, the error has the expected kind and quotes no text of Cyclr',
    async (_name, answer, expected) => {
      const { cyclr } = await replaying([answer]);

      const error = await rejection(cyclr.putAuthValue({ accountId: ACCOUNT, connectorId: CONNECTOR }, 'the-key'));

      expect(error).toMatchObject(expected);
      expect(error.message).toBe(
        answer.status === 200
          ? `PUT /v1.0/account/connectors/${CONNECTOR}: the answer can not be read (200, 11 characters)`
          : `PUT /v1.0/account/connectors/${CONNECTOR}: ${answer.status}`,
      );
    },
  );
});

/**
 * Returns the type of each member of a JSON value, by the path of the member. All items of a list have the same path.
 * Members that are null are left out.
 */
function shapeOf(value: unknown, path = ''): Map<string, string> {
  if (value === null || value === undefined) return new Map();
  if (Array.isArray(value))
    return new Map([[path, 'array'], ...value.flatMap((item) => [...shapeOf(item, `${path}[]`)])]);
  if (typeof value !== 'object') return new Map([[path, typeof value]]);
  return new Map([
    [path, 'object'],
    ...Object.entries(value).flatMap(([name, part]) => [...shapeOf(part, `${path}.${name}`)]),
  ]);
}

/** Returns the paths of all members, including members that are null. */
const namesIn = (value: unknown, path = ''): string[] => {
  if (Array.isArray(value)) return value.flatMap((item) => namesIn(item, `${path}[]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, part]) => [`${path}.${name}`, ...namesIn(part, `${path}.${name}`)]);
};

describe('the sandbox', () => {
  let sandbox: Sandbox;
  let inSandbox: (text: string) => string;

  beforeEach(async () => {
    sandbox = await startSandbox();
    const [installed] = sandbox.createAccount(ACCOUNT, { connectors: ['Kestrel'] });
    const Connector = { Parameters: accountConnector.Connector.Parameters };
    const Properties = [{ Name: 'Subdomain', Value: 'a-stored-value' }];
    const {
      Id,
      Properties: stored,
      Connector: definition,
    } = sandbox.update(ACCOUNT, installed!.id, { Connector, Properties });
    const cycle = sandbox.createCycle(ACCOUNT, [Id]);
    inSandbox = (path) =>
      path
        .replace(`connectors/${CONNECTOR}`, `connectors/${Id}`)
        .replace(`properties/${PROPERTY}`, `properties/${stored[0]!.Id}`)
        .replace(`connectors/${DEFINITION}`, `connectors/${definition.Id}`)
        .replace(CYCLE, cycle)
        .replace('/test/12', `/test/${definition.Id * 1000 + 1}`)
        .replace('/methods/who%2Fami', `/methods/whoami-${definition.Id}`);
  });
  afterEach(() => sandbox.close());

  test.each(documentedCalls)(
    '$name: the answer of the sandbox has the documented members with the documented types',
    async (one) => {
      sandbox.switches.methodCalls = 'forbidden';
      const form = {
        grant_type: 'client_credentials',
        client_id: sandbox.clientId,
        client_secret: sandbox.clientSecret,
      };
      const token = await fetch(`${sandbox.url}/oauth/token`, { method: 'POST', body: new URLSearchParams(form) });
      const granted = (await token.json()) as { access_token: string };

      const { method, path, body } = one.request;
      const answer = await fetch(sandbox.url + inSandbox(path), {
        method,
        headers: {
          Authorization: `Bearer ${granted.access_token}`,
          'Content-Type': 'application/json',
          ...(!one.ofPartner && { 'X-Cyclr-Account': ACCOUNT }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const given: unknown = await answer.json();

      expect(answer.status).toBe(one.answer.status ?? 200);
      for (const name of Object.keys(one.answer.headers ?? {})) expect(answer.headers.get(name)).toMatch(/^\d+$/);
      expect(Object.fromEntries(shapeOf(granted))).toEqual(Object.fromEntries(shapeOf(tokenAnswer)));
      const documented = shapeOf(one.answer.body);
      const both = [...shapeOf(given)].filter(([name]) => documented.has(name));
      expect(Object.fromEntries(both)).toEqual(Object.fromEntries(both.map(([name]) => [name, documented.get(name)])));
      const [known, names] = [new Set(namesIn(one.answer.body)), new Set(namesIn(given))];
      expect([...names].filter((name) => !known.has(name))).toEqual([]);
      expect([...known].filter((name) => !names.has(name))).toEqual(one.notInSandbox ?? []);
    },
  );
});
