/** Flows of every auth type, from the start to the end. */
import type { ConnectorPatch } from '../../sandbox/control';
import { expectations } from '../../scripts/user/expectations';
import { persistent } from '../../scripts/user/persistent';
import { libraryTransport, sealerOf } from '../../scripts/user/transports';
import { goodAnswers, inOrder, User, type AnswerSource } from '../../scripts/user/user';
import { workflowIdOf, type ConnectorKey } from '../../workflows/connector';
import type { Credentials } from '../../workflows/input';
import type { View } from '../../workflows/view';
import { consentScene } from '../support/consent';
import { histories } from '../support/histories';
import { isRead, RETURN_TO } from '../support/messages';
import { differencesOf } from '../support/replays';
import { bundlePath, openStage, workerMetrics, type Scene, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

/** Sends each input that the flow of the connector `key` waits for, as a user would. Returns the final view. */
async function played(key: ConnectorKey, answers: AnswerSource, recordAs?: string): Promise<View> {
  const { auth, publicKey, sandbox, client } = stage;
  const library = libraryTransport({ auth, sealer: sealerOf(publicKey), returnTo: RETURN_TO });
  // Without a workflow cache, Temporal repeats a lost workflow task only after 30 s, and several calls get no answer
  // until then.
  const transport = persistent(library, { withinMs: 60_000 });
  const user = new User({ key, transport, answers, sandboxUrl: sandbox.url });
  await user.play();
  if (recordAs) stage.record(recordAs, client.workflow.getHandle(workflowIdOf(key), user.runId));
  return auth.result(key);
}

const storedIn = ({ accountId, connectorId }: ConnectorKey) => stage.sandbox.connectorOf(accountId, connectorId);
const key: Credentials = { kind: 'apiKey', key: 'right' };
const tokens: Credentials = { kind: 'tokens', accessToken: 'at-1' };

/** A value of a secret property, sealed for the submission `p-1`. */
const sealedFor = (scene: Scene, name: string) => stage.sealedProperty(scene.key, 'p-1', name, 'secret');

/** Connectors with different auth types. With RECORD=1, the test records the histories of their flows. */
const recorded = 'Kestrel Zenodesk Shopwell Chirper Quartz Sugarloaf Homeport Weathervane Fieldstone Evergreen'.split(
  ' ',
);

test.concurrent.each(
  Object.entries(expectations).map(([connector, expected]) => [connector, expected.state, expected] as const),
)(
  'a flow of the connector %s with valid inputs ends as %s',
  async (connector, state, { verification, properties = {} }) => {
    const on = stage.install(connector);

    const recordAs = recorded.includes(connector) ? `connector-${connector.toLowerCase()}` : undefined;

    const end = await played(on, inOrder(goodAnswers(connector)), recordAs);

    const { Authenticated, Properties, Connector } = storedIn(on);
    expect(end).toEqual({
      ...on,
      runId: end.runId,
      intent: 'authenticate',
      state,
      connector: expect.any(Object),
      connected: state === 'authenticated',
      since: expect.any(String),
      revision: expect.any(Number),
      ...(verification && { verification }),
    });
    expect(Authenticated).toBe(state === 'authenticated' && Connector.AuthType !== 'None');
    expect(Object.fromEntries(Properties.map(({ Name, Value }) => [Name, Value]))).toMatchObject(properties);
  },
);

interface Way {
  connector: string;
  patch: ConnectorPatch;
  answers: Parameters<typeof inOrder>[0];
  state: View['state'];
  /** The `AuthValue` that Cyclr stores at the end of the flow. */
  stored?: string;
  /**
   * True: the test records the history of this flow. Absent: the test does not record the history, because a flow of
   * scripts/user/expectations.ts has the same sequence of commands.
   */
  isRecorded?: boolean;
}

const oauth2 = (OAuth2Type: string | null): ConnectorPatch => ({ Connector: { AuthType: 'OAuth2', OAuth2Type } });
const partners: ConnectorPatch = { IsPartnerIntegrationConnector: true };
const clientCredentials = ['ClientId', 'ClientSecret'].map((Name) => ({ Name, Value: 'stored' }));
const ways: { [name: string]: Way } = {
  'all-properties-stored': {
    connector: 'Fernhill',
    patch: { Properties: [{ Name: 'Domain', Value: 'acme' }] },
    answers: { awaitingCredentials: [{ credentials: key }] },
    state: 'authenticated',
    stored: 'right',
  },
  'required-property-stored-empty': {
    connector: 'Fernhill',
    patch: { Properties: [{ Name: 'Domain', Value: '' }] },
    answers: { awaitingProperties: [{ values: { Domain: 'acme' } }], awaitingCredentials: [{ credentials: key }] },
    state: 'authenticated',
    stored: 'right',
  },
  'client-credentials-stored': {
    connector: 'Quartz',
    patch: { Properties: clientCredentials },
    answers: {},
    state: 'authenticated',
    stored: '{}',
    isRecorded: true,
  },
  'oauth2-without-a-type': {
    connector: 'Ledgerly',
    patch: oauth2(null),
    answers: { awaitingAuthorization: [{ decision: 'approve' }] },
    state: 'authenticated',
  },
  'oauth2-of-an-unknown-type': {
    connector: 'Ledgerly',
    patch: oauth2('DeviceCode'),
    answers: {},
    state: 'unsupported',
  },
  'tokens-in-place-of-consent': {
    connector: 'Shopwell',
    patch: {},
    answers: { awaitingProperties: [{ values: { Shop: 'acme' } }], awaitingAuthorization: [{ credentials: tokens }] },
    state: 'authenticated',
    isRecorded: true,
    stored: '{"AccessToken":"at-1"}',
  },
  'partners-oauth1-connector': {
    connector: 'Chirper',
    patch: partners,
    answers: { awaitingCredentials: [{ credentials: tokens }] },
    state: 'authenticated',
    isRecorded: true,
    stored: '{"AccessToken":"at-1"}',
  },
  'partners-api-key-connector': {
    connector: 'Brightdesk',
    patch: partners,
    answers: { awaitingCredentials: [{ credentials: key }] },
    state: 'authenticated',
    stored: 'right',
  },
  'auth-fields-with-a-missing-property': {
    connector: 'Fernhill',
    patch: { Connector: { AuthType: 'AuthFields' } },
    answers: {},
    state: 'unsupported',
    isRecorded: true,
  },
};

test.concurrent.each(Object.entries(ways).map(([name, way]) => [name, way.state, way] as const))(
  'a flow of a connector in the situation %s ends as %s',
  async (name, _state, way) => {
    const on = stage.install(way.connector, { patch: way.patch });

    const end = await played(on, inOrder(way.answers), way.isRecorded ? name : undefined);

    expect(end.state).toBe(way.state);
    if (way.stored !== undefined) expect(storedIn(on).AuthValue).toBe(way.stored);
  },
);

test.concurrent('a flow of a connector that is already authenticated makes one request to Cyclr', async () => {
  const scene = await stage.scene('Evergreen');

  await stage.auth.result(scene.key);

  expect(scene.requests()).toHaveLength(1);
});

/** A required parameter that a new release of a connector can add. */
const Region = { TargetName: 'Region', IsAccountConnectorProperty: true };

test.concurrent(
  'if the connector has a new required property after Cyclr accepted the API key, the flow asks for this property, and not for the API key again',
  async () => {
    const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
    stage.record('new-property-after-the-key', scene.handle);
    const { accountId, connectorId } = scene.key;
    // The sandbox refuses a key if a required property is missing, but Cyclr documents no such check. So the test
    // makes the sandbox accept the key.
    const taken = stage.sandbox.update(accountId, connectorId, {
      Connector: { Parameters: [Region] },
      Authenticated: true,
    });
    stage.sandbox.fault({ match: { method: 'PUT', account: accountId }, then: { status: 200, body: taken } });

    const asked = await scene.gives({ kind: 'apiKey', key: 'right' });
    const end = await scene.sets({ Region: 'eu' });

    expect(asked).toMatchObject({
      state: 'awaitingProperties',
      connected: true,
      fields: [{ name: 'Region', required: true, stored: false }],
    });
    expect(asked).not.toHaveProperty('problem');
    expect(end).toMatchObject({ state: 'authenticated', verification: 'notChecked' });
    expect(scene.calls().filter((call) => call.startsWith('PUT'))).toHaveLength(1);
  },
);

test.concurrent(
  'if the connector has a new required property after the consent, the flow asks for this property, and not for the consent again',
  async () => {
    const scene = await consentScene(stage);
    stage.record('new-property-after-the-consent', scene.handle);
    const link = await scene.asks();
    await scene.decides(link, 'approve');
    stage.sandbox.update(scene.key.accountId, scene.key.connectorId, { Connector: { Parameters: [Region] } });

    const asked = await scene.confirms(link);
    const end = await scene.sets({ Region: 'eu' });

    expect(asked).toMatchObject({ state: 'awaitingProperties', connected: true });
    expect(end).toMatchObject({ state: 'authenticated' });
  },
);

test.concurrent(
  'if the re-read after the write of client credentials finds a new required property, the flow asks for this property',
  async () => {
    const scene = await stage.sceneIn('awaitingProperties', 'Quartz');
    stage.record('new-property-at-the-read-back', scene.handle);
    const own = { account: scene.key.accountId, path: 'connectors/\\d+$' };
    const { Connector, ...connector } = scene.cyclr();
    const later = { ...connector, Authenticated: true, Connector: { ...Connector, Parameters: [Region] } };
    stage.sandbox.fault({ match: { ...own, method: 'PUT' }, then: { status: 200, body: { ...connector, Connector } } });
    stage.sandbox.fault({ match: { ...own, method: 'GET' }, skip: 1, then: { status: 200, body: later } });

    const view = await scene.sets({ ClientId: 'id', ClientSecret: await sealedFor(scene, 'ClientSecret') }, 'p-1');

    expect(view).toMatchObject({ state: 'awaitingProperties', connected: true, fields: [{ name: 'Region' }] });
    await stage.auth.cancel(scene.key);
  },
);

test.concurrent(
  'if the auth type becomes unsupported during the wait for properties, the flow ends as unsupported after it has applied the properties',
  async () => {
    const scene = await stage.sceneIn('awaitingProperties', 'Fernhill');
    stage.record('unsupported-after-the-properties', scene.handle);
    const { accountId, connectorId } = scene.key;
    stage.sandbox.update(accountId, connectorId, { Connector: { AuthType: 'AuthFields' } });

    await scene.sets({ Domain: 'acme' });

    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'unsupported' });
  },
);

