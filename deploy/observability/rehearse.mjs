/**
 * `npm run build && node deploy/observability/rehearse.mjs [ALERT…]` tries each alert on real processes. For each
 * alert, the rehearsal causes the fault that the alert reports, and waits until Prometheus reports the alert. Then the
 * rehearsal repairs the fault with the commands of docs/runbook.md, and waits until the alert ends. Needs `prometheus`
 * on the PATH (a Debian package). Prints the commands with their output, and one line for each alert. The exit code is
 * 1 after one of these faults: Prometheus does not raise an alert, or an alert does not end; docs/runbook.md lacks a
 * command; a query of the dashboard has no data. KEEP=1 keeps the folder with the logs.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const repository = join(import.meta.dirname, '..', '..');
const dist = join(repository, 'dist');
const require = createRequire(import.meta.url);
const parts = require('../../dist/scripts/local/parts.js');
const { findBinary } = require('../../dist/scripts/local/binary.js');
const { freePort } = require('../../dist/scripts/local/ports.js');
const { startProgram } = require('../../dist/scripts/local/process.js');
const { newServiceKeys } = require('../../dist/scripts/local/settings.js');
const { generateKey } = require('../../dist/sealing/keys.js');
const { searchAttributeTypes } = require('../../dist/temporal/search-attributes.js');

const execute = promisify(execFile);
const LIMIT_MS = 600_000; // only a wait that hangs reaches this limit
const runbook = readFileSync(join(repository, 'docs', 'runbook.md'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-alerts-'));
const logFolder = join(folder, 'logs');
const ports = Object.fromEntries(
  await Promise.all(
    ['temporal', 'health', 'worker', 'second', 'service', 'serviceMetrics', 'prometheus'].map(async (name) => [
      name,
      await freePort(),
    ]),
  ),
);
const keySet = async () => JSON.stringify({ keys: [await generateKey()] });
symlinkSync(await findBinary('temporal'), join(folder, 'temporal'));
const privateKeys = join(folder, 'private.json');
writeFileSync(privateKeys, await keySet());
const keys = newServiceKeys();
/** The running processes by name. */
const running = {};
/** The status with which the receiver of events answers. */
let receiverStatus = 200;
const receiver = createServer((request, response) => {
  request.resume().on('end', () => response.writeHead(receiverStatus).end());
}).listen(0, '127.0.0.1');

async function startTemporal() {
  const dynamicConfig = { 'matching.enableFairness': true };
  const options = { port: ports.temporal, dbFile: join(folder, 'temporal.db'), dynamicConfig };
  running.temporal = await parts.startTemporal({ ...options, logFolder, searchAttributes: searchAttributeTypes });
}

/** Starts a worker. `env`: environment variables that are added, or that replace the usual ones. */
async function startWorker(env = {}, { name = 'worker', ...options } = {}) {
  const { temporal, sandbox } = running;
  running[name] = await parts.startWorker({
    ...{ name, logFolder, temporal, cyclr: sandbox.cyclr, sealingKeys: privateKeys, ...options },
    healthPort: name === 'worker' ? ports.health : 0,
    env: {
      METRICS_PORT: `${ports[name]}`,
      WEBHOOK_URL: `http://127.0.0.1:${receiver.address().port}/`,
      WEBHOOK_SECRETS: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      ...env,
    },
  });
}

async function restartWorker(env, options) {
  await running.worker.stop();
  await startWorker(env, options);
}

async function startService(sealingKeys = privateKeys) {
  await running.service?.stop();
  const sealing = { sealingKeys: readFileSync(sealingKeys, 'utf8') };
  const port = { port: ports.service, metricsPort: ports.serviceMetrics };
  running.service = await parts.startService({ logFolder, temporal: running.temporal, keys, ...sealing, ...port });
}

/** Starts Prometheus with the rules of alerts.yml, but with shorter durations in these rules. */
async function startPrometheus() {
  const rules = readFileSync(join(import.meta.dirname, 'alerts.yml'), 'utf8')
    .replace(/for: \d+m/g, 'for: 10s')
    .replace(/(\[|offset )\d+[mh]/g, '$11m')
    .replace(/older_than="1h"/g, 'older_than="0h"')
    .replace('> 60', '> 10');
  writeFileSync(join(folder, 'alerts.yml'), rules);
  const targets = [ports.worker, ports.second, ports.serviceMetrics].map((port) => `127.0.0.1:${port}`);
  const config = {
    global: { scrape_interval: '5s', evaluation_interval: '5s' },
    rule_files: ['alerts.yml'],
    scrape_configs: [{ job_name: 'cyclr-connect', static_configs: [{ targets }] }],
  };
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config)); // JSON is YAML
  running.prometheus = await startProgram({
    ...{ name: 'prometheus', logFolder, command: 'prometheus', ports: [ports.prometheus] },
    args: [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'prometheus')}`,
      `--web.listen-address=127.0.0.1:${ports.prometheus}`,
    ],
    isReady: async () => (await fetch(`http://127.0.0.1:${ports.prometheus}/-/ready`)).ok,
  });
}

