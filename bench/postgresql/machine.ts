/**
 * The steps of the minimal workflow as a state machine on PostgreSQL, written by hand without an engine: the baseline
 * of `--postgresql`. A flow is a row. Each statement is one transaction, which changes the row and notifies the
 * processes.
 */
import { Client, Pool } from 'pg';
import { authValueOf } from '../../activities/credentials';
import type { CyclrClient } from '../../activities/cyclr/client';
import { setProperties } from '../../activities/properties';
import { credentialsOf } from '../../sealing/credentials';
import type { PrivateKeys } from '../../sealing/keys';
import { open } from '../../sealing/seal';
import { workflowIdOf, type ConnectorKey } from '../../workflows/connector';
import type { CredentialInput, PropertyInput } from '../../workflows/messages';

/** The number of steps that a process runs at the same time. */
const AT_ONCE = 40;
/**
 * The time between two searches for due steps. A user's input starts a search at once. The end of a step starts a
 * search if a search has waited for a free place.
 */
const SEARCH_MS = 1_000;

/** `due_at`: when a process must run the step of the state. Null if the flow waits for its user, or has ended. */
export const schema = `
  CREATE TABLE flows (
    id text PRIMARY KEY,
    account_id text NOT NULL,
    connector_id integer NOT NULL,
    state text NOT NULL DEFAULT 'fetchingConnector',
    properties jsonb,
    credentials jsonb,
    tries integer NOT NULL DEFAULT 0,
    due_at timestamptz DEFAULT now()
  );
  CREATE INDEX due ON flows (due_at) WHERE due_at IS NOT NULL`;

/** Starts a flow. A second start of the same connector changes nothing. */
export const startFlow = (db: Pool, key: ConnectorKey) =>
  db.query(
    `WITH started AS (INSERT INTO flows (id, account_id, connector_id) VALUES ($1, $2, $3)
       ON CONFLICT DO NOTHING RETURNING id)
     SELECT pg_notify('work', '') FROM started`,
    [workflowIdOf(key), key.accountId, key.connectorId],
  );

export const giveProperties = (db: Pool, key: ConnectorKey, input: PropertyInput) =>
  give(db, key, 'properties', input, { from: 'awaitingProperties', to: 'applyingProperties' });

export const giveCredentials = (db: Pool, key: ConnectorKey, input: CredentialInput) =>
  give(db, key, 'credentials', input, { from: 'awaitingCredentials', to: 'applyingCredentials' });

/** Stores an input. Fails if the flow does not wait for it. */
async function give(
  db: Pool,
  key: ConnectorKey,
  column: 'properties' | 'credentials',
  input: object,
  { from, to }: { from: string; to: string },
): Promise<void> {
  const { rowCount } = await db.query(
    `WITH given AS (UPDATE flows SET ${column} = $1, state = $2, due_at = now() WHERE id = $3 AND state = $4 RETURNING id)
     SELECT pg_notify('work', '') FROM given`,
    [JSON.stringify(input), to, workflowIdOf(key), from],
  );
  if (rowCount === 0) throw new Error(`${workflowIdOf(key)} is not in ${from}`);
}

interface Parts {
  cyclr: CyclrClient;
  keys: PrivateKeys;
}

interface Flow {
  id: string;
  account_id: string;
  connector_id: number;
  state: string;
  properties: PropertyInput;
  credentials: CredentialInput;
  tries: number;
}

type Step = { act: (parts: Parts, key: ConnectorKey, flow: Flow) => Promise<unknown>; next: string };

/**
 * The step of each working state. A process can die after a step and before it changes the row, so each step is safe to
 * repeat.
 */
const steps: { [state: string]: Step } = {
  fetchingConnector: { act: ({ cyclr }, key) => cyclr.getAccountConnector(key), next: 'awaitingProperties' },
  applyingProperties: {
    act: async ({ cyclr }, key, { properties }) => {
      await setProperties(cyclr, key, new Map(Object.entries(properties.values as { [name: string]: string })));
      await cyclr.getAccountConnector(key);
    },
    next: 'awaitingCredentials',
  },
  applyingCredentials: {
    act: async ({ cyclr, keys }, key, { credentials: { submissionId, credentials } }) => {
      const opened = credentialsOf(await open(credentials, { ...key, purpose: 'credentials', submissionId }, keys));
      const { authenticated } = await cyclr.putAuthValue(key, authValueOf(opened));
      if (!authenticated) throw new Error('Cyclr does not report the connector as authenticated');
    },
    next: 'authenticated',
  },
};

/**
 * Claims due steps for this process. A claimed step is due again after a minute, so another process repeats the step if
 * the first process dies.
 */
const CLAIM = `
  UPDATE flows SET tries = tries + 1, due_at = now() + interval '1 minute' WHERE id IN (
    SELECT id FROM flows WHERE due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
  RETURNING *`;
/**
 * Writes the end of a step into its row. If a second process has claimed the step in the meantime, `tries` in the row
 * has another value, and this statement changes nothing.
 */
const FINISH = `
  WITH finished AS (UPDATE flows SET state = $1, due_at = NULL, tries = 0 WHERE id = $2 AND state = $3 AND tries = $4
    RETURNING id)
  SELECT pg_notify('states', id || ' ' || $1) FROM finished`;
const RETRY = `
  UPDATE flows SET due_at = now() + least(30, 2 ^ (tries - 1)) * interval '1 second'
  WHERE id = $1 AND state = $2 AND tries = $3`;

/** Runs the steps of all flows until `stop`, which waits for the running steps. */
export async function runSteps(databaseUrl: string, parts: Parts): Promise<{ stop(): Promise<void> }> {
  const db = new Pool({ connectionString: databaseUrl });
  const listener = new Client({ connectionString: databaseUrl });
  const running = new Set<Promise<void>>();
  let searching: Promise<void> | undefined;
  let isDue = false;

  async function run({ id, state, tries, ...flow }: Flow): Promise<void> {
    const { act, next } = steps[state]!;
    const key = { accountId: flow.account_id, connectorId: flow.connector_id };
    try {
      await act(parts, key, { id, state, tries, ...flow });
      await db.query(FINISH, [next, id, state, tries]);
    } catch (err) {
      process.stderr.write(`${id}, ${state}, try ${tries}: ${(err as Error).message}\n`);
      await db.query(RETRY, [id, state, tries]);
    }
  }

  /** Claims due steps, and starts them. If a notification arrives during a search, one more search follows. */
  async function search(): Promise<void> {
    for (isDue = true; isDue && running.size < AT_ONCE;) {
      isDue = false;
      const { rows } = await db.query<Flow>(CLAIM, [AT_ONCE - running.size]);
      for (const flow of rows) {
        const step = run(flow).finally(() => (running.delete(step), isDue && wake()));
        running.add(step);
      }
    }
  }

  function wake(): void {
    isDue = true;
    searching ??= search().finally(() => (searching = undefined));
  }

  await listener.connect();
  listener.on('notification', wake);
  await listener.query('LISTEN work');
  const timer = setInterval(wake, SEARCH_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      await listener.end();
      await searching;
      await Promise.all(running);
      await db.end();
    },
  };
}
