/** `list()` of ConnectorAuth gives all connectors, page by page, with a limited number of calls for each page. */
import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import type { ListedConnector } from '../../client/answers';
import type { interceptors } from '../../temporal/grpc-retry';
import { type ConnectorKey } from '../../workflows/connector';
import { eventually } from '../support/eventually';
import { openStage, type Stage } from '../support/stage';

let stage: Stage;
beforeAll(async () => (stage = await openStage()));
afterAll(() => stage.close());

type Request = Parameters<ConnectorAuth['list']>[0];

/** The items of each page, from the first to the last. */
async function pagesOf(request: Request, auth = stage.auth): Promise<ListedConnector[][]> {
  const pages: ListedConnector[][] = [];
  let page: string | undefined;
  do {
    const { items, next } = await auth.list({ ...request, page });
    pages.push(items);
    page = next;
  } while (page !== undefined);
  return pages;
}

/** Starts a flow of the connector and waits for its end, `times` times. */
async function runs(key: ConnectorKey, times: number): Promise<void> {
  for (let run = 0; run < times; run++) {
    await stage.auth.start(key);
    await stage.auth.result(key);
  }
}

const indexed = (accountId: string, count: number) =>
  eventually(
    () =>
      stage.client.workflow.count(`WorkflowId STARTS_WITH "connector-auth/${accountId}/" AND CloseTime IS NOT NULL`),
    (found) => found.count === count,
  );
const ids = (items: { connectorId: number }[]) => items.map(({ connectorId }) => connectorId).sort();

describe('an account with more runs than a page', () => {
  const accountId = `account-${randomUUID()}`;
  let ended: ConnectorKey[];
  let waiting: ConnectorKey;
  beforeAll(async () => {
    ended = ['Openrates', 'Openrates', 'Openrates'].map((name) => stage.install(name, { accountId }));
    waiting = stage.install('Brightdesk', { accountId });
    await Promise.all(ended.map((key) => runs(key, 4)));
    for (let run = 0; run < 2; run++) {
      await stage.auth.start(waiting);
      await stage.auth.cancel(waiting);
    }
    await stage.sceneIn('awaitingCredentials', waiting);
    await indexed(accountId, 14);
  });

  test.each([1, 2, 3, 5, 50])(
    'each connector is listed once, with its latest run, with %d runs on a page',
    async (pageSize) => {
      const pages = await pagesOf({ accountId, pageSize });

      const items = pages.flat();
      expect(ids(items)).toEqual(ids([...ended, waiting]));
      for (const { runId, ...key } of items) expect(runId).toBe((await stage.auth.latestRun(key)).runId);
      expect(pages.every((page) => page.length <= pageSize)).toBe(true);
    },
  );

  test('a filter by state finds the connectors whose latest run has the state', async () => {
    const inState = async (state: Request['state']) => ids((await pagesOf({ accountId, state, pageSize: 2 })).flat());

    expect(await inState('authenticated')).toEqual(ids(ended));
    expect(await inState('awaitingCredentials')).toEqual([waiting.connectorId]);
    expect(await inState('cancelled')).toEqual([]); // no connector has a cancelled run as its latest run
  });

  test('a page that has only earlier runs needs one call of ListWorkflowExecutions, and at most one further call for each run', async () => {
    const calls: string[] = [];
    const counting: (typeof interceptors)[number] = (options, next) => {
      calls.push(options.method_definition.path.split('/').at(-1)!);
      return next(options) as never;
    };
    const { address } = stage.connection.options;
    const connection = await Connection.connect({ address, interceptors: [counting] });
    const auth = new ConnectorAuth(new Client({ connection, namespace: stage.namespace }));
    calls.length = 0;

    const inAMinute = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 60_000);
    await auth.list({ accountId, pageSize: 3 }).finally(() => inAMinute.mockRestore());
    await connection.close();

    expect(calls.filter((call) => call === 'ListWorkflowExecutions')).toHaveLength(1);
    expect(calls.filter((call) => call !== 'ListWorkflowExecutions').length).toBeLessThanOrEqual(3);
  });
});

test('a run that has not read its connector yet is listed with the `connected` of an older run', async () => {
  const accountId = `account-${randomUUID()}`;
  const [hidden, other] = ['Openrates', 'Openrates'].map((name) => stage.install(name, { accountId }));
  await Promise.all([runs(hidden!, 2), runs(other!, 2)]);
  stage.sandbox.fault({ match: { account: accountId }, times: 'always', then: { status: 503 } });
  await stage.auth.start(hidden!, { intent: 'reauthenticate' });
  await indexed(accountId, 4);

  const items = await eventually(
    async () => (await pagesOf({ accountId, pageSize: 2 })).flat(),
    (found) => found.some(({ state }) => state === 'fetchingConnector'),
  );

  expect(items.find(({ connectorId }) => connectorId === hidden!.connectorId)).toMatchObject({
    state: 'fetchingConnector',
    connected: true,
  });
  stage.sandbox.clearFaults();
});

test('a connector is listed with its newest run, even if visibility does not have this run yet', async () => {
  const accountId = `account-${randomUUID()}`;
  const keys = ['Openrates', 'Openrates', 'Openrates'].map((name) => stage.install(name, { accountId }));
  for (const key of keys) await runs(key, 1);
  await indexed(accountId, 3);

  const newest = keys.at(-1)!;
  const again = await stage.auth.start(newest);
  const { items } = await stage.auth.list({ accountId, pageSize: 1 });

  expect(items).toMatchObject([{ connectorId: newest.connectorId, runId: again.runId }]);
});
