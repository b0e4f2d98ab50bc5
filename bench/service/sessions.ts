/** What a browser has in its hands. */
import { postJson } from '../../scripts/post-json';
import type { ConnectorKey } from '../../workflows/connector';
import type { BenchService } from '../stack';

/** The token of a session for one connector. Its flow is started where it does not run. */
export async function sessionOf({ url, apiKey }: BenchService, key: ConnectorKey): Promise<string> {
  const body = { accountId: key.accountId, connectorIds: [key.connectorId] };
  const minted = await postJson(`${url}/v1/sessions`, body, { Authorization: `Bearer ${apiKey}` });
  return (minted as { token: string }).token;
}
