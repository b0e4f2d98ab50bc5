/** The service with a worker, a sandbox and Temporal behind it. */
import type { Connection } from '@temporalio/client';
import type { ConnectorAuth } from '../../client/connector-auth';
import { keySetOf, publicHalf } from '../../sealing/keys';
import { callTemporal, reachability } from '../../temporal/readiness';
import type { ConnectorKey } from '../../workflows/connector';
import { openStage, type Stage } from '../support/stage';
import { startServer, type Server, type ServerSettings } from './server';

export { pathOf, type Answer, type Call } from '../support/http';
export { newSessionKeys, ORIGIN, OTHER_ORIGIN } from './server';

export interface Service extends Server {
  stage: Stage;
  /** Makes a session for the connectors `keys` of one account, and returns the token of the session. */
  session(keys: ConnectorKey | ConnectorKey[], more?: object): Promise<string>;
}

export interface Options extends Pick<ServerSettings, 'publicUrl' | 'allowedOrigins' | 'now'> {
  /** An open stage, which the caller closes. By default, the scene opens a new stage and closes it at the end. */
  stage?: Stage;
  /** A connection to Temporal in place of the stage's connection. */
  temporal?: { auth: ConnectorAuth; connection: Connection };
}

export async function openService({ stage: given, temporal, ...settings }: Options = {}): Promise<Service> {
  const stage = given ?? (await openStage());
  const { auth, connection } = temporal ?? stage;
  const server = await startServer({
    auth,
    sealing: { set: publicHalf(await keySetOf(stage.keys)), key: stage.publicKey },
    trouble: reachability(() => callTemporal(connection, stage.namespace)),
    ...settings,
  });
  return {
    ...server,
    stage,
    async session(keys, more = {}) {
      const all = [keys].flat();
      const body = { accountId: all[0]?.accountId, connectorIds: all.map(({ connectorId }) => connectorId), ...more };
      const answer = await server.asBackend('POST', '/v1/sessions', body);
      if (answer.status !== 201) throw new Error(`POST /v1/sessions: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body.token as string;
    },
    async close() {
      await server.close();
      if (!given) await stage.close();
    },
  };
}
