/** Sessions of browsers. */
import { mintSession } from '../../scripts/local/parts';
import type { ConnectorKey } from '../../workflows/connector';
import type { BenchService } from '../stack';

/** Creates a session for one connector and returns its token. Starts the flow if none is open. */
export async function sessionOf(service: BenchService, { accountId, connectorId }: ConnectorKey): Promise<string> {
  return (await mintSession(service, { accountId, connectorIds: [connectorId] })).token;
}
