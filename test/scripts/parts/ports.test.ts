import { freePort } from '../../../scripts/local/ports';

test('freePort returns no port twice, although nobody listens on the ports that it returned', async () => {
  const ports = await Promise.all(Array.from({ length: 1000 }, () => freePort()));

  expect(new Set(ports).size).toBe(1000);
});
