import { freePort } from '../../../scripts/local/ports';

test('freePort returns no port twice, although no process listens on the ports that it returned', async () => {
  const ports = new Set<number>();
  for (let count = 0; count < 1000; count++) ports.add(await freePort());

  expect(ports.size).toBe(1000);
});
