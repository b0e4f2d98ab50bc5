/** Flows of connectors that have a policy. The worker reads the policies from a file, and calls the sandbox. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporal } from '@temporalio/proto';
import { Policies } from '../../activities/policies/policies';
import { createTestSecrets } from '../../scripts/faults/secret-search';
import type { Switches } from '../../sandbox/switches';
import type { FlowResult } from '../../workflows/view';
import { consentScene } from '../support/consent';
import { eventually } from '../support/eventually';
import { histories } from '../support/histories';
import { openStage, type Scene, type Stage } from '../support/stage';

const { History } = temporal.api.history.v1;
const mark = createTestSecrets();
const FIXED = mark.secret('fixed');

const usual = `policies:
  - match: { name: Fieldstone }
    authFields:
      fields: [{ name: user, label: User name, secret: false }, { name: token, label: API token }]
      properties: { LandUser: '{user}' }
      authValue: 'user={user};token={token|json}'
    help: { default: { text: Ask the registry., link: 'https://registry.example' }, de: { text: Fragen Sie. } }
  - match: { name: Sugarloaf }
    passwordCredentials: direct
  - match: { name: Parrotmail }
    properties: { DataCentre: { skip: true } }
    patience: { credentials: 3 days }
  - match: { name: Kestrel }
    properties:
      SigningSecret: { value: '${FIXED.replaceAll("'", "''")}' }
      Environment: { default: staging, help: Ask your administrator. }
  - match: { name: Weathervane }
    properties: { Station: { value: '${FIXED.replaceAll("'", "''")}' } }
  - match: { name: Brightdesk }
    verify: { method: whoami-101, expect: ok }
    identity: { method: whoami-101, path: user.email }
  - match: { name: Ledgerly }
    verify: { method: whoami-109, expect: ok }
  - match: { name: Shopwell }
    verify: { method: whoami-110 }
  - match: { name: Insightful }
    verify: { method: unknown }
`;

let stage: Stage;
let folder: string;
let file: string;
let policies: Policies;

beforeAll(async () => {
  stage = await openStage();
  folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-policies-'));
  file = join(folder, 'policies.yaml');
  writeFileSync(file, usual);
  policies = (await Policies.read(file)).watch(file, { changed: () => undefined, broken: () => undefined });
  await stage.restartWorker({}, {}, policies);
});

afterAll(async () => {
  policies.close();
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a flow as `stage.sceneIn` does. With RECORD=1, the stage records the history of the flow under `name`. */
async function flowIn(
  state: Parameters<Stage['sceneIn']>[0],
  connector: Parameters<Stage['sceneIn']>[1],
  name?: string,
) {
  const scene = await stage.sceneIn(state, connector);
  if (name) stage.record(name, scene.handle);
  return scene;
}

const ofSandbox = (methodCalls: Switches['methodCalls']) => void Object.assign(stage.sandbox.switches, { methodCalls });
const apiKey = (key: string) => ({ kind: 'apiKey', key }) as const;
const valueIn = (scene: Scene, name: string) => scene.cyclr().Properties.find(({ Name }) => Name === name)?.Value;

