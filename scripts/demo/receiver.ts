/** The receiver of the demo's events. The receiver verifies each post, and stores the final events. */
import { setTimeout as delay } from 'node:timers/promises';
import { newSecret, startEventReceiver } from '../../cli/event-receiver';
import { isFinalType, type EventBody, type EventType } from '../../workflows/events';
import { waitFor } from './wait';

export interface Receiver {
  /** The environment variables with which the worker sends its events to this receiver. */
  workerEnv: { WEBHOOK_URL: string; WEBHOOK_SECRETS: string };
  /**
   * Waits until `count` runs have sent their final event, at most for a minute. Returns the type of the final event of
   * each run.
   */
  finals(count: number): Promise<Map<string, string>>;
  /** Waits for an event of this type. Fails if no such event comes. */
  event(type: EventType): Promise<EventBody>;
  close(): void;
}

const WITHIN_MS = 60_000;

/** Starts the receiver on a free port of loopback. `received` is called once for each event. */
export async function startReceiver(received: (event: EventBody) => void): Promise<Receiver> {
  const secret = newSecret();
  const [seen, finals] = [new Map<string, EventBody>(), new Map<string, string>()];
  const take = (event: EventBody) => {
    if (seen.has(event.data.id)) return; // the worker can repeat a post, always with the same event id
    seen.set(event.data.id, event);
    if (isFinalType(event.type)) finals.set(event.data.runId, event.type);
    received(event);
  };
  const { url, server } = await startEventReceiver({ port: 0, secrets: [secret], received: take });
  return {
    workerEnv: { WEBHOOK_URL: `${url}/`, WEBHOOK_SECRETS: secret },
    async finals(count) {
      for (const deadline = Date.now() + WITHIN_MS; finals.size < count && Date.now() < deadline;) await delay(100);
      return finals;
    },
    event: (type) =>
      waitFor(`No event ${type} was received.`, () => [...seen.values()].find((event) => event.type === type)),
    close: () => void server.close().closeAllConnections(),
  };
}
