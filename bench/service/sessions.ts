/** What a browser has in its hands. */
import { mintSession } from '../../scripts/local/parts';
import type { ConnectorKey } from '../../workflows/connector';
import type { BenchService } from '../stack';

/** The token of a session for one connector. Its flow is started where it does not run. */
export async function sessionOf(service: BenchService, { accountId, connectorId }: ConnectorKey): Promise<string> {
  return (await mintSession(service, { accountId, connectorIds: [connectorId] })).token;
}
