/** Receives the events of the workers, behind a proxy that a disturbance can cut. */
import { isDeepStrictEqual } from 'node:util';
import { newSecret, startEventReceiver } from '../../cli/event-receiver';
import type { EventBody } from '../../workflows/events';
import { startProxy, type Proxy } from './proxy';

export interface EventLog {
  /** The received events by id. An event that was received twice is here once. */
  events: ReadonlyMap<string, EventBody>;
  /**
   * One text for each post without a valid signature, and for each repeated post whose body differs from the body of
   * the first post.
   */
  faults: string[];
  /** The environment variables with which a worker sends its events to this receiver. */
  workerEnv: { WEBHOOK_URL: string; WEBHOOK_SECRETS: string };
  /** The proxy between the workers and the receiver. */
  proxy: Proxy;
  close(): Promise<void>;
}

export async function startEventLog(): Promise<EventLog> {
  const secret = newSecret();
  const events = new Map<string, EventBody>();
  const faults: string[] = [];
  const received = (event: EventBody) => {
    const { id } = event.data;
    if (!isDeepStrictEqual(events.get(id) ?? event, event)) faults.push(`the event ${id} was sent with two bodies`);
    events.set(id, event);
  };
  const refused = () => void faults.push('a post has no valid signature');
  const { url, server } = await startEventReceiver({ port: 0, secrets: [secret], received, refused });
  const proxy = await startProxy(new URL(url).host);
  return {
    ...{ events, faults, proxy },
    workerEnv: { WEBHOOK_URL: `http://${proxy.address}/`, WEBHOOK_SECRETS: secret },
    async close() {
      await proxy.close();
      server.close().closeAllConnections();
    },
  };
}
