/** Reads and lists connections, and starts and stops their monitors. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  connectionWorkflowIdOf,
  faultOfMonitor,
  isReadRecent,
  MONITOR_TYPE,
  type ConnectionState,
  type ConnectionView,
  type MonitorInput,
} from '../workflows/connection';
import { connectorKeyOf, workflowIdOf, type ConnectorKey, type Duration } from '../workflows/connector';
import { fairnessOf } from '../workflows/fairness';
import * as messages from '../workflows/messages';
import { monitorStart } from '../workflows/monitor-connection/start';
import type { TransactionError } from '../workflows/ports';
import {
  faultOfTransactionError,
  TRANSACTION_ERROR_TYPE,
  transactionErrorWorkflowIdOf,
} from '../workflows/transaction-errors';
import type { FinalStateName } from '../workflows/view';
import { isOpen, monitorsOfAccount } from '../workflows/visibility';
import type { ConnectionList, ListedConnection } from './answers';
import { ConnectorAuthError, undefinedIfNotFound } from './connector-auth-error';
import { connectorList } from './connector-list';
import { ANSWER_WITHIN_MS, requireIds, type LibraryParts } from './flow-calls';
import {
  FIRST_PAGE,
  hasRead,
  invalidInput,
  latestRuns,
  listed,
  OF_FLOWS,
  OPEN,
  pageOfRuns,
  type PageRequest,
  type Run,
} from './runs';

export interface ConnectionsRequest {
  accountId: string;
  /** The `next` of the previous page; absent for the first page. */
  page?: string;
  /** The number of runs that one page reads: 50 by default, at most 1,000. */
  pageSize?: number;
}

/** How to start, change or end the monitoring of a connector. */
export interface MonitorRequest {
  /** The time between two reads: 1 minute to 90 days. */
  every?: Duration;
  /** True to end the monitoring. */
  stop?: true;
}

const POLL_MS = 200;

/** For a connection without a monitor, the library reads at most this number of runs of the flow, newest first. */
const MAX_EARLIER_RUNS = 50;

/**
 * The highest number of monitors that the list reads for one page of flows. The list reads the newest monitors first.
 */
const MAX_MONITORS = 1000;

/** The query for the monitors of an account that are open or have ended as `gone`. */
const openOrGone = (accountId: string): string =>
  `${monitorsOfAccount(accountId)} AND (${OPEN} OR (ExecutionStatus = 'Completed' AND ConnectorAuthState = 'gone'))`;

const stateIn = ({ typedSearchAttributes }: Run): ConnectionState | undefined =>
  typedSearchAttributes.get(messages.searchAttributes.state) as ConnectionState | undefined;

/** The methods of the library for connections. */
export class Connections {
  readonly #library: LibraryParts;

  constructor(library: LibraryParts) {
    this.#library = library;
  }

  /**
   * Returns the answer of the connector's open monitor. If no monitor is open, and the latest monitor ended as `gone`,
   * returns the result of the latest monitor. In all other cases, makes the connection from the search attributes of
   * the runs of the connector's flow. Fails: `invalidInput`, `notStarted`.
   */
  async read(key: ConnectorKey): Promise<ConnectionView> {
    requireIds(key);
    return (await this.#readMonitor(key)) ?? (await this.#readGone(key)) ?? this.#readFlow(key);
  }

  /** The answer of the open monitor. `undefined` if no monitor is open. */
  #readMonitor(key: ConnectorKey): Promise<ConnectionView | undefined> {
    return this.#library.calls.queryOpen(connectionWorkflowIdOf(key), messages.connection).catch(undefinedIfNotFound);
  }

