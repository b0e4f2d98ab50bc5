/** Everything that ends a flow before it is authenticated. */
import { away, type Fault, type Flow } from '../flow';
import type { Path, Paths, Play } from '../path';
import { waiting } from './consent';
import { right } from './inputs';

/** A flow in each state that has not ended; those that call Cyclr are kept in it by a pause. */
const reaching: { [name: string]: (play: Play, then: Fault['then']) => Promise<Flow> } = {
  fetching: ({ start }, then) => start('Brightdesk', { fault: { then } }),
  'waiting-for-properties': async ({ start }) => {
    const flow = await start('Fernhill');
    await flow.reaches('awaitingProperties');
    return flow;
  },
  'applying-properties': async ({ start }, then) => {
    const flow = await start('Fernhill');
    await flow.reaches('awaitingProperties');
    flow.fails({ path: '/properties$', then });
    return flow.signals('propertyInput', { submissionId: 'p', values: { Domain: 'acme' } });
  },
  'waiting-for-credentials': async ({ start }) => {
    const flow = await start('Brightdesk');
    await flow.reaches('awaitingCredentials');
    return flow;
  },
  'applying-credentials': async ({ start }, then) => {
    const flow = await start('Brightdesk');
    await flow.reaches('awaitingCredentials');
    flow.fails({ method: 'PUT', then });
    return flow.signals('credentialInput', await flow.credentials(right));
  },
  'waiting-for-consent': waiting,
  verifying: async (play, then) => {
    const flow = await waiting(play);
    const link = await flow.asks();
    flow.fails({ method: 'GET', then });
    return flow.returns(link);
  },
};
const callsCyclr = ['fetching', 'applying-properties', 'applying-credentials', 'verifying'];

/** The same path from each of these. */
const each = (froms: readonly string[], name: (from: string) => string, path: (from: string) => Path): Paths =>
  Object.fromEntries(froms.map((from) => [name(from), path(from)]));

/** Until the flow pauses, where it calls Cyclr. */
async function paused(flow: Flow, from: string): Promise<Flow> {
  if (!callsCyclr.includes(from)) return flow;
  for (;;) if ((await flow.view()).problem?.code === 'cyclrUnavailable') return flow;
}

export const endings: Paths = {
  ...each(
    Object.keys(reaching),
    (from) => `cancelled-${from}`,
    (from) => async (play) => {
      const flow = await paused(await reaching[from]!(play, away(100)), from);
      await flow.signals('cancel', { reason: 'recorded', by: 'recorder' });
      return flow.ends('cancelled');
    },
  ),
  ...each(
    Object.keys(reaching),
    (from) => `cancelled-by-temporal-${from}`,
    (from) => async (play) => {
      const flow = await paused(await reaching[from]!(play, away(100)), from);
      await flow.handle.cancel();
      return flow.breaks();
    },
  ),
  ...each(
    callsCyclr,
    (from) => `connector-gone-${from}`,
    (from) => async (play) => (await reaching[from]!(play, { status: 404 })).ends('failed'),
  ),

  'cancelled-while-cyclr-takes-it': async ({ start }) => {
    const flow = await start('Brightdesk');
    await flow.reaches('awaitingCredentials');
    flow.fails({ method: 'PUT', then: { kind: 'slow', ms: 1000 } });
    await flow.signals('credentialInput', await flow.credentials(right));
    await flow.reaches('applyingCredentials');
    await flow.signals('cancel');
    return flow.ends('authenticated');
  },

  'cancelled-between-two-looks': async (play) => {
    const flow = await waiting(play);
    await flow.returns(await flow.asks());
    await flow.reaches('verifyingAuthorization');
    await flow.sleeps('5s');
    await flow.signals('cancel');
    return flow.ends('cancelled');
  },

  'cancelled-before-anything': async ({ start }) => {
    const flow = await start('Brightdesk', { fault: { then: { kind: 'slow', ms: 500 } } });
    await flow.signals('cancel');
    return flow.ends('cancelled');
  },

  'expired-properties': async ({ start }) =>
    (await start('Fernhill', { patience: { properties: 500 } })).ends('expired'),
  'expired-credentials': async ({ start }) => {
    const flow = await start('Brightdesk', { patience: { credentials: '3s' } });
    await flow.signals('credentialInput', 'malformed');
    await flow.gives({ kind: 'basic', username: 'ada', password: '' });
    return flow.ends('expired');
  },
  'expired-consent': async ({ start }) =>
    (await start('Ledgerly', { patience: { authorization: 500 } })).ends('expired'),

  'access-denied': async ({ start }) => {
    const flow = await start('Brightdesk', { fault: { then: 'unauthorized', times: 'always' } });
    return flow.ends('failed');
  },

  'input-that-is-none': async ({ startAnyhow }) => (await startAnyhow(() => 'nonsense')).breaks(),
  'input-without-sense': async ({ startAnyhow }) =>
    (await startAnyhow((accountId) => ({ accountId, connectorId: 1, patience: { properties: '1 year' } }))).breaks(),
  'id-of-somebody-else': async ({ startAnyhow }) =>
    (await startAnyhow((accountId) => ({ accountId, connectorId: 2 }), 1)).breaks(),
};
