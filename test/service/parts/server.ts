/** The service without Temporal, for requests that the service itself refuses, or that need no started flow. */
import type { ConnectorAuth } from '../../../client/connector-auth';
import { ConnectorAuthError } from '../../../client/connector-auth-error';
import { generateKey, publicHalf, publicKeyOf } from '../../../sealing/keys';
import { startServer, type Server, type ServerSettings } from '../server';

export interface ServerWithoutFlows extends Server {
  /** The names of the library's methods that the service has called. */
  called: string[];
}

export async function startServerWithoutFlows(settings: Partial<ServerSettings> = {}): Promise<ServerWithoutFlows> {
  const keys = { keys: [await generateKey()] };
  const sealing = { set: publicHalf(keys), key: await publicKeyOf(JSON.stringify(keys)) };
  const called: string[] = [];
  const server = await startServer({ auth: noFlows(called), sealing, ...settings });
  return { ...server, called };
}

/** A library without flows: every method fails with `notStarted`, as in the real library for an unknown flow. */
const noFlows = (called: string[]): ConnectorAuth =>
  new Proxy({} as ConnectorAuth, {
    get: (_target, name) => async () => {
      called.push(String(name));
      throw new ConnectorAuthError('notStarted', 'No flow is started.');
    },
  });
