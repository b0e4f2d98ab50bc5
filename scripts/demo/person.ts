/** A person with a session of the onboarding service, who consents at the third party. */
import { consentInBrowser } from '../../sandbox/browser';
import type { Session } from '../../client/http';
import type { ConnectorKey } from '../../workflows/connector';
import type { View } from '../../workflows/view';
import { persistently, type PersistentOptions } from '../user/persistent';
import { backendCallOf } from '../user/transports';
import { waitFor } from './wait';

export interface PersonParts {
  serviceUrl: string;
  sandboxUrl: string;
  session: Session;
  key: ConnectorKey;
  patience: PersistentOptions;
}

/** Starts a re-authentication as the connect page does after a click. The session must allow a re-authentication. */
export async function reauthenticate({ serviceUrl, session, key, patience }: PersonParts): Promise<View> {
  const call = backendCallOf({ url: serviceUrl, apiKey: session.token });
  const path = `/v1/session/connectors/${key.connectorId}/reauthenticate`;
  return (await persistently(() => call('POST', path, {}), patience)) as View;
}

/** Goes to the consent page, approves, and returns to the service. Returns the final view of the connector. */
export async function consent(parts: PersonParts): Promise<View> {
  await reaches(parts, 'awaitingAuthorization');
  const { location } = await consentInBrowser(parts.sandboxUrl, await consentLink(parts), 'approve');
  if (location === undefined) throw new Error('The consent leads to no page of the service.');
  await fetch(location);
  return reaches(parts, 'authenticated');
}

/** Posts the form of the connect page. The answer is a page that leads the browser to the third party. */
async function consentLink({ serviceUrl, session, key }: PersonParts): Promise<string> {
  const answer = await fetch(`${serviceUrl}/connect/go`, {
    method: 'POST',
    headers: { Origin: new URL(session.url).origin },
    body: new URLSearchParams({ session: session.token, connectorId: `${key.connectorId}` }),
  });
  const [, url] = /http-equiv="refresh" content="0;url=([^"]+)"/.exec(await answer.text()) ?? [];
  if (url === undefined) throw new Error(`The page of the service has no link to the consent (${answer.status}).`);
  return url.replaceAll('&amp;', '&');
}

/** Waits until the connector is in this state on the connect page. */
function reaches({ serviceUrl, session, key, patience }: PersonParts, state: View['state']): Promise<View> {
  const call = backendCallOf({ url: serviceUrl, apiKey: session.token });
  return waitFor(`The connector does not reach the state ${state}.`, async () => {
    const { connectors } = (await persistently(() => call('GET', '/v1/session'), patience)) as { connectors: View[] };
    return connectors.find((view) => view.connectorId === key.connectorId && view.state === state);
  });
}