test.concurrent('the default of a property is not stored if the user leaves the property out', async () => {
  const scene = await stage.scene('Kestrel');
  const { fields } = await scene.reaches('awaitingProperties');

  const SigningSecret = await stage.sealedProperty(scene.key, 'p-1', 'SigningSecret', 'sïgn "it"');
  await scene.sets({ Environment: 'a value of my own', SigningSecret, Notes: 'two\nlines', Region: '' }, 'p-1');

  expect(fields?.find(({ name }) => name === 'Region')).toMatchObject({ default: 'eu' });
  expect(scene.cyclr().Properties.map(({ Name, Value }) => [Name, Value])).toEqual([
    ['Environment', 'a value of my own'],
    ['SigningSecret', 'sïgn "it"'],
    ['Notes', 'two\nlines'],
  ]);
});

test.concurrent('the flow asks again for a refused property, and not for a property that Cyclr accepted', async () => {
  const scene = await stage.scene('Kestrel');
  await scene.reaches('awaitingProperties');

  const SigningSecret = await stage.sealedProperty(scene.key, 'p-1', 'SigningSecret', 'wrong-secret');
  const refused = await scene.sets({ Environment: 'staging', SigningSecret }, 'p-1');
  const stored = refused.fields?.filter(({ stored }) => stored).map(({ name }) => name);
  const right = await stage.sealedProperty(scene.key, 'p-2', 'SigningSecret', 'right');
  const taken = await scene.sets({ SigningSecret: right }, 'p-2');

  expect(refused).toMatchObject({
    state: 'awaitingProperties',
    problem: { code: 'refused', fields: [{ name: 'SigningSecret', code: 'refused' }] },
  });
  expect(JSON.stringify(refused)).not.toContain('wrong-secret');
  expect(stored).toEqual(['Environment']);
  expect(taken.state).toBe('awaitingCredentials');
  expect(taken).not.toHaveProperty('problem');
});