const prometheus = async (path) => (await (await fetch(`http://127.0.0.1:${ports.prometheus}${path}`)).json()).data;

const valuesOf = async (query) => (await prometheus(`/api/v1/query?query=${encodeURIComponent(query)}`)).result;

async function isFiring(alert) {
  const { alerts } = await prometheus('/api/v1/alerts');
  return alerts.some(({ state, labels }) => state === 'firing' && labels.alertname === alert);
}

/** Waits until `check` returns true. Returns the duration of the wait in seconds. */
async function eventually(what, check) {
  const began = Date.now();
  while (!(await check())) {
    if (Date.now() - began > LIMIT_MS) throw new Error(`${what}: not after ${LIMIT_MS / 1000} s`);
    await delay(1000);
  }
  return Math.round((Date.now() - began) / 1000);
}

/** Returns the environment in which the operator's commands run. */
const shellEnv = () => ({
  ...process.env,
  PATH: `${folder}:${process.env.PATH}`, // the folder has the program `temporal`
  TEMPORAL_ADDRESS: running.temporal.address,
  HEALTH_PORT: `${ports.health}`,
});

/**
 * Runs a command of docs/runbook.md, and returns its output. `values`: for each word in capitals in the command, the
 * text that replaces the word.
 */
async function operator(command, values = {}) {
  assert.ok(runbook.includes(command), `docs/runbook.md does not have: ${command}`);
  const line = Object.entries(values).reduce((text, [word, value]) => text.replaceAll(word, value), command);
  const options = { cwd: repository, env: shellEnv() };
  const { stdout, stderr, code } = await execute('bash', ['-c', line], options).catch((error) => error);
  console.log(
    `    $ ${line}${code ? ` (exit code ${code})` : ''}\n${(stdout + stderr).trim().replace(/^/gm, '      ')}`,
  );
  return stdout;
}

const temporal = (line) => execute('bash', ['-c', `temporal ${line}`], { cwd: repository, env: shellEnv() });

async function post(url, body, method = 'POST') {
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${keys.apiKey}` };
  const answer = await fetch(url, { method, headers, body: JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${url}: ${answer.status} ${answer.ok ? '' : await answer.text()}`);
  return answer.status === 204 ? undefined : answer.json();
}

const sandbox = (path, body, method) => post(`${running.sandbox.url}/_sandbox${path}`, body, method);
const onboarding = (path, body = {}) => post(`${running.service.url}/v1/accounts/${path}`, body);

/**
 * Installs connectors in a new account, and starts their flows. By default, the connectors need an API key. Returns their
 * ids.
 */
async function startFlows(accountId, count = 1, connector = 'Brightdesk') {
  const connectors = Array.from({ length: count }, () => connector);
  const ids = (await sandbox('/accounts', { accountId, connectors })).map(({ id }) => id);
  for (const id of ids) await onboarding(`${accountId}/connectors/${id}`);
  return ids;
}

async function flowsOf(accountId) {
  const headers = { Authorization: `Bearer ${keys.apiKey}` };
  return (await (await fetch(`${running.service.url}/v1/accounts/${accountId}/connectors`, { headers })).json()).items;
}

/** Returns the id of the account's only connector. */
const connectorOf = async (accountId) => (await flowsOf(accountId))[0].connectorId;

/** Waits until all flows of the account are in the state `state` and have no problem. */
const allWait = (accountId, state = 'awaitingCredentials') =>
  eventually(`the flows of ${accountId} are ${state}`, async () =>
    (await flowsOf(accountId)).every((flow) => flow.state === state && !flow.problem),
  );

const fault = (account, then, path = '/v1.0/') =>
  sandbox('/faults', { match: { account, path }, times: 'always', then });
const noFaults = () => sandbox('/faults', undefined, 'DELETE');
const give = (accountId, id) =>
  onboarding(`${accountId}/connectors/${id}/credentials`, { credentials: { kind: 'apiKey', key: 'key-1' } });

