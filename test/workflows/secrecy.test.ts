import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { temporal } from '@temporalio/proto';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import type { FaultRule } from '../../sandbox/fault-rule';
import type { Credentials, View } from '../../workflows/messages';
import { eventually } from '../support/eventually';
import { mark, marksIn } from '../support/marks';
import { openStage, type Scene, type Stage } from '../support/stage';

let stage: Stage;
beforeAll(async () => (stage = await openStage()), 60_000);
afterAll(() => stage.close());
jest.setTimeout(120_000);

/** Every secret of this run. */
const secrets: string[] = [];
const secret = (): string => {
  const made = mark();
  secrets.push(made);
  return made;
};

/** What Cyclr answers a PUT or POST that carries a secret with: the secret, in one form after the other. */
const forms = ['plain', 'json-escaped', 'base64', 'url-encoded', 'truncated', 'upper'] as const;
const troubles: FaultRule['then'][] = [
  ...forms.map((form) => ({ kind: 'echo400', form }) as const),
  'unauthenticated',
  'reset',
  'truncated',
  'html500',
  'unauthorized',
];

const attempt = async (call: () => Promise<View>): Promise<unknown> => call().catch((err: unknown) => err);

/** Gives secrets until they are taken: through each trouble first, then as they should be. */
async function throughTroubles(scene: Scene, give: (value: string) => Promise<View>): Promise<void> {
  for (const then of troubles) {
    stage.sandbox.fault({ match: { method: 'PUT', account: scene.key.accountId }, then });
    const view = await attempt(() => give(secret()));
    if ((view as View).state === 'authenticated') return;
  }
  await give(`wrong-${secret()}`);
  await give(secret());
}

const apiKey = async () => {
  const scene = await stage.scene('Brightdesk');
  await scene.reaches('awaitingCredentials');
  await attempt(() => scene.gives({ kind: 'basic', username: secret(), password: secret() }));
  await throughTroubles(scene, (key) => scene.gives({ kind: 'apiKey', key }));
};

const basic = async () => {
  const scene = await stage.scene('Insightful');
  await scene.reaches('awaitingCredentials');
  await throughTroubles(scene, (password) => scene.gives({ kind: 'basic', username: `ü-${secret()}`, password }));
};

const malformed = async () => {
  const scene = await stage.scene('Brightdesk');
  await scene.reaches('awaitingCredentials');
  for (const text of [
    secret(),
    `{"kind":"apiKey","key":${secret()}`,
    JSON.stringify({ kind: 'apiKey', kez: secret() }),
  ]) {
    const submissionId = randomUUID();
    const credentials = await stage.sealed(scene.key, submissionId, text as unknown as Credentials);
    await attempt(() => stage.auth.submitCredentials(scene.key, { submissionId, credentials }));
  }
  // Sealed for another submission: it does not open.
  const credentials = await stage.sealed(scene.key, randomUUID(), { kind: 'apiKey', key: secret() });
  await attempt(() => stage.auth.submitCredentials(scene.key, { submissionId: randomUUID(), credentials }));
  await scene.gives({ kind: 'apiKey', key: secret() });
};

const properties = async (name: string, visible: { [name: string]: string }, hidden: string) => {
  const scene = await stage.scene(name);
  await scene.reaches('awaitingProperties');
  const give = async (value: string) => {
    const submissionId = randomUUID();
    return scene.sets(
      { ...visible, [hidden]: await stage.sealedProperty(scene.key, submissionId, hidden, value) },
      submissionId,
    );
  };
  for (const [round, form] of forms.entries()) {
    stage.sandbox.fault({
      match: { method: 'POST', account: scene.key.accountId },
      skip: round === 0 ? Object.keys(visible).length : 0, // afterwards they are stored
      then: { kind: 'echo400', form },
    });
    await attempt(() => give(secret()));
    stage.sandbox.clearFaults();
  }
  await attempt(() => give(`wrong-${secret()}`));
  await give(secret());
  return scene;
};

const partnersTokens = async () => {
  const scene = await stage.scene('Homeport');
  await scene.reaches('awaitingCredentials');
  await scene.gives({ kind: 'tokens', accessToken: `wrong-${secret()}`, refreshToken: secret() });
  await scene.gives({ kind: 'tokens', accessToken: secret(), refreshToken: secret() });
};

