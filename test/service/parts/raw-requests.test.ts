/** Requests that Node's HTTP parser or Fastify's router refuses before a route runs, sent over a plain socket. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { eventually } from '../../support/eventually';
import { startServerWithoutFlows, type ServerWithoutFlows } from './server';

let service: ServerWithoutFlows;
beforeAll(async () => (service = await startServerWithoutFlows({ publicUrl: 'https://connect.acme.example' })));
afterAll(() => service.close());

/** Sends a text, keeps the connection open, and returns the answer after the service closes the connection. */
async function send(text: string): Promise<{ status: number; headers: Headers; body: string }> {
  const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => undefined);
  socket.write(text);
  await once(socket, 'close');
  const [head = '', body = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const headers = new Headers(lines.map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]));
  return { status: Number(first.split(' ')[1]), headers, body };
}

const SECURITY = [
  'cache-control',
  'content-security-policy',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'origin-agent-cluster',
  'referrer-policy',
  'strict-transport-security',
  'x-content-type-options',
  'x-dns-prefetch-control',
  'x-download-options',
  'x-frame-options',
  'x-permitted-cross-domain-policies',
  'x-xss-protection',
];
const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}Connection: close\r\n\r\n`;
const post = (more: string) => `POST /v1/sessions HTTP/1.1\r\nHost: a\r\n${more}`;

async function expectProblem(sent: string, status: number, code: string): Promise<void> {
  const answer = await send(sent);

  expect(answer.status).toBe(status);
  expect(SECURITY.filter((name) => !answer.headers.has(name))).toEqual([]);
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  const document = JSON.parse(answer.body) as { requestId: string };
  expect(document).toMatchObject({ status, code, detail: expect.any(String) });
  expect(answer.headers.get('x-request-id')).toBe(document.requestId);
  await eventually(
    () => service.log.join(''),
    (log) => log.includes(document.requestId),
  );
}

test.each([
  ['a broken escape in the path', get('/v1/%zz'), 404, 'notFound'],
  ['a broken escape below an account', get('/v1/accounts/%E0%A4/connectors/1'), 404, 'notFound'],
  ['a path part of 1,300 characters', get(`/v1/accounts/${'a'.repeat(1300)}/connectors/1`), 404, 'notFound'],
  ['an unknown path', get('/v1/nothing'), 404, 'notFound'],
  ['another method', get('/v1/sessions'), 405, 'methodNotAllowed'],
  ['a first line that is not HTTP', 'hello\r\n\r\n', 400, 'malformed'],
  ['an unknown method', 'HELLO / HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'malformed'],
  ['a header with a line break inside', get('/v1/session', 'A: b\rc\r\n'), 400, 'malformed'],
  ['two lengths of the body', post('Content-Length: 1\r\nContent-Length: 2\r\n\r\n'), 400, 'malformed'],
  ['no header Host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'malformed'],
  ['headers over 16 KiB', get('/healthz', `A: ${'a'.repeat(20_000)}\r\n`), 431, 'tooLarge'],
  ['an unknown expectation', get('/v1/nothing', 'Expect: the-unexpected\r\n'), 404, 'notFound'],
])(
  'the answer to a request with %s is a problem document with security headers and a logged request id',
  (_name, sent, status, code) => expectProblem(sent, status, code),
);

test('a request whose headers or body take over 30 s is answered with 408 requestTimeout, and a connection without a request closes without an answer', async () => {
  const begin = Date.now();

  await Promise.all([
    send('').then((answer) => expect(answer.body).toBe('')),
    expectProblem('GET /healthz HTTP/1.1\r\nHost: a\r\nA: ', 408, 'requestTimeout'),
    expectProblem(
      post('Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{').replace('/v1/sessions', '/connect/go'),
      408,
      'requestTimeout',
    ),
  ]);

  const seconds = (Date.now() - begin) / 1000;
  // The log lines of these answers do not name the route.
  expect(service.log.filter((line) => line.includes('/connect/go'))).toEqual([]);
  expect(seconds).toBeGreaterThan(25);
  expect(seconds).toBeLessThan(60); // with Node's defaults the connections would close after 60 and 90 s
}, 120_000);
