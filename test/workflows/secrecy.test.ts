/**
 * After flows of every kind, no secret of a user, of Cyclr or of this project is found outside the process that needs
 * the secret.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { dirname, join } from 'node:path';
import { temporal } from '@temporalio/proto';
import type { ConnectorPatch } from '../../sandbox/control';
import type { EchoForm, FaultRule } from '../../sandbox/fault-rule';
import type { Decision } from '../../sandbox/oauth';
import { seal } from '../../sealing/seal';
import type { ConnectorKey } from '../../workflows/connector';
import type { Credentials, View } from '../../workflows/messages';
import { eventually } from '../support/eventually';
import { histories } from '../support/histories';
import { createTestSecrets, type Search } from '../../scripts/faults/secret-search';
import { RETURN_TO } from '../support/messages';
import { openStage, type Scene, type Stage } from '../support/stage';

const { History } = temporal.api.history.v1;
const mark = createTestSecrets();
const control = createTestSecrets();
let stage: Stage;

/** The bearer tokens of all requests to the sandbox. */
const bearers = new Set<string>();
const listen = (message: unknown): void => {
  const { authorization } = (message as { request: IncomingMessage }).request.headers;
  if (authorization) bearers.add(authorization.replace('Bearer ', ''));
};

beforeAll(async () => {
  subscribe('http.server.request.start', listen);
  stage = await openStage();
});

afterAll(async () => {
  unsubscribe('http.server.request.start', listen);
  await stage.close();
});

/** The secrets that Cyclr has made: sign-in tokens, links with these tokens, and the tokens of the third party. */
const cyclrs: string[] = [];

const secret = (name = 'secret') => mark.secret(name);
const apiKey = (name?: string): Credentials => ({ kind: 'apiKey', key: secret(name) });
const basic = (name?: string): Credentials => ({ kind: 'basic', username: secret(name), password: secret() });
const tokens = (name?: string): Credentials => ({
  kind: 'tokens',
  accessToken: secret(name),
  refreshToken: secret(),
  expires: secret(),
});

const echo = (form: EchoForm): FaultRule['then'] => ({ kind: 'echo400', form });
const answering = (status: number): FaultRule['then'] => ({
  status,
  body: { Message: secret(), ExceptionMessage: secret(), ModelState: { [secret()]: [secret()] } },
});
/** Answers of Cyclr after which the activity is retried. */
const hiccups: FaultRule['then'][] = [
  { status: 500, body: { ExceptionMessage: secret() } },
  { status: 200, body: secret() },
  { status: 200, body: { Id: secret(), Connector: secret() } },
  { status: 200, body: `{"Id": 1, "AuthValue": "${mark.secret('x').replaceAll('"', '')}` },
  { status: 302, headers: { location: `/elsewhere?${encodeURIComponent(secret())}` }, body: secret() },
  { status: 429, headers: { 'retry-after': encodeURIComponent(secret()) }, body: secret() },
  { status: 401, body: secret() },
  'applied-then-reset',
  'truncated',
];

function fault({ accountId: account }: ConnectorKey, method: 'GET' | 'POST' | 'PUT', then: FaultRule['then']): void {
  stage.sandbox.fault({ match: { method, account }, then });
}

/**
 * Sends the credentials `first`. The PUT to Cyclr gets the fault `then`. If the flow then waits for credentials again,
 * sends credentials of a wrong kind, and then credentials of the right kind.
 */
async function credentials(connector: string, first: Credentials, then?: FaultRule['then']) {
  const scene = await stage.scene(connector);
  const waits = connector === 'Ledgerly' ? 'awaitingAuthorization' : 'awaitingCredentials';
  await scene.reaches(waits);
  if (then) fault(scene.key, 'PUT', then);
  const view = await scene.gives(first);
  if (view.state !== waits) return;
  await scene.gives(first.kind === 'apiKey' ? basic() : apiKey()); // these credentials are of a wrong kind
  await scene.gives(first.kind === 'tokens' ? tokens() : first.kind === 'basic' ? basic() : apiKey());
}

/**
 * Sends a secret property. The call to Cyclr gets the fault `then`. If the flow then waits for properties again, sends
 * another value of the property.
 */
async function properties(then?: FaultRule['then'], method: 'GET' | 'POST' | 'PUT' = 'POST') {
  const patch = method === 'PUT' ? { Properties: [{ Name: 'SigningSecret', Value: '' }] } : {};
  const scene = await stage.scene(stage.install('Kestrel', { patch }));
  await scene.reaches('awaitingProperties');
  if (then) fault(scene.key, method, then);
  for (const name of ['wrong', 'right']) {
    const SigningSecret = await stage.sealedProperty(scene.key, name, 'SigningSecret', secret(name));
    const view = await scene.sets({ Environment: 'staging', SigningSecret }, name);
    if (view.state !== 'awaitingProperties') break;
  }
}