/** The tokens are Cyclr's: the sign-in token, and what the provider has given. */
const consent = async () => {
  const scene = await stage.scene('Ledgerly');
  await scene.reaches('awaitingAuthorization');
  const request = { returnTo: 'https://app.example/back' };
  const { attemptId, url } = await stage.auth.requestAuthorization(scene.key, request);
  await stage.sandbox.consent(url, 'approve');
  await stage.auth.confirmAuthorization(scene.key, { attemptId });
  const { token } = stage.sandbox.signIns(scene.key.accountId)[0]!;
  const { AuthValue } = stage.sandbox.connectorOf(scene.key.accountId, scene.key.connectorId);
  const { AccessToken, RefreshToken } = JSON.parse(AuthValue!) as { AccessToken: string; RefreshToken: string };
  secrets.push(token, encodeURIComponent(token), AccessToken, RefreshToken);
};

/** A re-authentication has a fingerprint of what was stored. */
const consentAgain = async () => {
  const key = { accountId: `account-${randomUUID()}`, connectorId: 0 };
  key.connectorId = stage.sandbox.createAccount(key.accountId, { connectors: ['Ledgerly'] })[0]!.id;
  const stored = JSON.stringify({ AccessToken: secret(), RefreshToken: secret() });
  stage.sandbox.update(key.accountId, key.connectorId, { Authenticated: true, AuthValue: stored });
  await stage.auth.start({ ...key, intent: 'reauthenticate' });
  await eventually(
    () => stage.auth.view(key),
    ({ state }) => state === 'awaitingAuthorization',
  );
  await stage.auth.requestAuthorization(key, { returnTo: 'https://app.example/back' });
  await stage.auth.cancel(key);
};

test('no secret stands anywhere: not in histories, views, logs or the database', async () => {
  const visible = mark();
  await Promise.all([apiKey(), basic(), malformed(), partnersTokens(), consent(), consentAgain()]);
  await properties('Kestrel', { Environment: visible }, 'SigningSecret');
  await properties('Quartz', { ClientId: visible }, 'ClientSecret');
  await properties('Sugarloaf', { Username: visible }, 'Password');

  const found = await everythingWritten();

  const leaks = found.map(([where, written]) => [where, marksIn(written, secrets)] as const);
  expect(leaks.filter(([, marks]) => marks.length > 0)).toEqual([]);
  expect(marksIn(stage.sandbox.clientSecret, [stage.sandbox.clientSecret])).toHaveLength(1);
  for (const [, written] of found) expect(marksIn(written, [stage.sandbox.clientSecret])).toEqual([]);
  expect(secrets.length).toBeGreaterThan(60);
  // A search that finds nothing proves nothing, unless it finds what is there.
  const places = found.filter(([, written]) => marksIn(written, [visible]).length > 0).map(([where]) => where);
  expect(places).toEqual(expect.arrayContaining(['history', 'history as JSON', 'database']));
  expect(found.map(([where]) => where)).toEqual(expect.arrayContaining(['view', 'timeline', 'log', 'description']));
});

test.each([0, 1, 2])('a mark is found in base64, %s bytes after its grid', (shift) => {
  const text = mark();

  for (const encoding of ['base64', 'base64url', 'hex'] as const)
    expect(marksIn(Buffer.from(`${'x'.repeat(shift)}${text}!`).toString(encoding), [text])).toEqual([text]);
  expect(marksIn(text.toUpperCase(), [text])).toEqual([text]);
  expect(marksIn(`'${text.slice(0, 12)}…'`, [text])).toEqual([text]);
  expect(marksIn(mark(), [text])).toEqual([]);
});

/** All that was written down by this run, with where. */
async function everythingWritten(): Promise<[string, Buffer | string][]> {
  const written: [string, Buffer | string][] = [['log', stage.log.join('')]];
  for await (const { workflowId, runId } of stage.client.workflow.list()) {
    const handle = stage.client.workflow.getHandle(workflowId, runId);
    const history = await handle.fetchHistory();
    const key = keyOf(workflowId);
    written.push(
      ['history', Buffer.from(temporal.api.history.v1.History.encode(history).finish())],
      ['history as JSON', JSON.stringify(historyToJSON(history))],
      ['description', JSON.stringify((await handle.describe()).raw)],
      ['view', JSON.stringify(await stage.auth.view(key))],
      ['timeline', JSON.stringify(await stage.auth.timeline(key))],
    );
  }
  for (const file of ['', '-wal'].map((end) => `${process.env.TEST_DB_FILE}${end}`))
    if (existsSync(file)) written.push(['database', readFileSync(file)]);
  return written;
}

function keyOf(workflowId: string) {
  const [, accountId = '', connectorId] = workflowId.split('/').map(decodeURIComponent);
  return { accountId, connectorId: Number(connectorId) };
}
