/** Compares both workflows with a state machine on PostgreSQL that has the same steps, but no Temporal. */
import { Client, Pool } from 'pg';
import { startTogether } from '../../scripts/local/process';
import { workflowIdOf, type ConnectorKey } from '../../workflows/connector';
import { costRows, type Comparison } from '../comparison';
import { checkConnector, prepare, timed } from '../flows';
import { cpuMsOf, cpuMsOfFamily } from '../processes';
import { playSides, sideOf, type Side } from '../rounds';
import { startStack, type Stack } from '../stack';
import { startCluster, type Cluster } from './cluster';
import { giveCredentials, giveProperties, schema, startFlow } from './machine';

/** The time limit of the wait for one state. Only a flow that hangs reaches this limit. */
const WITHIN_MS = 600_000;

/** Starts PostgreSQL, and the stack of both workflows. */
export const startPostgresqlStacks = () =>
  startTogether(async (onStop) => {
    const cluster = await startCluster();
    onStop(cluster.stop);
    const stack = await startStack();
    onStop(stack.stop);
    return { cluster, stack };
  });

/** Plays rounds of our flow, the minimal workflow and the state machine, in turn. */
export async function comparePostgresql(
  { cluster, stack }: { cluster: Cluster; stack: Stack },
  { rounds, flows }: { rounds: number; flows: number },
  say: (line: string) => void,
): Promise<Comparison[]> {
  const client = await connectClient(cluster.url);
  try {
    return await playAll({ cluster, stack, client }, { rounds, flows }, say);
  } finally {
    await client.close();
  }
}

async function playAll(
  { cluster, stack, client }: { cluster: Cluster; stack: Stack; client: FlowClient },
  { rounds, flows }: { rounds: number; flows: number },
  say: (line: string) => void,
): Promise<Comparison[]> {
  const sides = {
    ours: sideOf(stack, 'ours', (await stack.startWorker('ours')).pid),
    minimal: sideOf(stack, 'minimal', (await stack.startWorker('minimal')).pid),
    postgresql: postgresqlSide({ cluster, stack, client }, (await stack.startWorker('postgresql', { DATABASE_URL: cluster.url })).pid), // prettier-ignore
  };
  const played = await playSides(sides, { rounds, flows }, say);
  return [
    { headings: ['our flow', 'PostgreSQL'], rows: costRows({ ours: played.ours, minimal: played.postgresql }) },
    {
      headings: ['minimal workflow', 'PostgreSQL'],
      rows: costRows({ ours: played.minimal, minimal: played.postgresql }),
    },
  ];
}

function postgresqlSide(
  { cluster, stack, client }: { cluster: Cluster; stack: Stack; client: FlowClient },
  pid: number,
): Side {
  const { db, reaches } = client;
  return {
    prepare: (count) => prepare(stack, count),
    play: async ({ key, properties, credentials }) => {
      await reaches(key, 'awaitingProperties', () => startFlow(db, key));
      const propertyMs = await timed(() =>
        reaches(key, 'awaitingCredentials', () => giveProperties(db, key, properties)),
      );
      const credentialMs = await timed(() =>
        reaches(key, 'authenticated', () => giveCredentials(db, key, credentials)),
      );
      const check = async () => {
        await checkConnector(stack, key);
        return { events: 0, bytes: 0 }; // a flow on PostgreSQL is a row, which has no history
      };
      return { inputMs: [propertyMs, credentialMs], check };
    },
    serverCpuMs: () => cpuMsOfFamily(cluster.pid),
    workerCpuMs: () => cpuMsOf(pid),
    stored: () => 0, // the bench does not compare the size of the database
  };
}

interface FlowClient {
  db: Pool;
  /** Runs `act`, and waits until the flow `key` is in the state `state`. */
  reaches(key: ConnectorKey, state: string, act: () => Promise<unknown>): Promise<void>;
  close(): Promise<void>;
}

/** Creates the table, and listens to the states of all flows. */
async function connectClient(url: string): Promise<FlowClient> {
  // Ignores an error of an idle connection, because the next query reports the error.
  const db = new Pool({ connectionString: url }).on('error', () => undefined);
  await db.query(schema);
  const listener = new Client({ connectionString: url });
  listener.on('error', () => undefined);
  await listener.connect();
  await listener.query('LISTEN states');
  const waiting = new Map<string, () => void>();
  listener.on('notification', ({ payload = '' }) => waiting.get(payload)?.());
  return {
    db,
    reaches: async (key, state, act) => {
      const name = `${workflowIdOf(key)} ${state}`;
      const reached = new Promise<void>((resolve, reject) => {
        const limit = setTimeout(() => reject(new Error(`${workflowIdOf(key)} is not in ${state}`)), WITHIN_MS);
        waiting.set(name, () => (clearTimeout(limit), waiting.delete(name), resolve()));
      });
      await act();
      await reached;
    },
    close: async () => {
      await listener.end();
      await db.end();
    },
  };
}