  /** The result of the latest monitor, if this monitor ended because Cyclr no longer has the connector. */
  async #readGone(key: ConnectorKey): Promise<ConnectionView | undefined> {
    const monitor = this.#library.client.workflow.getHandle(connectionWorkflowIdOf(key));
    const run = await monitor.describe().catch(undefinedIfNotFound);
    if (run?.status.name !== 'COMPLETED') return undefined;
    const end = (await monitor.result()) as ConnectionView;
    return end.state === 'gone' ? end : undefined;
  }

  async #readFlow(key: ConnectorKey): Promise<ConnectionView> {
    const { client } = this.#library;
    const run = await client.workflow.getHandle(workflowIdOf(key)).describe().catch(undefinedIfNotFound);
    if (!run) throw new ConnectorAuthError('notStarted', 'No monitor and no flow of this connector was started.');
    if (hasRead(run)) return withoutMonitor(key, [run]);
    // Only the earlier runs tell the state of the connection. The server allows only few visibility calls a second.
    const { workflowId, runId } = run;
    const query = `${OF_FLOWS} AND WorkflowId = "${workflowId}"`;
    const { runs } = await pageOfRuns(client, { query, pageSize: MAX_EARLIER_RUNS });
    const earlier = runs.filter((one) => one.workflowId === workflowId && one.runId !== runId);
    return withoutMonitor(key, [run, ...earlier]);
  }

  /**
   * One page of the list. The first pages have the connections whose monitor is open, or whose latest monitor ended as
   * `gone`. The later pages have the account's other connectors; their items are made from the latest runs of their
   * flows. Fails: `invalidInput`.
   */
  async list({ accountId, page = FIRST_PAGE, pageSize = 50 }: ConnectionsRequest): Promise<ConnectionList> {
    const fault = faultOfMonitor({ accountId, connectorId: 1 });
    if (fault) throw invalidInput(fault);
    if (page.startsWith('c')) return this.#listFlows({ accountId, page: page.slice(1), pageSize });
    if (page !== FIRST_PAGE && !page.startsWith('m')) throw invalidInput('page is not the `next` of an earlier answer');
    const query = openOrGone(accountId);
    const { runs, next } = await this.#monitors({ query, page: page === FIRST_PAGE ? page : page.slice(1), pageSize });
    return {
      items: runs.flatMap((run) => monitored(run, accountId)),
      next: next === undefined ? `c${FIRST_PAGE}` : `m${next}`,
    };
  }

  async #listFlows(request: Required<ConnectionsRequest>): Promise<ConnectionList> {
    const { items, next } = await connectorList(this.#library.client, request);
    const ids = items.map((item) => `"${connectionWorkflowIdOf(item)}"`).join(', ');
    const query = `${openOrGone(request.accountId)} AND WorkflowId IN (${ids})`;
    const { runs } = ids === '' ? { runs: [] } : await this.#monitors({ query, pageSize: MAX_MONITORS });
    const known = new Set(runs.map(({ workflowId }) => workflowId));
    const others = items.filter((item) => !known.has(connectionWorkflowIdOf(item)));
    return {
      items: others.map(({ accountId, connectorId, name, connected, since }) => ({
        accountId,
        connectorId,
        ...stateOf(connected, since),
        ...(name !== undefined && { name }),
      })),
      ...(next !== undefined && { next: `c${next}` }),
    };
  }

  /** One page of the runs that {@link openOrGone} finds, without the runs that are not the latest of their monitors. */
  async #monitors(request: PageRequest): Promise<{ runs: Run[]; next?: string }> {
    const { client } = this.#library;
    const { runs, next } = await pageOfRuns(client, request);
    const latest = await latestRuns(client, runs, request.page);
    // The latest run of a monitor can have another state than the run that the query has found.
    return { runs: latest.filter((run) => isOpen(run) || stateIn(run) === 'gone'), next };
  }

  /**
   * Starts the monitor, or lets the open monitor read the connector now. Returns the connection after the read, or the
   * current connection if the monitor has not read within 10 s. Without `every`, a monitor whose last read was less
   * than 10 s ago does not read again. `stop`: ends the monitor, and returns its last answer. Fails: `invalidInput`,
   * `notStarted`; `paused` or `noWorker` if the open monitor does not answer. In this case, the monitor gets its
   * signal, and handles the signal later.
   */
  async monitor(key: ConnectorKey, { every, stop }: MonitorRequest): Promise<ConnectionView> {
    const input: MonitorInput = { ...key, ...(every !== undefined && { every }) };
    const fault = faultOfMonitor(input);
    if (fault) throw invalidInput(fault);
    if (stop) return this.#stop(key);
    const check = () =>
      this.#library.client.workflow.signalWithStart(MONITOR_TYPE, {
        ...monitorStart(input, this.#library.taskQueue),
        signal: messages.checkConnection,
        signalArgs: [every === undefined ? {} : { every }],
      });
    const before = await this.#readMonitor(key).finally(check);
    // A monitor whose last read was less than 10 s ago reads again only if the signal has a new interval.
    const waitMs = every === undefined && isReadRecent(before?.checkedAt, Date.now()) ? 0 : ANSWER_WITHIN_MS;
    return this.#afterRead(key, before?.checkedAt, waitMs);
  }

  /** Waits up to `waitMs` until the monitor has read the connector, and returns the connection. */
  async #afterRead(key: ConnectorKey, checkedAt: string | undefined, waitMs: number): Promise<ConnectionView> {
    const until = Date.now() + waitMs;
    for (;;) {
      const seen = await this.read(key);
      if (seen.checkedAt !== checkedAt || seen.state === 'gone' || Date.now() >= until) return seen;
      await delay(POLL_MS);
    }
  }

  async #stop(key: ConnectorKey): Promise<ConnectionView> {
    const monitor = this.#library.client.workflow.getHandle(connectionWorkflowIdOf(key));
    const stop = () => monitor.signal(messages.stopMonitor).catch(undefinedIfNotFound);
    return (await this.#readMonitor(key).finally(stop)) ?? this.read(key);
  }

  /**
   * Starts the workflow for a message in which Cyclr reports a failed call of a cycle. Does nothing if the workflow for
   * this cycle is already open. Fails: `invalidInput`.
   */
  async reportTransactionError(error: TransactionError): Promise<void> {
    const fault = faultOfTransactionError(error);
    if (fault) throw invalidInput(fault);
    await this.#library.client.workflow.start(TRANSACTION_ERROR_TYPE, {
      taskQueue: this.#library.taskQueue,
      workflowId: transactionErrorWorkflowIdOf(error),
      workflowIdConflictPolicy: 'USE_EXISTING',
      priority: fairnessOf(error.accountId),
      args: [error],
      staticSummary: `A call of a cycle of ${error.accountId} failed to authenticate`,
      typedSearchAttributes: [{ key: messages.searchAttributes.accountId, value: error.accountId }],
    });
  }
}

