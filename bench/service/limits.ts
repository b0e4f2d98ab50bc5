/** Fills the rate limits of a service, because their memory grows until each limit has its highest number of callers. */
import { randomUUID } from 'node:crypto';
import { each } from '../../scripts/each';
import { Tokens } from '../../service/tokens';
import type { BenchService } from '../stack';

/**
 * Each limit keeps 5,000 callers (`@fastify/rate-limit` 11). A new caller then replaces the oldest caller. The map that
 * holds the callers grows a last time after about 8,200 callers.
 */
const CALLERS = 10_000;
const IN_FLIGHT = 20;

/**
 * Opens the event streams of sessions, and returns from consents: each time as a new caller. The service refuses these
 * calls after it has counted them, because the onboarding of the sessions and the flow of the consents do not exist.
 */
export async function fillLimits({ url, sessionKeys }: BenchService): Promise<void> {
  const tokens = new Tokens({ keys: sessionKeys, publicUrl: url });
  const accountId = 'limits';
  const session = { accountId, connectorIds: [], onboardingId: 'none', language: 'en' };
  await each(Array(CALLERS).fill(undefined), IN_FLIGHT, async () => {
    const { token } = await tokens.mint('session', session);
    await expectStatus(404, fetch(`${url}/v1/session/events`, { headers: { Authorization: `Bearer ${token}` } }));
    const attempt = await tokens.attempt({ accountId, connectorId: 1, attemptId: randomUUID(), by: 'bench' });
    await expectStatus(404, fetch(`${url}/connect/return?attempt=${attempt}`));
  });
}

async function expectStatus(expected: number, answer: Promise<Response>): Promise<void> {
  const response = await answer;
  const text = await response.text();
  if (response.status !== expected) throw new Error(`${response.url}: status ${response.status}: ${text}`);
}
