/** A receiver of events: a real HTTP server that verifies each post with the package `standardwebhooks`. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { EventBody } from '../../workflows/events';
import { eventually } from './eventually';

export interface Received {
  event: EventBody;
  headers: { [name: string]: string };
  text: string;
  at: number;
}

/** A function that answers one post. */
export type Answer = (response: ServerResponse, request: IncomingMessage) => void;

export interface Receiver {
  url: string;
  secret: string;
  /** All posts with a valid signature. */
  received: Received[];
  /** The message of the error for each post whose verification failed. */
  invalid: string[];
  /** Sets the answer to all later posts. Without an argument, the answer is 204. */
  answers(answer?: Answer): void;
  /** The received bodies of a workflow, without repetitions, in the order of `sequence`. */
  eventsOf(workflowId: string): EventBody[];
  /** Waits until the receiver has events of these types for the workflow, in the order of `sequence`. */
  gets(workflowId: string, types: string[]): Promise<EventBody[]>;
  close(): Promise<void>;
}

export const createSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;
export const status =
  (code: number, headers: { [name: string]: string } = {}): Answer =>
  (response) =>
    void response.writeHead(code, headers).end('not for the history');

export async function startReceiver(): Promise<Receiver> {
  const secret = createSecret();
  const webhook = new Webhook(secret);
  const received: Received[] = [];
  const invalid: string[] = [];
  let answer = status(204);
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const headers = request.headers as { [name: string]: string };
    try {
      received.push({ event: webhook.verify(text, headers) as EventBody, headers, text, at: Date.now() });
    } catch (err) {
      invalid.push((err as Error).message);
    }
    answer(response, request);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const eventsOf = (workflowId: string) => {
    const events = received.map(({ event }) => event).filter(({ data }) => data.workflowId === workflowId);
    const byId = new Map(events.map((event) => [event.data.id, event]));
    return [...byId.values()].sort((one, other) => (one.data.sequence ?? Infinity) - (other.data.sequence ?? Infinity));
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/events?token=secret-of-the-path`,
    secret,
    received,
    invalid,
    answers: (next = status(204)) => void (answer = next),
    eventsOf,
    gets: (workflowId, types) =>
      eventually(
        () => eventsOf(workflowId),
        (events) => events.map(({ type }) => type).join() === types.join(),
      ),
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
