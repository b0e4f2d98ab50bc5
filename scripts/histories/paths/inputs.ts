/** What is typed: by signals and by updates, wrong, early, late, twice. */
import type { Credentials } from '../../../workflows/messages';
import { away, type Flow } from '../flow';
import type { Paths } from '../path';

export const right: Credentials = { kind: 'apiKey', key: 'recorded' };
export const wrong: Credentials = { kind: 'apiKey', key: 'wrong' };
const basic: Credentials = { kind: 'basic', username: 'ada', password: '' };

export const inputs: Paths = {
  'by-signals': async ({ start }) => {
    const flow = await start('Fernhill');
    await flow.reaches('awaitingProperties');
    await flow.signals('propertyInput', { submissionId: 'domain', values: { Domain: 'acme' } });
    await flow.reaches('awaitingCredentials');
    await flow.signals('credentialInput', await flow.credentials(wrong));
    await flow.reaches('awaitingCredentials', 'refused');
    await flow.signals('credentialInput', await flow.credentials(right));
    return flow.ends('authenticated');
  },

  'early-inputs': async ({ start }) => {
    const flow = await start('Fernhill', { fault: { then: { kind: 'slow', ms: 1000 } } });
    await flow.signals('propertyInput', { submissionId: 'domain', values: { Domain: 'acme' } });
    await Promise.all([flow.gives(right), flow.signals('oauthCallback', { attemptId: 'unknown' })]);
    return flow.ends('authenticated');
  },

  'late-inputs': async ({ start }) => {
    const flow = await start('Brightdesk');
    await flow.reaches('awaitingCredentials');
    flow.fails({ method: 'PUT', then: { kind: 'slow', ms: 1000 } });
    const first = flow.gives(right, 'first');
    await flow.reaches('applyingCredentials');
    const second = flow.gives(right, 'second');
    await flow.signals('credentialInput', await flow.credentials(right, 'third'));
    await flow.signals('propertyInput', { submissionId: 'fourth', values: {} });
    await Promise.all([first, second]);
    return flow.ends('authenticated');
  },

  'same-submission-twice': async ({ start }) => {
    const flow = await start('Fernhill');
    await flow.reaches('awaitingProperties');
    await Promise.all([flow.sets({ Domain: 'acme' }, 'same'), flow.sets({ Domain: 'acme' }, 'same')]);
    await flow.signals('propertyInput', { submissionId: 'same', values: { Domain: 'other' } });
    await flow.gives(wrong, 'wrong');
    await flow.signals('credentialInput', await flow.credentials(wrong, 'wrong'));
    await flow.gives(right, 'right');
    return flow.ends('authenticated');
  },

  'refused-properties': async ({ start }) => {
    const flow = await start('Kestrel');
    await flow.reaches('awaitingProperties');
    const SigningSecret = await flow.sealed('property:SigningSecret', 'p', 'recorded');
    const foreign = await flow.sealed('property:SigningSecret', 'another', 'recorded');
    const empty = await flow.sealed('property:SigningSecret', 'empty', '');
    const Environment = 'staging';
    for (const [problem, body] of [
      ['malformed', null],
      ['malformed', { submissionId: 'no such id!', values: {} }],
      ['malformed', { submissionId: 'p', values: { Environment: 7, SigningSecret } }],
      ['notSealed', { submissionId: 'p', values: { Environment, SigningSecret: 'in clear' } }],
      ['unknownProperty', { submissionId: 'p', values: { Environment, SigningSecret, Unknown: 'x' } }],
      ['missingProperty', { submissionId: 'p', values: { Environment } }],
      ['notOpenable', { submissionId: 'not-openable', values: { Environment, SigningSecret: foreign } }],
      ['missingProperty', { submissionId: 'empty', values: { Environment, SigningSecret: empty } }],
    ] as const) {
      await flow.signals('propertyInput', body);
      await flow.reaches('awaitingProperties', problem);
    }
    await flow.signals('credentialInput', await flow.credentials(right));
    await flow.reaches('awaitingProperties', 'notNow');
    await flow.sets({ Environment: 'wrong', SigningSecret: 'recorded' });
    await flow.sets({ Environment, SigningSecret: 'recorded' });
    await flow.gives(right);
    return flow.ends('authenticated');
  },

  'refused-credentials': async ({ start }) => {
    const flow = await start('Brightdesk');
    await flow.reaches('awaitingCredentials');
    for (const [problem, body] of [
      ['malformed', 'no object'],
      ['notSealed', { submissionId: 'c', credentials: 'in clear' }],
      ['notOpenable', await foreignTo(flow)],
      ['wrongKind', await flow.credentials(basic)],
      ['refused', await flow.credentials(wrong)],
    ] as const) {
      await flow.signals('credentialInput', body);
      await flow.reaches('awaitingCredentials', problem);
    }
    await flow.signals('propertyInput', { submissionId: 'p', values: {} });
    await flow.reaches('awaitingCredentials', 'notNow');
    await flow.gives(right);
    return flow.ends('authenticated');
  },

  'unknown-signals': async ({ start }) => {
    const flow = await start('Brightdesk');
    await flow.signals('nobodyKnowsMe', { secret: 'never recorded' });
    await flow.reaches('awaitingCredentials');
    await flow.signals('norMe');
    await flow.gives(right);
    return flow.ends('authenticated');
  },

  /** The caller is told how it stands after ten seconds. */
  'late-answer': async ({ start }) => {
    const flow = await start('Brightdesk');
    await flow.reaches('awaitingCredentials');
    flow.fails({ method: 'PUT', then: away(100) });
    await flow.gives(right);
    await flow.signals('cancel');
    return flow.ends('cancelled');
  },

  'property-lost-meanwhile': async ({ start }) => {
    const flow = await start('Quartz', { patch: { Properties: [{ Name: 'ClientId', Value: 'app' }] } });
    await flow.reaches('awaitingProperties');
    flow.changes({ Properties: [] });
    await flow.sets({ ClientSecret: 'recorded' });
    await flow.reaches('awaitingProperties', 'missingProperty');
    await flow.sets({ ClientId: 'app' });
    return flow.ends('authenticated');
  },

  'properties-are-enough': async ({ start }) => {
    const values = ['ClientId', 'ClientSecret'].map((Name) => ({ Name, Value: 'recorded' }));
    return (await start('Quartz', { patch: { Properties: values } })).ends('authenticated');
  },

  'properties-are-enough-and-refused': async ({ start }) => {
    const values = ['ClientId', 'ClientSecret'].map((Name) => ({ Name, Value: 'recorded' }));
    const fault = { method: 'PUT', then: { status: 400, body: { Message: 'No.' } } } as const;
    const flow = await start('Quartz', { patch: { Properties: values }, fault });
    await flow.reaches('awaitingProperties', 'refused');
    await flow.sets({ ClientSecret: 'another' });
    return flow.ends('authenticated');
  },

  'unsupported-after-properties': async ({ start }) => {
    const flow = await start('Fernhill', { patch: { Connector: { AuthType: 'AuthFields' } } });
    await flow.reaches('awaitingProperties');
    await flow.sets({ Domain: 'acme' });
    return flow.ends('unsupported');
  },
};

/** Sealed for another submission: it does not open here. */
async function foreignTo(flow: Flow) {
  return { ...(await flow.credentials(right)), submissionId: 'another' };
}
