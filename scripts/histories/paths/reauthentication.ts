/** What is authenticated already asks for new input, which overwrites the old. */
import type { ConnectorPatch } from '../../../sandbox/control';
import type { Credentials } from '../../../workflows/messages';
import type { Flow, Start } from '../flow';
import type { Path, Paths } from '../path';

const intent = 'reauthenticate';
const again = (AuthValue: string, more: ConnectorPatch = {}): Start => ({
  intent,
  patch: { Authenticated: true, AuthValue, ...more },
});

const gives =
  (connector: string, start: Start, credentials: Credentials): Path =>
  async (play) => {
    const flow = await play.start(connector, start);
    await flow.reaches('awaitingCredentials');
    await flow.gives(credentials);
    return flow.ends('authenticated');
  };

const consents =
  (act: (flow: Flow) => Promise<unknown>): Path =>
  async ({ start }) => {
    const flow = await start('Ledgerly', again('{"AccessToken":"old"}'));
    await flow.reaches('awaitingAuthorization');
    await act(flow);
    return flow.ends('authenticated');
  };

export const reauthentication: Paths = {
  'reauthenticate-api-key': gives('Evergreen', { intent }, { kind: 'apiKey', key: 'new' }),
  'reauthenticate-basic': gives('Insightful', again('b2xkOg=='), { kind: 'basic', username: 'new', password: '' }),
  'reauthenticate-tokens': gives('Homeport', again('{"AccessToken":"old"}'), { kind: 'tokens', accessToken: 'new' }),

  'reauthenticate-consent': consents(async (flow) => {
    const link = await flow.asks();
    await flow.decides(link, 'approve');
    await flow.confirms(link);
  }),
  'reauthenticate-consent-unproven': consents(async (flow) => {
    const link = await flow.asks();
    await flow.decides(link, 'close');
    await flow.returns(link);
  }),

  'reauthenticate-client-credentials': async ({ start }) => {
    const Properties = ['ClientId', 'ClientSecret'].map((Name) => ({ Name, Value: 'old' }));
    const flow = await start('Quartz', again('{}', { Properties }));
    await flow.reaches('awaitingProperties');
    await flow.sets({ ClientSecret: 'new' });
    return flow.ends('authenticated');
  },

  'reauthenticate-none': async ({ start }) => (await start('Openrates', { intent })).ends('authenticated'),

  'reauthenticate-expired': async ({ start }) => {
    const flow = await start('Ledgerly', { ...again('{"AccessToken":"old"}'), patience: { authorization: 500 } });
    return flow.ends('expired');
  },
};
