/** Workers are killed one after the other, wherever their flows are just then. */
import { setTimeout as delay } from 'node:timers/promises';
import { reconciled } from './books';
import { openScene, type Scene } from './scene';
import type { User } from './user';

const KILLS = 20;
/** One flow is begun with every second worker. */
const connectors = Array.from({ length: KILLS / 2 }, (_, index) => ['Fernhill', 'Quartz', 'Ledgerly'][index % 3]!);

let scene: Scene;
const users: User[] = [];

beforeAll(async () => {
  scene = await openScene();
  for (let kill = 0; kill < KILLS; kill++) {
    const worker = await scene.startWorker();
    if (kill % 2 === 0) begins(connectors[kill / 2]!);
    await delay(100 * (1 + ((kill * 7) % 10))); // each lives between a tenth of a second and one
    await worker.ends();
  }
  await scene.startWorker();
});

function begins(connector: string): void {
  const user = scene.user(connector);
  users.push(user);
  void user.walks();
}

afterAll(() => scene?.close());

test.each(connectors.map((connector, index) => [connector, index] as const))('%s (%#)', async (_connector, index) => {
  await users[index]!.walk;

  await reconciled(users[index]!);
});