async function sealedText(connector: string, text: string, sealedFor: object = {}) {
  const scene = await stage.scene(connector);
  await scene.reaches('awaitingCredentials');
  const binding = { ...scene.key, purpose: 'credentials', submissionId: 's', ...sealedFor } as const;
  await scene.signals('credentialInput', {
    submissionId: 's',
    credentials: await seal(text, binding, stage.publicKey),
  });
  await scene.signals('credentialInput', {
    submissionId: 's-2',
    credentials: await seal(text, binding, stage.publicKey),
  });
  await stage.auth.cancel(scene.key);
}

const walks: { [name: string]: () => Promise<unknown>[] } = {
  'credentials of every kind': () => [
    credentials('Brightdesk', apiKey()),
    credentials('Insightful', basic()),
    credentials('Homeport', tokens()),
    credentials('Ledgerly', tokens()),
  ],
  'values that Cyclr refuses and repeats, in every encoding': () => [
    credentials('Brightdesk', apiKey('wrong'), echo('plain')),
    credentials('Insightful', basic('wrong'), echo('base64')),
    credentials('Ledgerly', tokens('wrong'), echo('json-escaped')),
    credentials('Brightdesk', apiKey('wrong'), echo('upper')),
    properties(echo('url-encoded')),
    properties(echo('truncated'), 'PUT'),
  ],
  'values that Cyclr refuses with every status': () => [
    credentials('Brightdesk', apiKey('wrong'), answering(404)),
    credentials('Brightdesk', apiKey('wrong'), answering(409)),
    credentials('Brightdesk', apiKey('wrong'), 'unauthenticated'),
    properties(answering(400)),
    properties(answering(422)),
  ],
  'values that the sandbox refuses': () => [
    credentials('Brightdesk', apiKey('wrong')),
    credentials('Insightful', basic('wrong')),
    credentials('Homeport', tokens('wrong')),
    properties(),
  ],
  'answers that cannot be read, and outages': () =>
    hiccups.map((then, index) => {
      if (index % 3 === 0) return credentials('Brightdesk', apiKey(), then);
      return properties(then, index % 3 === 1 ? 'POST' : 'GET');
    }),
  'sealed values with a wrong content or binding': () => [
    sealedText('Brightdesk', secret()),
    sealedText('Brightdesk', `{"kind":"apiKey","key":${secret()}`),
    sealedText('Brightdesk', JSON.stringify({ kind: secret(), key: secret() })),
    sealedText('Brightdesk', JSON.stringify({ kind: 'apiKey', key: secret(), [secret()]: secret() })),
    sealedText('Brightdesk', JSON.stringify({ kind: 'apiKey', key: [secret()] })),
    sealedText('Brightdesk', JSON.stringify(basic())),
    sealedText('Insightful', JSON.stringify(tokens())),
    sealedText('Insightful', JSON.stringify({ kind: 'basic', username: `${secret()}:x`, password: secret() })),
    sealedText('Brightdesk', JSON.stringify(apiKey()), { connectorId: 1 }),
    sealedText('Brightdesk', JSON.stringify(apiKey()), { accountId: 'somebody-else' }),
    sealedText('Brightdesk', JSON.stringify(apiKey()), { purpose: 'link' }),
  ],
  'inputs at the wrong time': () =>
    ['Fernhill', 'Openrates', 'Fieldstone'].map(async (connector) => {
      const scene = await stage.scene(connector);
      const input = { submissionId: 's', credentials: await stage.sealed(scene.key, 's', apiKey()) };
      await scene.signals('credentialInput', input).catch(() => undefined);
      await scene
        .signals('propertyInput', {
          submissionId: 't',
          values: { Other: await stage.sealedProperty(scene.key, 't', 'Other', secret()) },
        })
        .catch(() => undefined);
    }),
  'failures before the first input': () =>
    [403, 404].map(async (status) => {
      const on = stage.install('Brightdesk');
      fault(on, 'GET', answering(status));
      const scene = await stage.scene(on);
      await eventually(scene.view, ({ problem, failure }) => (problem ?? failure) !== undefined);
    }),
  'values that Cyclr stores already': () => [
    reads('Evergreen', { AuthValue: secret(), Properties: [{ Name: secret(), Value: secret() }] }),
    reads('Kestrel', {
      AuthValue: secret(),
      Properties: [
        { Name: 'SigningSecret', Value: secret() },
        { Name: 'Notes', Value: secret() },
      ],
      Connector: {
        AuthScheme: secret(),
        Parameters: [
          { TargetName: 'Password', IsAccountConnectorProperty: true, DefaultValue: secret() },
          {
            TargetName: 'Hidden',
            IsAccountConnectorProperty: true,
            Hidden: true,
            DefaultValue: secret(),
            Values: [secret()],
          },
        ],
      },
    }),
  ],
  'properties that are enough to authenticate': () => [
    enough('Quartz', 'ClientId', 'ClientSecret'),
    enough('Quartz', 'ClientId', 'ClientSecret', 'wrong'),
    enough('Sugarloaf', 'Username', 'Password'),
  ],
  'consents, approved, declined, closed, and approved again': () => [
    consented('approve'),
    consented('decline'),
    consented('close'),
    consented('approve', { Authenticated: true, AuthValue: JSON.stringify(tokens()) }),
  ],
  'cancellations and a termination during a PUT': () => [
    endedDuring((scene) => scene.signals('cancel')),
    endedDuring((scene) => scene.handle.cancel()),
    endedDuring((scene) => scene.handle.terminate()),
  ],
};

