/** Hours and days: on the server that skips them. */
import { generateKey, publicKeyOf } from '../../../sealing/keys';
import { seal } from '../../../sealing/seal';
import { away, type Flow } from '../flow';
import type { Paths } from '../path';
import { waiting, wrongTokens } from './consent';
import { right } from './inputs';

const WEEK_S = 604_800;

export const time: Paths = {
  'link-ran-out': async (play) => {
    const flow = await waiting(play);
    const link = await flow.asks();
    await flow.sleeps('10m');
    await flow.decides(link, 'approve');
    return flow.ends('authenticated'); // nobody came back: it is found at the last look
  },

  'outage-at-every-step': async ({ start }) => {
    const flow = await start('Fernhill', { fault: { then: away(3600) } });
    await flow.sleeps('2h');
    await flow.reaches('awaitingProperties');
    flow.fails({ then: away(3600) });
    await flow.signals('propertyInput', { submissionId: 'p', values: { Domain: 'acme' } });
    await flow.sleeps('2h');
    await flow.reaches('awaitingCredentials');
    flow.fails({ then: away(3600) });
    await flow.signals('credentialInput', await flow.credentials(right));
    return flow.ends('authenticated');
  },

  'outage-while-verifying': async (play) => {
    const flow = await waiting(play);
    const link = await flow.asks();
    await flow.decides(link, 'approve');
    flow.fails({ then: away(3600) });
    await flow.returns(link);
    return flow.ends('authenticated');
  },

  'outage-of-hours': async ({ start }) => {
    const flow = await start('Brightdesk', { fault: { then: { status: 503 }, times: 40 } });
    await flow.sleeps('3h');
    await flow.reaches('awaitingCredentials');
    await flow.gives(right);
    return flow.ends('authenticated');
  },

  'operators-trouble': async ({ start }) => {
    const flow = await start('Brightdesk', { fault: { then: { status: 403 }, times: 3 } });
    await flow.sleeps('20m');
    await flow.reaches('awaitingCredentials');
    await flow.gives(right);
    return flow.ends('authenticated');
  },

  'outlasted-fetching': async ({ start }) => {
    const flow = await start('Brightdesk', { fault: { then: away(WEEK_S), times: 2 } });
    return flow.ends('expired');
  },

  'outlasted-applying': async ({ start }) => {
    const flow = await start('Fernhill');
    await flow.reaches('awaitingProperties');
    await aDayAway(flow, 'propertyInput', { submissionId: 'p', values: { Domain: 'acme' } });
    await flow.reaches('awaitingProperties', 'cyclrUnavailable');
    await flow.sets({ Domain: 'acme' });
    await aDayAway(flow, 'credentialInput', await flow.credentials(right));
    await flow.reaches('awaitingCredentials', 'cyclrUnavailable');
    await flow.gives(right);
    return flow.ends('authenticated');
  },

  'outlasted-while-properties-are-enough': async ({ start }) => {
    const Properties = ['ClientId', 'ClientSecret'].map((Name) => ({ Name, Value: 'recorded' }));
    const flow = await start('Quartz', {
      patch: { Properties },
      fault: { method: 'PUT', then: away(WEEK_S), times: 2 },
    });
    await flow.sleeps('25h');
    await flow.reaches('awaitingProperties', 'cyclrUnavailable');
    await flow.sets({});
    return flow.ends('authenticated');
  },

  'outlasted-while-tokens-are-stored': async (play) => {
    const flow = await waiting(play);
    await aDayAway(flow, 'credentialInput', await flow.credentials(wrongTokens));
    await flow.reaches('awaitingAuthorization', 'cyclrUnavailable');
    return flow.ends('expired');
  },

  'outlasted-verifying': async (play) => {
    const flow = await waiting(play);
    const { attemptId } = await flow.asks();
    await aDayAway(flow, 'oauthCallback', { attemptId });
    return flow.ends('expired');
  },

  'key-that-nobody-holds': async ({ start }) => {
    const flow = await start('Brightdesk');
    await flow.reaches('awaitingCredentials');
    const foreign = await publicKeyOf(JSON.stringify({ keys: [await generateKey()] }));
    const binding = { ...flow.key, purpose: 'credentials', submissionId: 'foreign' } as const;
    const credentials = await seal(JSON.stringify(right), binding, foreign);
    await flow.signals('credentialInput', { submissionId: 'foreign', credentials });
    await flow.sleeps('2m');
    await flow.reaches('awaitingCredentials', 'notOpenable');
    return flow.ends('expired');
  },

  'properties-never-enough': async ({ start }) => {
    const Properties = ['ClientId', 'ClientSecret'].map((Name) => ({ Name, Value: 'expired' }));
    const flow = await start('Quartz', { patch: { Properties } });
    await flow.sleeps('1m');
    await flow.reaches('awaitingProperties', 'notAuthorized');
    return flow.ends('expired');
  },

  'partners-tokens-never-enough': async ({ start }) => {
    const flow = await start('Homeport');
    await flow.reaches('awaitingCredentials');
    await tokensNeverEnough(flow);
    await flow.reaches('awaitingCredentials', 'notAuthorized');
    return flow.ends('expired');
  },

  'users-tokens-never-enough': async (play) => {
    const flow = await waiting(play);
    await tokensNeverEnough(flow);
    await flow.reaches('awaitingAuthorization', 'notAuthorized');
    flow.changes({ Authenticated: false });
    return flow.ends('expired');
  },

  'expired-after-a-week': async ({ start }) => (await start('Brightdesk')).ends('expired'),

  // Last: this server lets ten years pass for whoever asks a run that has failed for its result.
  'connector-gone-at-a-look': async (play) => {
    const flow = await waiting(play);
    await flow.asks();
    flow.fails({ method: 'GET', then: { status: 404 } });
    return flow.ends('failed');
  },
};

/** Cyclr is away when this comes, and for a day. */
async function aDayAway(flow: Flow, signal: string, body: unknown): Promise<void> {
  flow.fails({ then: away(WEEK_S), times: 2 });
  await flow.signals(signal, body);
  await flow.sleeps('25h');
}

/** Cyclr takes them, and is never authenticated by them. */
async function tokensNeverEnough(flow: Flow): Promise<void> {
  const { accountId, connectorId } = flow.key;
  flow.fails({ path: `/v1.0/account/connectors/${connectorId}`, then: 'unauthenticated', times: 10 });
  await flow.signals('credentialInput', await flow.credentials({ kind: 'tokens', accessToken: accountId }));
  await flow.sleeps('1m');
}