describe('AuthFields', () => {
  test('a flow of a connector with AuthFields asks for the fields of the policy, and ends as authenticated', async () => {
    const scene = await flowIn('awaitingCredentials', 'Fieldstone', 'policy-auth-fields');
    const [user, token] = [mark.secret('user'), mark.secret('token')];

    const asked = await scene.view();
    const incomplete = await scene.gives({ kind: 'fields', values: { user } });
    const unknown = await scene.gives({ kind: 'fields', values: { user, token, more: 'x' } });
    const wrong = await scene.gives({ kind: 'fields', values: { user: 'wrong', token } });
    const otherKind = await scene.gives(apiKey('x'));
    const done = await scene.gives({ kind: 'fields', values: { user, token } });

    expect(asked).toMatchObject({
      connector: { help: { default: { text: 'Ask the registry.' }, de: { text: 'Fragen Sie.' } } },
      fields: [
        { name: 'user', label: 'User name', required: true, secret: false, stored: false },
        { name: 'token', label: 'API token', required: true, secret: true, stored: false },
      ],
    });
    expect(asked.connector).not.toHaveProperty('policy');
    expect(incomplete.problem).toMatchObject({ code: 'missingProperty', fields: [{ name: 'token' }] });
    expect(unknown.problem?.code).toBe('unknownProperty');
    expect(wrong).toMatchObject({
      state: 'awaitingCredentials',
      problem: { code: 'refused', fields: [{ name: 'user', code: 'refused' }] },
    });
    expect(otherKind.problem?.code).toBe('wrongKind');
    expect(done).toMatchObject({ state: 'authenticated', verification: 'notChecked' });
    expect(scene.cyclr().AuthValue).toBe(`user=${user};token=${JSON.stringify(token).slice(1, -1)}`);
    expect(valueIn(scene, 'LandUser')).toBe(user);
  });

  test('credentials of the kind fields are refused as wrongKind for a connector with an API key', async () => {
    const scene = await flowIn('awaitingCredentials', 'Posterity');

    const view = await scene.gives({ kind: 'fields', values: { user: 'x' } });

    expect(view).toMatchObject({ state: 'awaitingCredentials', problem: { code: 'wrongKind' } });
  });
});

test('with passwordCredentials: direct, a flow ends as authenticated after the properties, without a consent', async () => {
  const scene = await flowIn('awaitingProperties', 'Sugarloaf', 'policy-password-credentials-direct');
  const Password = await stage.sealedProperty(scene.key, 'p', 'Password', mark.secret('password'));

  const view = await scene.sets({ Username: 'me', Password }, 'p');

  expect(view.state).toBe('authenticated');
  expect(scene.cyclr().AuthValue).toBe('{}');
});

test('the flow does not ask for a skipped property and does not wait for it, and the patience of the policy sets the deadline', async () => {
  const scene = await flowIn('awaitingCredentials', 'Parrotmail');
  const { since, deadline } = await scene.view();

  const view = await scene.gives(apiKey(mark.secret('key')));

  expect(Date.parse(deadline!) - Date.parse(since)).toBe(3 * 86_400_000);
  expect(view.state).toBe('authenticated');
  expect(valueIn(scene, 'DataCentre')).toBe('us21'); // Cyclr has set this property
});

test('the worker sets a fixed value without asking for it, and the fields have the default and the help text of the policy', async () => {
  const scene = await flowIn('awaitingProperties', 'Kestrel');
  const { fields } = await scene.view();

  await scene.sets({ Environment: 'staging' });
  const view = await scene.gives(apiKey(mark.secret('key')));

  const environment = fields?.find(({ name }) => name === 'Environment');
  expect(environment).toMatchObject({ default: 'staging', help: 'Ask your administrator.' });
  expect(fields?.map(({ name }) => name)).not.toContain('SigningSecret');
  expect(view.state).toBe('authenticated');
  expect(valueIn(scene, 'SigningSecret')).toBe(FIXED);
});

test('a fixed value is set, even if the connector has the auth type None', async () => {
  const scene = await flowIn('authenticated', 'Weathervane', 'policy-fixed-value');

  expect(valueIn(scene, 'Station')).toBe(FIXED);
});

test.each([
  ['awaitingProperties', 'Fernhill'],
  ['awaitingCredentials', 'Longname'],
  ['awaitingAuthorization', 'Chirper'],
] as const)(
  'a fixed value is set if a re-read in %s finds that the auth type has become None',
  async (state, connector) => {
    const scene = await flowIn(state, connector, `policy-fixed-value-in-${state}`);
    const { accountId, connectorId } = scene.key;
    const station = { TargetName: 'Station', IsAccountConnectorProperty: true };
    stage.sandbox.update(accountId, connectorId, {
      Connector: { Name: 'Weathervane', AuthType: 'None', Parameters: [station] },
    });

    await stage.auth.recheck(scene.key);
    await scene.reaches('authenticated');

    expect(valueIn(scene, 'Station')).toBe(FIXED);
  },
);