/**
 * Makes the state of a connection from `connected`, the value of Cyclr's `Authenticated` when a flow last read the
 * connector. The state is absent if no flow has read the connector.
 */
const stateOf = (connected: boolean | undefined, since: string): Pick<ConnectionView, 'state' | 'since'> =>
  connected === undefined ? {} : { state: connected ? 'connected' : 'broken', since };

/**
 * Makes a connection from the runs of a flow, newest first. The state comes from the newest run that has read the
 * connector, and the outcome from the newest run that has ended. So a flow that has not read the connector yet does not
 * change the connection.
 */
function withoutMonitor(key: ConnectorKey, runs: readonly Run[]): ConnectionView {
  const itemOf = (run: Run | undefined) => run && listed(key, run);
  const read = itemOf(runs.find(hasRead));
  const ended = itemOf(runs.find((run) => !isOpen(run) && run.status.name !== 'CONTINUED_AS_NEW'));
  const name = (read ?? ended)?.name;
  return {
    ...key,
    ...(read && stateOf(read.connected, read.since)),
    ...(name !== undefined && { name }),
    ...(ended && { lastOutcome: { runId: ended.runId, state: ended.state as FinalStateName, at: ended.since } }),
    revision: 0,
  };
}

/**
 * Turns the run of a monitor into one item of the list of connections. Returns no item if the workflow id names no
 * connector of this account: some databases do not tell `acme` from `ACME` in a query.
 */
function monitored(run: Run, accountId: string): ListedConnection[] {
  const { workflowId, typedSearchAttributes } = run;
  const key = connectorKeyOf(workflowId.replace(/^connection\//, 'connector-auth/'));
  if (key?.accountId !== accountId) return [];
  const { name, since } = messages.searchAttributes;
  const found = {
    name: typedSearchAttributes.get(name),
    state: stateIn(run),
    since: typedSearchAttributes.get(since)?.toISOString(),
  };
  const present = Object.entries(found).filter(([, value]) => value !== undefined);
  return [{ ...key, ...(Object.fromEntries(present) as typeof found) }];
}
