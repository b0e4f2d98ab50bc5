/** Fills the rate limits of a service, because their memory grows until each limit has its highest number of callers. */
import { randomUUID } from 'node:crypto';
import { each } from '../../scripts/each';
import { Tokens } from '../../service/tokens';
import type { BenchService } from '../stack';

/** Each limit keeps this number of callers (`@fastify/rate-limit` 11). A new caller then replaces the oldest caller. */
const CALLERS = 5_000;
const IN_FLIGHT = 20;

/**
 * Calls the service as the user of 5,000 sessions, and returns from 5,000 consents. The flows of these consents do not
 * exist, so no call reaches a worker.
 */
export async function fillLimits({ url, sessionKeys }: BenchService): Promise<void> {
  const tokens = new Tokens({ keys: sessionKeys, publicUrl: url });
  const [accountId, connectorId] = ['limits', 1];
  await each(Array(CALLERS).fill(undefined), IN_FLIGHT, async () => {
    const { token } = await tokens.mint('session', { accountId, connectorIds: [connectorId], language: 'en' });
    const headers = { Authorization: `Bearer ${token}` };
    await expectStatus(200, fetch(`${url}/v1/session/renew`, { method: 'POST', headers }));
    const attempt = await tokens.attempt({ accountId, connectorId, attemptId: randomUUID(), by: 'bench' });
    await expectStatus(404, fetch(`${url}/connect/return?attempt=${attempt}`));
  });
}

async function expectStatus(expected: number, answer: Promise<Response>): Promise<void> {
  const response = await answer;
  const text = await response.text();
  if (response.status !== expected) throw new Error(`${response.url}: status ${response.status}: ${text}`);
}