/**
 * Copies the build, and renames the first activity in the workflow code of the copy. Returns the folder of the copy.
 */
function otherBuild() {
  const copy = join(folder, 'other', 'dist');
  cpSync(dist, copy, { recursive: true });
  symlinkSync(join(repository, 'node_modules'), join(folder, 'other', 'node_modules'));
  const bundle = join(copy, 'workflow-bundle.js');
  writeFileSync(bundle, readFileSync(bundle, 'utf8').replaceAll('fetchConnector', 'fetchConnectorAnew'));
  return copy;
}

const rehearsals = {
  CyclrConnectNotObserved: {
    cause: () => running.temporal.kill(),
    async repair() {
      await operator('curl -s http://SERVICE:PORT/readyz', { 'http://SERVICE:PORT': running.service.url });
      await startTemporal();
    },
  },
  CyclrConnectNoWorker: {
    async cause() {
      await running.worker.stop();
      await startFlows('unattended');
    },
    async repair() {
      await startWorker();
      await allWait('unattended');
    },
  },
  CyclrConnectBacklog: {
    async cause() {
      await restartWorker({ CYCLR_REQUESTS_PER_SECOND: '1' });
      await startFlows('backlog', 60);
    },
    async repair() {
      await restartWorker();
      await allWait('backlog');
    },
  },
  CyclrConnectSlowTasks: {
    async cause() {
      process.kill(running.worker.pid, 'SIGSTOP');
      await startFlows('slow', 60);
      await delay(7_000);
      process.kill(running.worker.pid, 'SIGCONT');
    },
    async repair() {
      await startWorker({}, { name: 'second' });
      await allWait('slow');
    },
  },
  CyclrConnectWorkflowTasksFail: {
    async cause() {
      const ids = await startFlows('replayed', 3);
      await allWait('replayed');
      await restartWorker({}, { main: join(otherBuild(), 'worker', 'main.js') });
      for (const id of ids) void onboarding(`replayed/connectors/${id}/recheck`).catch(() => undefined);
    },
    async repair() {
      await restartWorker();
      await operator('npm run cli -- replay --from-server');
      await allWait('replayed');
    },
  },
  CyclrConnectTasksRefused: {
    async cause() {
      await temporal('operator search-attribute remove --yes --name ConnectorAuthState');
      await startFlows('unregistered', 3);
    },
    async repair() {
      await operator('npm run cli -- doctor');
      await operator('npm run search-attributes');
      await allWait('unregistered');
    },
  },
  CyclrConnectClientRefused: {
    async cause() {
      await restartWorker({ CYCLR_CLIENT_SECRET: 'revoked' });
      await startFlows('refused');
    },
    async repair() {
      await operator('npm run cli -- doctor');
      await restartWorker();
      await operator('npm run cli -- bulk recheck --problem operatorsTrouble --yes');
      await allWait('refused');
      await operator('npm run cli -- doctor');
    },
  },
  CyclrConnectNoLinks: {
    async cause() {
      await fault(undefined, { status: 403 }, '/v1.0/accounts/links/signintoken');
      const [id] = await startFlows('links', 1, 'Ledgerly');
      await allWait('links', 'awaitingAuthorization');
      await onboarding(`links/connectors/${id}/authorization`).catch(() => undefined);
    },
    async repair() {
      const log = { 'docker compose logs worker': `cat ${running.worker.logFile}` };
      await operator('docker compose logs worker | grep mintLink', log);
      await noFaults();
      await onboarding(`links/connectors/${await connectorOf('links')}/authorization`);
    },
  },
  CyclrConnectOperatorsTrouble: {
    async cause() {
      await fault('forbidden', { status: 403 });
      await startFlows('forbidden');
    },
    async repair() {
      await operator(`npm run cli -- list --problem operatorsTrouble --older-than '1 hour'`, { '1 hour': '1 second' });
      const flow = { 'ACCOUNT CONNECTOR': `forbidden ${await connectorOf('forbidden')}` };
      await operator('npm run cli -- timeline ACCOUNT CONNECTOR', flow);
      await noFaults();
      await operator('npm run cli -- recheck ACCOUNT CONNECTOR', flow);
      await allWait('forbidden');
    },
  },
  CyclrConnectCyclrUnavailable: {
    async cause() {
      await fault('unavailable', { status: 503 });
      await startFlows('unavailable');
    },
    async repair() {
      await operator('npm run cli -- doctor');
      await operator('npm run cli -- list --problem cyclrUnavailable');
      await noFaults();
      const flow = { 'ACCOUNT CONNECTOR': `unavailable ${await connectorOf('unavailable')}` };
      await operator('npm run cli -- recheck ACCOUNT CONNECTOR', flow);
      await allWait('unavailable');
    },
  },
  CyclrConnectUnknownSealingKey: {
    async cause() {
      const [[one], [two]] = [await startFlows('sealed-1'), await startFlows('sealed-2')];
      writeFileSync(join(folder, 'other.json'), await keySet());
      await startService(join(folder, 'other.json'));
      await Promise.all([give('sealed-1', one), give('sealed-2', two)]);
    },
    async repair() {
      await operator('npm run -s cli -- keys public private.json', { 'private.json': privateKeys });
      await startService();
      await restartWorker();
      for (const account of ['sealed-1', 'sealed-2']) {
        await give(account, await connectorOf(account));
        await allWait(account, 'authenticated');
      }
    },
  },
  CyclrConnectEventsUndelivered: {
    async cause() {
      receiverStatus = 410;
      await startFlows('undelivered');
    },
    async repair() {
      receiverStatus = 200;
      const list = await operator('npm run cli -- events list --state undelivered');
      await operator('npm run cli -- events redeliver ID', { ID: list.trim().split(/\s+/).at(-1) });
      await operator('npm run cli -- bulk redeliver --state undelivered --yes');
    },
  },
  CyclrConnectEventsLate: {
    async cause() {
      receiverStatus = 503;
      await startFlows('late');
    },
    async repair() {
      const list = await operator('npm run cli -- events list --state pending');
      await operator('npm run cli -- events show ID', { ID: list.trim().split(/\s+/).at(-1) });
      receiverStatus = 200;
      await operator(/temporal activity reset .*/.exec(runbook)[0]);
    },
  },
  CyclrConnectMonitorOverdue: {
    async cause() {
      const [id] = await startFlows('monitored');
      await give('monitored', id);
      // On a busy machine, the first answer can be 503 noWorker.
      const monitor = () => onboarding(`monitored/connectors/${id}/monitor`, { every: '1 minute' });
      await eventually('the monitor answers', () => monitor().then(Boolean, () => false));
      await fault('monitored', { status: 503 });
    },
    async repair() {
      await noFaults();
      const connection = { 'ACCOUNT CONNECTOR': `monitored ${await connectorOf('monitored')}` };
      await operator('npm run cli -- monitor ACCOUNT CONNECTOR', connection);
    },
  },
};