async function reads(connector: string, patch: ConnectorPatch) {
  const scene = await stage.scene(stage.install(connector, { patch }), { intent: 'reauthenticate' });
  await scene.reaches(connector === 'Kestrel' ? 'awaitingProperties' : 'awaitingCredentials');
}

async function enough(connector: string, open: string, closed: string, name?: string) {
  const scene = await stage.scene(connector);
  await scene.reaches('awaitingProperties');
  const sealed = (property: string) => stage.sealedProperty(scene.key, 's', property, secret(name));
  await scene.sets({ [open]: await sealed(open), [closed]: await sealed(closed) }, 's');
}

async function consented(decision: Decision, patch?: ConnectorPatch) {
  const intent = patch ? 'reauthenticate' : 'authenticate';
  const scene = await stage.scene(stage.install('Ledgerly', { patch }), { intent });
  await scene.reaches('awaitingAuthorization');
  const { attemptId, url } = await stage.auth.requestAuthorization(scene.key, { returnTo: RETURN_TO });
  await stage.sandbox.consent(url, decision);
  const { AuthValue } = scene.cyclr();
  const made = JSON.parse(AuthValue ?? '{}') as { AccessToken?: string; RefreshToken?: string };
  cyclrs.push(url, ...stage.sandbox.signIns(scene.key.accountId).map(({ token }) => token));
  cyclrs.push(...[made.AccessToken, made.RefreshToken].filter((value) => value !== undefined));
  fault(scene.key, 'GET', hiccups[0]!);
  if (decision === 'approve') await stage.auth.confirmAuthorization(scene.key, { attemptId });
}

async function endedDuring(end: (scene: Scene) => Promise<unknown>) {
  const scene = await stage.scene('Brightdesk');
  await scene.reaches('awaitingCredentials');
  const release = stage.sandbox.fault({ match: { method: 'PUT', account: scene.key.accountId }, then: 'held' });
  const credentials = await stage.sealed(scene.key, 's', apiKey());
  await scene.signals('credentialInput', { submissionId: 's', credentials });
  await eventually(scene.calls, (calls) => calls.some((call) => call.startsWith('PUT')));
  await end(scene);
  release();
  await scene.handle.result().catch(() => undefined);
}

/** Returns all texts that callers, operators or Temporal can read, by the name of the place where they are. */
async function places(): Promise<{ [place: string]: (string | Uint8Array)[] }> {
  const runs = await histories(stage);
  const seen = await Promise.all(
    runs.map(async ({ workflowId, runId }) => {
      const handle = stage.client.workflow.getHandle(workflowId, runId);
      const description = await handle.describe();
      return {
        description: [description.raw, await description.staticSummary(), await description.staticDetails()],
        view: await handle.query('view').catch(() => undefined),
        timeline: await handle.query('timeline').catch(() => undefined),
        details: await handle.query('__temporal_workflow_metadata').catch(() => undefined),
      };
    }),
  );
  const database = process.env.TEST_DB_FILE!;
  const json = (value: unknown) => JSON.stringify(value) ?? '';
  return {
    history: runs.flatMap(({ history }) => [History.encode(history).finish(), json(history)]),
    description: seen.map(({ description }) => json(description)),
    view: seen.map(({ view }) => json(view)),
    timeline: seen.map(({ timeline }) => json(timeline)),
    details: seen.map(({ details }) => json(details)),
    log: stage.log,
    database: ['', '-wal'].map((suffix) => readFileSync(`${database}${suffix}`)),
    'server log': [readFileSync(join(dirname(database), 'temporal.log'))],
  };
}