test.concurrent(
  'if Cyclr refuses the stored client credentials, the flow asks for client credentials, and applies the new values',
  async () => {
    const on = stage.install('Quartz', { patch: { Properties: clientCredentials } });
    stage.sandbox.fault({ match: { method: 'PUT', account: on.accountId }, then: { status: 400 } });
    const scene = await stage.scene(on);
    stage.record('stored-client-credentials-refused', scene.handle);

    const asked = await scene.reaches('awaitingProperties');
    const ClientSecret = await stage.sealedProperty(on, 'p-1', 'ClientSecret', 'another');
    await scene.sets({ ClientSecret }, 'p-1');

    expect(asked).toMatchObject({ problem: { code: 'refused' } });
    expect(await stage.auth.result(on)).toMatchObject({ state: 'authenticated' });
  },
);

test.concurrent('the flow asks again for a required property that Cyclr lost after the input', async () => {
  const on = stage.install('Quartz', { patch: { Properties: clientCredentials.slice(0, 1) } });
  const scene = await stage.scene(on);
  stage.record('property-lost-after-the-input', scene.handle);
  await scene.reaches('awaitingProperties');
  stage.sandbox.update(on.accountId, on.connectorId, { Properties: [] });

  const ClientSecret = await stage.sealedProperty(on, 'p-1', 'ClientSecret', 'secret');
  const asked = await scene.sets({ ClientSecret }, 'p-1');
  await scene.sets({ ClientId: 'app-1' }, 'p-2');

  expect(asked).toMatchObject({
    state: 'awaitingProperties',
    problem: { code: 'missingProperty', fields: [{ name: 'ClientId' }] },
  });
  expect(await stage.auth.result(on)).toMatchObject({ state: 'authenticated' });
});

