/** Compares our flow with a minimal workflow for a connector whose user consents at the third party (OAuth 2). */
import { randomUUID } from 'node:crypto';
import { ConnectorAuth } from '../client/connector-auth';
import { consentInBrowser } from '../sandbox/browser';
import { generateKey, privateKeysOf } from '../sealing/keys';
import { open } from '../sealing/seal';
import type { ConnectorKey } from '../workflows/connector';
import type { AuthorizationLink, AuthorizationRequest } from '../workflows/messages';
import { costRows, historyRows, type Comparison } from './comparison';
import { endOf, minimalTaskQueue, type ContenderName, type Execution } from './contenders';
import { install, timed } from './flows';
import { Follower } from './follower';
import { playSides, processesOf, type Side } from './rounds';
import type { Stack } from './stack';

/** A connector whose flow asks only for a consent. */
const CONNECTOR = 'Ledgerly';

/**
 * A connector, and a request for a link to its consent page. The bench makes the key pair of the request before it
 * measures, because in production the connect page makes the key pair.
 */
interface Part {
  key: ConnectorKey;
  request: AuthorizationRequest;
  privateKey: string;
}

type Start = (key: ConnectorKey) => Promise<Execution>;

/** Runs rounds of our flow and of the minimal workflow in turn. */
export async function compareConsent(
  stack: Stack,
  { rounds, flows }: { rounds: number; flows: number },
  say: (line: string) => void,
): Promise<Comparison[]> {
  const { client } = stack;
  const auth = new ConnectorAuth(client);
  const startMinimal: Start = async (key) => {
    const workflowId = `minimal-consent/${key.accountId}/${key.connectorId}`;
    const options = { taskQueue: minimalTaskQueue, workflowId, args: [key] };
    const { firstExecutionRunId } = await client.workflow.start('minimalConsent', options);
    return { workflowId, runId: firstExecutionRunId };
  };
  const sideOf = async (name: ContenderName, start: Start): Promise<Side<Part>> => ({
    ...processesOf(stack, (await stack.startWorker(name)).pid),
    prepare: (count) => prepare(stack, count),
    play: (part) => play(stack, start, part),
  });
  const sides = {
    ours: await sideOf('ours', (key) => auth.start(key)),
    minimal: await sideOf('minimal', startMinimal),
  };
  const played = await playSides(sides, { rounds, flows }, say);
  const names = ['Request to the link', 'Return of the browser to the end'] as const;
  return [{ headings: ['ours', 'minimal'], rows: [...costRows(played, { names }), ...historyRows(played)] }];
}

async function prepare(stack: Stack, count: number): Promise<Part[]> {
  const keys = await install(stack, Array<string>(count).fill(CONNECTOR));
  return Promise.all(
    keys.map(async (key) => {
      const pair = await generateKey();
      const { kty, crv, x, y } = pair;
      const request = { attemptId: randomUUID(), returnTo: 'http://127.0.0.1/', replyKey: { kty, crv, x, y } };
      return { key, request, privateKey: JSON.stringify({ keys: [pair] }) };
    }),
  );
}

/** Starts a flow, requests the link, consents as a browser does, and reports the return of the browser. */
async function play({ client, sandboxUrl }: Stack, start: Start, { key, request, privateKey }: Part) {
  const execution = await start(key);
  const flow = client.workflow.getHandle(execution.workflowId, execution.runId);
  const follower = new Follower(client, execution);
  await follower.reaches(1);
  let link: AuthorizationLink | undefined;
  const linkMs = await timed(async () => {
    link = await flow.executeUpdate<AuthorizationLink, [AuthorizationRequest]>('requestAuthorization', {
      args: [request],
      updateId: request.attemptId,
    });
  });
  const { attemptId } = request;
  const binding = { ...key, purpose: 'link', submissionId: attemptId } as const;
  const url = await open(link!.link, binding, await privateKeysOf(privateKey));
  await consentInBrowser(sandboxUrl, url, 'approve');
  const returnMs = await timed(async () => {
    await flow.signal('oauthCallback', { attemptId });
    await follower.reaches(3);
  });
  const check = async () => {
    const state = endOf(await flow.result());
    if (state !== 'authenticated') throw new Error(`${execution.workflowId} ended as ${state}`);
    const { historyLength, historySize = NaN } = await flow.describe();
    return { events: historyLength, bytes: historySize };
  };
  return { inputMs: [linkMs, returnMs] as [number, number], check };
}
