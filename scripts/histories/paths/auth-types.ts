/** Every connector of the catalogue to its end; Fernhill's inputs are wrong the first time. */
import type { View } from '../../../workflows/view';
import { expectations, type Expectation } from '../../user/expectations';
import type { Flow } from '../flow';
import type { Path, Paths } from '../path';

export const authTypes: Paths = Object.fromEntries(
  Object.entries(expectations).map(([connector, expectation]) => [
    `auth-type-${connector.toLowerCase()}`,
    walk(connector, expectation),
  ]),
);

function walk(connector: string, { properties, credentials, consent: consents, state }: Expectation): Path {
  return async ({ start }) => {
    const flow = await start(connector);
    let view = await settled(flow);
    if (connector === 'Fernhill') await flow.sets({ Domain: 'wrong-domain' });
    if (properties) view = await flow.sets({ ...properties });
    if (connector === 'Fernhill') await flow.gives({ kind: 'apiKey', key: 'wrong-key' });
    if (credentials) view = await flow.gives(credentials);
    if (consents && view.state === 'awaitingAuthorization') await consent(flow);
    return flow.ends(state);
  };
}

async function settled(flow: Flow): Promise<View> {
  for (;;) {
    const view = await flow.view();
    if (view.state !== 'fetchingConnector') return view;
  }
}

async function consent(flow: Flow): Promise<void> {
  const link = await flow.asks();
  await flow.decides(link, 'approve');
  await flow.confirms(link);
}
