/** Options that a trigger lists for a property. */
import type { FaultRule } from '../../sandbox/fault-rule';
import { ACCOUNT, scene, stopAll, type Scene } from './scene';

afterEach(stopAll);

const property = (TargetName: string, more: object = {}) => ({
  TargetName,
  IsAccountConnectorProperty: true,
  TriggerName: 'List workspaces',
  ...more,
});
const workspaces = { Id: 7, Name: 'List workspaces' };

/** Opens a scene whose connector has the parameters `Parameters` and the triggers `Triggers`. */
async function sceneWith(Parameters: object[], Triggers: unknown = [workspaces]): Promise<Scene> {
  const at = await scene();
  at.sandbox.update(ACCOUNT, at.key.connectorId, { Connector: { Parameters, Triggers } });
  return at;
}

/** Reads the connector by the activity fetchConnector. Returns the options of each field. */
const optionsIn = async ({ activities, key }: Scene) =>
  Object.fromEntries((await activities.fetchConnector(key)).fields.map(({ name, options }) => [name, options]));

test('a property whose TriggerName is in Triggers has the options of the trigger', async () => {
  const at = await sceneWith([property('Workspace'), property('Other'), property('Plain', { TriggerName: null })]);

  expect(await optionsIn(at)).toEqual({ Workspace: ['main', 'archive'], Other: ['main', 'archive'], Plain: undefined });
  expect(at.calls()).toEqual(['GET', 'POST /triggers/7']);
});

test('applyProperties re-reads the connector with the options of its triggers', async () => {
  const at = await sceneWith([property('Workspace')]);
  const values = { Workspace: 'main' };

  const { fields } = await at.activities.applyProperties(at.key, { submissionId: 'sub-1', values, required: [] });

  expect(fields).toMatchObject([{ name: 'Workspace', stored: true, options: ['main', 'archive'] }]);
});

test.each<[string, object[], unknown]>([
  ['has options in its definition', [property('Workspace', { Values: ['a'] })], [workspaces]],
  ['is secret', [property('Workspace', { IsSensitive: true })], [workspaces]],
  ['is hidden', [property('Workspace', { Hidden: true })], [workspaces]],
  ['names a trigger that the connector does not have', [property('Workspace')], [{ Id: 7, Name: 'Other' }]],
  ['names a trigger, but the list of triggers is null', [property('Workspace')], null],
  ['names a trigger without an id', [property('Workspace')], [{ Name: 'List workspaces' }, 'x', null]],
])('no trigger is called for a property that %s', async (_what, Parameters, Triggers) => {
  const at = await sceneWith(Parameters, Triggers);

  await optionsIn(at);

  expect(at.calls()).toEqual(['GET']);
});

test.each<FaultRule['then']>([
  { status: 400 },
  { status: 403 },
  { status: 404 },
  { status: 204 },
  { kind: 'throttled', retryAfter: 60 },
  { status: 200, body: { Value: 'main' } },
  { status: 200, body: [] },
  'html500',
  'reset',
  'hang',
])('if the trigger of a property answers %j, the property has no options, and the read succeeds', async (then) => {
  const at = await sceneWith([property('Workspace')]);
  at.sandbox.fault({ match: { path: '/triggers/' }, then });

  expect(await optionsIn(at)).toEqual({ Workspace: undefined });
});

test('the client keeps its access token if a trigger answers 401', async () => {
  const at = await sceneWith([property('Workspace')]);
  at.sandbox.fault({ match: { path: '/triggers/' }, times: 'always', then: { status: 401 } });

  await optionsIn(at);
  await optionsIn(at);

  expect(at.sandbox.requests.filter(({ path }) => path === '/oauth/token')).toHaveLength(1);
});

test('a read of a connector calls at most five triggers, and keeps at most 200 options of each trigger', async () => {
  const names = Array.from({ length: 8 }, (_, i) => `T${i}`);
  const at = await sceneWith(
    names.map((name) => property(name, { TriggerName: name })),
    names.map((Name) => ({ Id: `id/${Name}`, Name })),
  );
  at.sandbox.switches.triggerValues = Array.from({ length: 300 }, (_, i) => `${i}`);

  const options = await optionsIn(at);

  expect(names.map((name) => options[name]?.length)).toEqual([200, 200, 200, 200, 200, ...Array(3).fill(undefined)]);
  expect(at.calls().filter((call) => call.startsWith('POST'))).toHaveLength(5);
});