test("a fixed value that Cyclr refuses is an operator's trouble, and the user gets no problem of a property", async () => {
  const key = stage.install('Kestrel');
  stage.sandbox.fault({ match: { method: 'POST', account: key.accountId }, times: 'always', then: { status: 400 } });
  const scene = await flowIn('awaitingProperties', key);

  const view = await scene.sets({ Environment: 'staging' });

  expect(view).toMatchObject({ state: 'applyingProperties', problem: { code: 'cyclrUnavailable' } });
  const [note] = (await scene.timeline()).flatMap(({ note = [] }) => note);
  expect(note).toMatch(
    /^operatorsTrouble: Cyclr refused the fixed value of the property SigningSecret \(POST .* 400\)$/,
  );
  await stage.auth.cancel(scene.key);
});

describe('verify and identity', () => {
  afterEach(() => ofSandbox('forbidden'));

  test('if the third party accepts the credentials, the view has the verification checked and the name of the linked account', async () => {
    ofSandbox('allowed');
    const scene = await flowIn('awaitingCredentials', 'Brightdesk', 'policy-checked');

    const view = await scene.gives(apiKey(mark.secret('key')));

    expect(view).toMatchObject({
      state: 'authenticated',
      verification: 'checked',
      identity: 'user@brightdesk.example',
    });
    expect(await stage.auth.result(scene.key)).toMatchObject({ identity: 'user@brightdesk.example' });
  });

  test('if the third party refuses the credentials, the view has the problem refused, and only new credentials end the wait', async () => {
    ofSandbox('allowed');
    const scene = await flowIn('awaitingCredentials', 'Brightdesk', 'policy-refused');

    const refused = await scene.gives(apiKey(`expired-${mark.secret('key')}`));
    const reread = await stage.auth.recheck(scene.key);
    const done = await scene.gives(apiKey(mark.secret('key')));

    const problem = { code: 'refused', message: 'The third party refused the credentials.' };
    expect(refused).toMatchObject({ state: 'awaitingCredentials', problem });
    expect(reread).toMatchObject({ state: 'awaitingCredentials', problem });
    expect(done).toMatchObject({ state: 'authenticated', verification: 'checked' });
  });

  test('after a refusal by the third party, a re-read does not end the wait even if a later input has another problem', async () => {
    ofSandbox('allowed');
    const scene = await flowIn('awaitingCredentials', 'Brightdesk');
    await scene.gives(apiKey(`expired-${mark.secret('key')}`));
    const wrongKind = await scene.gives({ kind: 'fields', values: { user: 'x' } });

    const reread = await stage.auth.recheck(scene.key);

    expect(wrongKind).toMatchObject({ state: 'awaitingCredentials', problem: { code: 'wrongKind' }, connected: true });
    expect(reread).toEqual(wrongKind);
    await stage.auth.cancel(scene.key);
  });

  test('if the third party refuses the tokens of a consent, the flow returns to awaitingAuthorization', async () => {
    ofSandbox('refusing');
    const scene = await consentScene(stage);
    stage.record('policy-refused-after-the-consent', scene.handle);
    const link = await scene.asks();
    await scene.decides(link, 'approve');

    const refused = await scene.confirms(link);
    ofSandbox('allowed');
    const next = await scene.asks();
    await scene.decides(next, 'approve');
    await scene.returns(next);

    expect(refused).toMatchObject({ state: 'awaitingAuthorization', problem: { code: 'refused' } });
    expect(await scene.reaches('authenticated')).toMatchObject({ verification: 'checked' });
  });

  test.each(['authenticate', 'reauthenticate'] as const)(
    'with the intent %s, after a refused consent, a second return of the same link does not end the flow if the check has no result, and the consent of a new link ends the flow',
    async (intent) => {
      ofSandbox('refusing');
      const scene = await consentScene(stage, 'Ledgerly', { intent });
      stage.record(`policy-refused-then-no-result-${intent}`, scene.handle);
      const link = await scene.asks();
      await scene.decides(link, 'approve');
      const refused = await scene.confirms(link);
      ofSandbox('forbidden');

      await scene.returns(link);
      const ends = async () => (await scene.timeline()).filter(({ from }) => from === 'verifyingAuthorization');
      await eventually(ends, ({ length }) => length === 2);
      const still = await scene.view();
      const next = await scene.asks();
      await scene.decides(next, 'approve');
      await scene.returns(next);

      expect(refused).toMatchObject({ state: 'awaitingAuthorization', problem: { code: 'refused' } });
      expect(still).toMatchObject({ state: 'awaitingAuthorization', problem: { code: 'refused' } });
      expect(await scene.reaches('authenticated')).toMatchObject({ verification: 'notChecked' });
    },
  );

  test('if a re-read finds a consent without a return of the browser, the worker checks the consent at the third party', async () => {
    ofSandbox('allowed');
    const scene = await consentScene(stage);
    await scene.decides(await scene.asks(), 'approve');

    const view = await stage.auth.recheck(scene.key);

    expect(view).toMatchObject({ state: 'authenticated', verification: 'checked' });
  });

  test.each([
    ['awaitingProperties', 'Shopwell'],
    ['awaitingCredentials', 'Brightdesk'],
    ['awaitingAuthorization', 'Ledgerly'],
  ] as const)(
    'if a re-read in %s finds new credentials that the third party refuses, the view has the problem refused, and the wait does not end',
    async (state, connector) => {
      ofSandbox('refusing');
      const scene = await flowIn(state, connector, `policy-refused-at-a-re-read-in-${state}`);
      const { deadline } = await scene.view();
      stage.sandbox.update(scene.key.accountId, scene.key.connectorId, { Authenticated: true });

      const view = await stage.auth.recheck(scene.key, { by: 'operator' });

      expect(view).toMatchObject({ state, problem: { code: 'refused' }, connected: true, deadline });
      const refused = { event: 'refused', from: state, to: state, by: 'operator' };
      expect((await scene.timeline()).at(-1)).toMatchObject(refused);
      await stage.auth.cancel(scene.key);
    },
  );

  test.each<[string, Switches['methodCalls'], string]>([
    ['does not permit the method call', 'forbidden', 'Brightdesk'],
    ['does not permit a second method call', 'forbidden', 'Brightdesk'],
    ['does not answer the method call within 10 s', 'slow', 'Brightdesk'],
    ['does not know the method', 'allowed', 'Insightful'],
  ])('the view has the verification notChecked if Cyclr %s', async (_case, methodCalls, connector) => {
    ofSandbox(methodCalls);
    const scene = await flowIn('awaitingCredentials', connector);

    const secret = mark.secret('key');
    await scene.gives(connector === 'Brightdesk' ? apiKey(secret) : { kind: 'basic', username: secret, password: '' });

    const view = await scene.reaches('authenticated');
    expect(view.verification).toBe('notChecked');
    expect(view).not.toHaveProperty('identity');
  });

  test('the warning that Cyclr does not permit the method call is logged once, even after two calls', () => {
    expect(stage.log.filter((line) => line.includes('does not permit this worker'))).toHaveLength(1);
  });
});