test.concurrent(
  'each account id has its own flow, even if two ids look alike or one id is the URL-encoded form of the other id',
  async () => {
    const ids = ['a/b', 'a%2Fb', 'ä ö', "it's (me)!*", '100%', 'x'.repeat(200), 'ü'.repeat(160), '+', '..a'];

    const scenes = await Promise.all(ids.map((accountId) => stage.scene('Openrates', { accountId })));
    const ends = await Promise.all(scenes.map(({ key }) => stage.auth.result(key)));

    expect(ends.map(({ accountId, state }) => [accountId, state])).toEqual(ids.map((id) => [id, 'authenticated']));
    expect(new Set(scenes.map(({ key }) => workflowIdOf(key))).size).toBe(ids.length);
    expect(scenes.map(({ requests }) => requests().length)).toEqual(ids.map(() => 1));
  },
);

test('replaying the histories of all flows in this file, and of an open flow, gives the same commands', async () => {
  const open = await stage.scene('Kestrel');
  await open.reaches('awaitingProperties');
  await open.signals('propertyInput', 'malformed');
  await isRead(open);
  const runs = (await histories(stage)).map((run) => ({ name: run.workflowId, ...run }));

  const differences = await differencesOf({ codePath: bundlePath }, runs);

  expect(runs.length).toBeGreaterThan(Object.keys(expectations).length);
  expect(new Set(Object.values(differences))).toEqual(new Set(['ok']));
});

test("the worker's metrics count the transitions, the outcomes, the links and the requests of all flows in this file", async () => {
  const lines = (await workerMetrics()).split('\n');

  const seriesOf = (name: string, labels: { [name: string]: string }) =>
    lines.filter((line) => {
      const has = ([label, value]: [string, string]) => line.includes(`${label}="${value}"`);
      return line.startsWith(`cyclr_connect_${name}{`) && Object.entries(labels).every(has);
    });
  const at = { state: 'awaitingCredentials' };
  const put = { endpoint: 'PUT /v1.0/account/connectors/{id}' };
  for (const [name, labels] of [
    ['transitions_total', { from: 'awaitingCredentials', to: 'applyingCredentials', auth_type: 'ApiKey' }],
    ['outcomes_total', { state: 'authenticated', auth_type: 'ApiKey', verification: 'notChecked' }],
    ['state_seconds_bucket', { ...at, le: '7776000' }],
    ['links_total', { result: 'made' }],
    ['cyclr_requests_total', { ...put, result: 'ok' }],
    ['cyclr_request_seconds_count', put],
  ] as const)
    expect({ name, labels, series: seriesOf(name, labels) }).toMatchObject({ series: [expect.any(String)] });
});
