/** A receiver of events on this machine, to try events. The receiver verifies each post. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { verify } from '../client/http/verify';
import type { EventBody } from '../workflows/events';

const MAX_BODY_BYTES = 2 * 1024 * 1024; // Temporal limits the size of an event to 2 MiB

export interface ReceiverOptions {
  /** The port on 127.0.0.1. 0 means any free port. */
  port: number;
  secrets: readonly string[];
  /** Called for each post with a valid signature. */
  received: (event: EventBody) => void;
  /** Called for each post without a valid signature. The receiver answers such a post with 401. */
  refused?: () => void;
}

/** Makes a secret with which events are signed. */
export const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

/** Starts a receiver. Fails if the port is taken. */
export async function startEventReceiver({
  port,
  ...options
}: ReceiverOptions): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const ignoreBroken = () => undefined; // the sender has closed the connection before the end of the body
    void statusFor(request, options).then((status) => response.writeHead(status).end(), ignoreBroken);
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

async function statusFor(
  request: IncomingMessage,
  { secrets, received, refused = () => undefined }: Omit<ReceiverOptions, 'port'>,
): Promise<number> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return 413;
    chunks.push(chunk);
  }
  try {
    received(verify(request.headers, Buffer.concat(chunks), secrets));
    return 204;
  } catch {
    refused();
    return 401;
  }
}