test('a changed policy file applies to an open flow from the next re-read on, and the timeline has the entry policyChanged', async () => {
  const scene = await flowIn('awaitingProperties', 'Fernhill', 'policy-changed');
  writeFileSync(file, `${usual}  - match: { name: Fernhill }\n    properties: { Domain: { value: acme } }\n`);
  const matched = { connectorId: scene.key.connectorId, definition: { name: 'Fernhill' } };
  await eventually(
    async () => policies.of(matched),
    (policy) => policy !== undefined,
  );

  const view = await stage.auth.recheck(scene.key);
  const done = await scene.gives(apiKey(mark.secret('key')));

  expect(view.state).toBe('awaitingCredentials');
  expect(done.state).toBe('authenticated');
  expect(valueIn(scene, 'Domain')).toBe('acme');
  const { timeline } = (await scene.handle.result()) as FlowResult;
  expect(timeline.entries.map(({ event }) => event)).toContain('policyChanged');
});

test('no history, no result and no log line holds a fixed value or a secret of a user', async () => {
  const runs = await histories(stage);

  expect(runs.length).toBeGreaterThan(10);
  expect(mark.foundIn(JSON.stringify(stage.sandbox.requests))).not.toEqual([]);
  expect(runs.flatMap(({ history }) => mark.foundIn(History.encode(history).finish()))).toEqual([]);
  expect(mark.foundIn(stage.log.join('\n'))).toEqual([]);
});