const found = (all: Awaited<ReturnType<typeof places>>, search: Search): string[] =>
  Object.entries(all).flatMap(([place, texts]) => [
    ...new Set(texts.flatMap(search).map((encoding) => `${place}: ${encoding}`)),
  ]);

/** Returns a secret in clear, URL-encoded and in base64. `foundIn` finds more encodings, but only of test secrets. */
const formsOf = (held: string) => [held, encodeURIComponent(held), btoa(held).replace(/.=*$/, '')];

describe('search', () => {
  const texts: [string, (text: string) => string | Buffer][] = [
    ['clear', (text) => text],
    ['clear', (text) => text.toUpperCase()],
    ['clear', (text) => text.slice(0, Math.ceil(text.length / 2))],
    ['clear', encodeURIComponent],
    ['clear', JSON.stringify],
    ['hex', (text) => Buffer.from(text).toString('hex')],
    ['hex', (text) => Buffer.from(text).toString('hex').toUpperCase()],
    ['UTF-16', (text) => Buffer.from(text, 'utf16le')],
    ['base64', (text) => Buffer.from(text).toString('base64')],
    ['base64', (text) => Buffer.from(text).toString('base64url')],
    ['base64', (text) => JSON.stringify({ AuthValue: Buffer.from(`jo:${text}`).toString('base64') })],
    ['base64 of base64', (text) => Buffer.from(Buffer.from(text).toString('base64')).toString('base64')],
    ['base64 of upper case', (text) => Buffer.from(text.toUpperCase()).toString('base64')],
  ];
  test.each(texts)('the search for secrets finds a test secret in %s (%#)', (encoding, encode) => {
    const each = ['', 'x', 'xy', 'xyz'].map((before) => control.foundIn(encode(`${before}${control.secret('a')}`)));

    for (const encodings of each) expect(encodings).toContain(encoding);
    expect(mark.foundIn(encode(control.secret('a')))).toEqual([]);
  });

  test('if a property was sent in clear, the search for secrets finds it in the history and in the database, and nowhere else', async () => {
    const scene = await stage.scene('Fernhill');
    await scene.reaches('awaitingProperties');

    await scene.sets({ Domain: control.secret('domain') });

    const where = found(await places(), control.foundIn);
    expect(where).toEqual(expect.arrayContaining(['history: clear', 'history: base64', 'database: clear']));
    expect(where.filter((place) => /^(view|timeline|log|details|description)/.test(place))).toEqual([]);
  });
});

test.concurrent.each(Object.entries(walks))(
  'flows with test secrets run without an error, before the search for the secrets: %s',
  async (_name, walk) => {
    await Promise.all(walk());
  },
);

describe('after the flows with test secrets', () => {
  let all: Awaited<ReturnType<typeof places>>;

  beforeAll(async () => {
    all = await places();
  });

  test('the sandbox has received test secrets, and the flows have reached states of every kind', () => {
    const sent = stage.sandbox.requests.filter(({ body }) => mark.foundIn(JSON.stringify(body) ?? '').length > 0);
    const ends = all.view!.map((view) => (JSON.parse(String(view || '{}')) as Partial<View>).state);

    expect(sent.length).toBeGreaterThan(40);
    for (const state of [
      'authenticated',
      'awaitingProperties',
      'applyingCredentials',
      'cancelled',
      'failed',
      'unsupported',
    ])
      expect(ends).toContain(state);
    expect(all.timeline!.join()).toContain('refused');
    expect(all.log!.join()).toContain('Activity failed');
  });

  test('no test secret is found in histories, views, logs and the database of Temporal, in any encoding', () => {
    expect(found(all, mark.foundIn)).toEqual([]);
  });

  test('no token or link of Cyclr, no private sealing key and no client secret is found in histories, views, logs and the database of Temporal', () => {
    const { keys } = JSON.parse(stage.keys) as { keys: { d: string }[] };
    const held = [...cyclrs, ...bearers, keys[0]!.d, stage.sandbox.clientSecret];
    const texts = Object.values(all)
      .flat()
      .map((text) => Buffer.from(text as Uint8Array));

    expect(cyclrs.length).toBeGreaterThan(10);
    expect(bearers.size).toBeGreaterThan(0);
    const forms = held.flatMap(formsOf);
    expect(forms.filter((form) => texts.some((text) => text.includes(form)))).toEqual([]);
  });
});
