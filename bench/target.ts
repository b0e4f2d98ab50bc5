/** A receiver of events for the bench. The receiver answers 204 at once, refuses, or never answers. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventTypes, type EventType } from '../workflows/events';

/** The name of the target, for `notify`. */
export const TARGET = 'bench';

export type TargetAnswer = 'takes' | 'refuses' | 'hangs';

export interface Target {
  /** The environment variables of a worker with this target. */
  workerEnv: { WEBHOOKS: string };
  /** The environment variables of a worker that sends all events of all flows to this receiver. */
  allEventsEnv: { WEBHOOK_URL: string; WEBHOOK_SECRETS: string };
  /** The number of events that the receiver has got. An event that is posted twice counts once. */
  received(): number;
  answers(answer: TargetAnswer): void;
  close(): Promise<void>;
}

/** Starts the receiver on a free port of loopback. `types`: the types of events that it gets; by default all. */
export async function startTarget(types: readonly EventType[] = eventTypes): Promise<Target> {
  const received = new Set<unknown>();
  let how: TargetAnswer = 'takes';
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      received.add(request.headers['webhook-id']);
      if (how !== 'hangs') response.writeHead(how === 'takes' ? 204 : 500).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-bench-target-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true })); // removes the folder even after Ctrl-C
  const file = join(folder, 'webhooks.yaml');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  writeFileSync(file, JSON.stringify({ [TARGET]: { url, secrets: [secret], types } })); // JSON is YAML
  return {
    workerEnv: { WEBHOOKS: file },
    allEventsEnv: { WEBHOOK_URL: url, WEBHOOK_SECRETS: secret },
    received: () => received.size,
    answers: (answer) => void (how = answer),
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
