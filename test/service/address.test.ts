/** The service behind a proxy, below a path of its own. */
import { openService, ORIGIN, type Service } from './scene';

const publicUrl = 'https://connect.acme.example/onboarding';
let service: Service;
beforeAll(async () => (service = await openService({ publicUrl })));
afterAll(() => service.close());

test.each(['', '/onboarding'])('a proxy may pass on the path, or take it off: %p', async (passedOn) => {
  const { accountId, connectorId } = service.stage.install('Openrates');

  const minted = await service.asBackend('POST', `${passedOn}/v1/sessions`, { accountId, connectorIds: [connectorId] });
  const { token } = minted.body;
  const session = await service.call('GET', `${passedOn}/v1/session?a=b`, { token });
  const page = await service.call('GET', `${passedOn}/connect`);

  expect(minted.body.url).toBe(`${publicUrl}/connect#session=${token}`);
  expect(session).toMatchObject({ status: 200, body: { accountId } });
  expect(page.status).toBe(200);
  expect(page.text).not.toMatch(/(src|href|action)="\//); // all is relative to where the page is
});

test('a path that only begins like it is another one', async () => {
  expect((await service.call('GET', '/onboardings/healthz')).status).toBe(404);
  expect((await service.call('GET', '/onboarding/healthz')).status).toBe(200);
});

test('behind https browsers are told to stay there, and its own origin is that of its address', async () => {
  const key = service.stage.install('Openrates');
  const token = await service.session(key);
  const from = (origin: string) => service.call('GET', '/v1/session', { token, headers: { Origin: origin } });

  const own = await from('https://connect.acme.example');

  expect(own.status).toBe(200);
  expect(own.headers.get('strict-transport-security')).toContain('max-age=15552000');
  expect([await from(service.url), await from(ORIGIN)].map(({ status }) => status)).toEqual([403, 403]);
  expect((await service.call('GET', '/openapi.json')).body.servers).toEqual([{ url: publicUrl }]);
});
