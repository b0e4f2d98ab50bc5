/** One flow, from its plan to its ledger. */
import { setTimeout as delay } from 'node:timers/promises';
import { translated } from '../../client/connector-auth-error';
import { finalStates, taskQueue, workflowIdOf } from '../../workflows/messages';
import type { ConnectorKey } from '../../workflows/connector';
import { persistently } from './calls';
import type { Hiccup } from './hiccups';
import type { Ledger } from './ledger';
import type { FlowPlan } from './plan';
import { PATIENCE_MS, User } from './user';
import type { World } from './world';

const LOOK_EVERY_MS = 1000;
/** Beyond what the sandbox has given out. */
const UNKNOWN_CONNECTOR = 9_000_000;

/** Installs the flow's connector, beside one that nobody touches, and lets its user do what is planned. */
export async function playFlow(world: World, plan: FlowPlan, attempts: string[]): Promise<Ledger> {
  const key = install(world, plan);
  const ledger: Ledger = {
    plan,
    key,
    workflowId: workflowIdOf(key),
    runs: [],
    startedAgain: false,
    askedAgain: [],
    troubles: [],
  };
  if (plan.flaw === 'foreignId' || plan.flaw === 'noInput') await startAsNobodyShould(world, ledger);
  else await new User({ world, ledger, attempts }).play();
  return ledger;
}

function install({ sandbox }: World, { accountId, connector, number, flaw, hiccups }: FlowPlan): ConnectorKey {
  if (flaw === 'noAccount') return { accountId, connectorId: UNKNOWN_CONNECTOR };
  const [{ id: connectorId } = { id: 0 }] = sandbox.createAccount(accountId, { connectors: [connector, 'Brightdesk'] });
  if (flaw) return { accountId, connectorId: UNKNOWN_CONNECTOR + number };
  for (const hiccup of hiccups) sandbox.fault(ruleOf(hiccup, accountId, connectorId));
  return { accountId, connectorId };
}

const ruleOf = ({ method, ...rule }: Hiccup, account: string, connectorId: number) => ({
  ...rule,
  match: { account, path: `^/v1\\.0/account/connectors/${connectorId}(/|$)`, ...(method && { method }) },
});

/** Starts a workflow with the input of another one, or without any. */
async function startAsNobodyShould({ client, auth }: World, ledger: Ledger): Promise<void> {
  const { key, workflowId, plan } = ledger;
  const untilMs = Date.now() + PATIENCE_MS;
  const args = plan.flaw === 'noInput' ? [] : [{ ...key, accountId: `${key.accountId}-other` }];
  const start = () => client.workflow.start('authenticateConnector', { taskQueue, workflowId, args });
  try {
    const inTime = () => translated(() => client.withDeadline(Date.now() + 5000, start));
    const { firstExecutionRunId } = await persistently(inTime, untilMs, () => (ledger.startedAgain = true));
    const run = { runId: firstExecutionRunId, properties: new Map(), granted: [], confirmations: new Map() };
    ledger.runs.push({ ...run, plan: plan.runs[0]! });
    do {
      await delay(LOOK_EVERY_MS);
      ledger.lastView = await persistently(() => auth.view(key), untilMs);
    } while (!finalStates.includes(ledger.lastView.state) && Date.now() < untilMs);
  } catch (err) {
    ledger.troubles.push((err as Error).message);
  }
}
