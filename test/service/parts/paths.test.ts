/** A service whose PUBLIC_URL has a path. Some proxies keep this path in the requests that they forward. */
import { startServerWithoutFlows } from './server';

test.each(['/onboarding', '/connect', '/v1', '/docs'])(
  'with the path %s in PUBLIC_URL, the service answers requests with and without the path',
  async (base) => {
    const service = await startServerWithoutFlows({ publicUrl: `https://connect.acme.example${base}` });
    const statusOf = async (path: string) => (await service.call('GET', path)).status;

    const paths = ['/connect', '/connect?a=b', '/connect/cyclr-connect.js', '/openapi.json', '/healthz'];
    const without = await Promise.all(paths.map(statusOf));
    const within = await Promise.all(paths.map((path) => statusOf(`${base}${path}`)));
    const unknown = await statusOf(`${base}/unknown`);
    await service.close();

    expect(without).toEqual(paths.map(() => 200));
    expect(within).toEqual(without);
    expect(unknown).toBe(404);
  },
);
