/** The connect page, its files, and the addresses of the service behind a proxy. */
import { ORIGIN } from '../server';
import { startServerWithoutFlows, type ServerWithoutFlows } from './server';

const scope = { accountId: 'acme', connectorIds: [1002], language: 'en' };

describe('a service at the root of its host', () => {
  let service: ServerWithoutFlows;
  beforeAll(async () => (service = await startServerWithoutFlows()));
  afterAll(() => service.close());

  test('the connect page runs only scripts of the service, and no site can frame the page', async () => {
    const shown = await service.call('GET', '/connect');
    const policy = shown.headers.get('content-security-policy') ?? '';

    expect(policy.split(';')).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "base-uri 'none'",
      ]),
    );
    expect(policy).not.toContain('unsafe');
    expect(shown.text.match(/<script[^>]*>/g)).toEqual([
      '<script type="module" src="connect/cyclr-connect.js">',
      '<script type="module" src="connect/page.js">',
    ]);
    expect(shown.text).not.toMatch(/ on\w+=|style=/);
    expect(shown.headers.get('x-frame-options')).toBe('DENY');
    expect(shown.headers.get('x-content-type-options')).toBe('nosniff');
    expect(shown.headers.get('strict-transport-security')).toBeNull(); // absent, because PUBLIC_URL begins with http:
  });

  test('before its script runs, the connect page already has its heading, in the language of the browser', async () => {
    const shown = await service.call('GET', '/connect', { headers: { 'Accept-Language': 'de' } });

    expect(shown.text).toMatch(
      /<cyclr-connect hosted>\s*<h1>Apps verbinden<\/h1>\s*<p class="card">Wird geladen …<\/p>/,
    );
    expect(shown.text).toContain('<title>Apps verbinden</title>');
  });

  test('GET and HEAD requests of pages start no flow and send no message to a flow', async () => {
    for (const method of ['GET', 'HEAD']) {
      expect((await service.call(method, '/connect')).status).toBe(200);
      expect((await service.call(method, '/connect/go')).status).toBe(405);
      expect((await service.call(method, '/v1/session/redeem')).status).toBe(405);
    }
    expect(service.called).toEqual([]);
  });

  test('the service sends the files of the page to every origin and compressed, and answers 304 if a file has not changed', async () => {
    const file = '/connect/cyclr-connect.js';
    const headers = { 'Accept-Encoding': 'gzip' };

    const plain = await service.call('GET', file, { headers: { 'Accept-Encoding': 'identity' } });
    const zipped = await service.call('GET', file, { headers });
    const etag = zipped.headers.get('etag')!;
    const again = await service.call('GET', file, { headers: { ...headers, 'If-None-Match': etag } });
    const style = await service.call('GET', '/connect/page.css', { headers: { 'If-None-Match': etag } });

    expect(plain.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(plain.headers.get('access-control-allow-origin')).toBe('*');
    expect(plain.headers.get('cross-origin-resource-policy')).toBe('cross-origin');
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(zipped.headers.get('content-encoding')).toBe('gzip');
    expect(zipped.headers.get('vary')).toContain('Accept-Encoding');
    expect(zipped.text).toBe(plain.text); // fetch decompresses the answer
    expect(Number(zipped.headers.get('content-length'))).toBeLessThan(plain.text.length / 2);
    expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag]);
    expect([style.status, style.headers.get('content-type')]).toEqual([200, 'text/css; charset=utf-8']);
  });

  test('the service does not list the files of a folder', async () => {
    expect((await service.call('GET', '/connect/')).status).toBe(404);
  });
});

describe('a service behind an https proxy, below a path', () => {
  const publicUrl = 'https://connect.acme.example/onboarding';
  let service: ServerWithoutFlows;
  beforeAll(async () => (service = await startServerWithoutFlows({ publicUrl })));
  afterAll(() => service.close());
  const token = async (more = {}) => (await service.tokens.mint('session', { ...scope, ...more })).token;

  test.each(['', '/onboarding'])(
    'the service answers a request with or without the path of PUBLIC_URL, because a proxy can keep or remove the path: %j',
    async (path) => {
      const session = await service.call('GET', `${path}/v1/session?a=b`, { token: await token() });
      const page = await service.call('GET', `${path}/connect`);
      const docs = await service.call('GET', `${path}/docs`);

      expect(session).toMatchObject({ status: 200, body: { accountId: 'acme' } });
      expect(page.status).toBe(200);
      expect(page.text).not.toMatch(/(src|href|action)="\//); // all URLs are relative to the page
      expect(docs.text).toContain('src="/onboarding/docs/static/swagger-ui-bundle.js"');
    },
  );

  test('a path such as /onboardings, which only begins like the path of PUBLIC_URL, gives 404', async () => {
    expect((await service.call('GET', '/onboardings/healthz')).status).toBe(404);
    expect((await service.call('GET', '/onboarding/healthz')).status).toBe(200);
  });

  test('the service takes its own origin from PUBLIC_URL, and tells browsers to stay on https', async () => {
    const session = await token();
    const from = (origin: string) =>
      service.call('GET', '/v1/session', { token: session, headers: { Origin: origin } });

    const own = await from('https://connect.acme.example');

    expect(own.status).toBe(200);
    expect(own.headers.get('strict-transport-security')).toContain('max-age=15552000');
    expect([await from(service.url), await from(ORIGIN)].map(({ status }) => status)).toEqual([403, 403]);
    expect((await service.call('GET', '/openapi.json')).body.servers).toEqual([{ url: publicUrl }]);
  });
});