async function rehearse(alert) {
  const { cause, repair } = rehearsals[alert];
  await running.second?.stop();
  if (!running.worker.isRunning()) await startWorker(); // a failed rehearsal can leave no worker running
  await eventually(`${alert} is quiet`, async () => !(await isFiring(alert)));
  await cause();
  const raised = await eventually(`${alert} is raised`, () => isFiring(alert));
  await repair();
  const cleared = await eventually(`${alert} is cleared`, async () => !(await isFiring(alert)));
  console.log(`${alert}: raised ${raised} s after the cause, cleared ${cleared} s after the repair`);
}

/** Prints the title of a panel of the dashboard if Prometheus has had no data for one of its queries. */
async function checkDashboard() {
  const { panels } = JSON.parse(readFileSync(join(import.meta.dirname, 'dashboard.json'), 'utf8'));
  for (const { title, targets = [] } of panels)
    for (const { expr } of targets)
      if ((await valuesOf(`count_over_time((${expr})[1h:5s])`)).length === 0) {
        console.log(`Dashboard, "${title}": no data`);
        process.exitCode = 1;
      }
}

try {
  await startTemporal();
  running.sandbox = await parts.startSandbox({ logFolder });
  await startWorker();
  await startService();
  await startPrometheus();
  await eventually('Prometheus has scraped the service', async () => (await valuesOf('cyclr_connect_pollers')).length);
  await post(`${running.service.url}/v1/sessions`, { accountId: 'acme', connectorIds: [1001] });
  const named = process.argv.slice(2);
  for (const alert of named.length > 0 ? named : Object.keys(rehearsals))
    await rehearse(alert).catch(({ message }) => {
      console.log(`${alert}: FAILED: ${message}`);
      process.exitCode = 1;
    });
  if (named.length === 0) await checkDashboard();
} finally {
  for (const started of Object.values(running).reverse()) await started.stop();
  receiver.close();
  if (!process.env.KEEP) rmSync(folder, { recursive: true, force: true });
  else console.log(folder);
}
