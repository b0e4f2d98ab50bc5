/** A connector of every auth type to its end, as the demo shows them. */
import type { View } from '../../../workflows/messages';
import { rows, type Row } from '../../demo/rows';
import type { Flow } from '../flow';
import type { Path, Paths } from '../path';

export const authTypes: Paths = Object.fromEntries(
  rows.map((row) => [`auth-type-${row.connector.toLowerCase()}`, walk(row)]),
);

function walk({ connector, properties = [], credentials = [], consents, ends }: Row): Path {
  return async ({ start }) => {
    const flow = await start(connector);
    let view = await settled(flow);
    for (const values of properties) view = await flow.sets(values);
    for (const given of credentials) view = await flow.gives(given);
    if (consents && view.state === 'awaitingAuthorization') await consent(flow);
    return flow.ends(ends);
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
