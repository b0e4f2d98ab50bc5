/**
 * `node .ci/schemathesis.mjs [options]`: runs schemathesis, with these options, against a service on a local stack. Each
 * answer of the service must match the OpenAPI document, and no answer may have a 5xx status. Needs a Python venv in
 * `.data/schemathesis` with the packages of `.ci/schemathesis/requirements.txt`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const { OnboardingService } = require('../dist/client/http/onboarding-service.js');
const { onStopSignal } = require('../dist/temporal/process.js');
const { startStack } = require('../dist/scripts/local/stack.js');

const SEED = 1;
/**
 * The ids of connectors in the sandbox's account `acme`. `waiting`: connectors with the auth types ApiKey, Basic,
 * OAuth1 and OAuth2. `finished`: a connector that needs no authentication.
 */
const waiting = Array.from({ length: 12 }, (_, i) => 1001 + i);
const finished = 1016;
/**
 * The number of sessions. One session may make 120 calls in a minute, so 12 sessions are enough even if every call uses
 * a session.
 */
const SESSIONS = 12;
/**
 * The operations for which this check accepts that no call succeeds. `redeem` can fail because other calls
 * cancel the flows of the invitation. `recheck` and `cancel` can fail because Temporal runs only one batch at a time.
 * test/service/session.test.ts, test/service/backend.test.ts and test/client/http.test.ts test these operations.
 */
const CAN_FAIL = [
  'POST /v1/session/redeem',
  'POST /v1/flows/recheck',
  'POST /v1/flows/cancel',
  'POST /v1/events/:id/redeliver', // this stack has no target, so it sends no event
];

const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-schemathesis-'));
const stop = new AbortController();
process.env.ALLOWED_ORIGINS = 'https://app.acme.example'; // this origin is in the examples of the OpenAPI document
onStopSignal(() => stop.abort());
let stack;
try {
  stack = await startStack({ folder, say: (line) => console.log(line) });
  const code = await schemathesis(stack.service.url, await tokensOf(stack.service));
  const untested = neverAccepted(await operationsOf(stack.service.url), join(folder, 'logs', 'service.log'));
  if (untested.length > 0) console.error(`Operations that never got a 2xx or a 409: ${untested.join(', ')}`);
  process.exitCode = code || (untested.length > 0 ? 1 : 0);
} finally {
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function tokensOf({ url, apiKey }) {
  const onboarding = new OnboardingService({ url, apiKey });
  const accountId = 'acme';
  const session = (connectorIds, more) =>
    onboarding.createSession({ accountId, connectorIds, expiresIn: '1 hour', ...more });
  const many = (make) => Promise.all(Array.from({ length: SESSIONS }, async () => (await make()).token));
  const tokens = {
    apiKey: [apiKey],
    session: await many(() => session(waiting, { reauthenticate: waiting })),
    finished: await many(() => session([finished])),
    invitation: await many(() => session(waiting, { kind: 'invitation', expiresIn: '1 day' })),
  };
  const isFinished = async () =>
    (await onboarding.view({ accountId, connectorId: finished })).state === 'authenticated';
  while (!stop.signal.aborted && !(await isFinished())) await delay(100);
  return tokens;
}

/** Runs schemathesis. Returns its exit code, which is 0 if it finds no fault. */
async function schemathesis(url, tokens) {
  if (stop.signal.aborted) return 1;
  const settings = join(root, '.ci', 'schemathesis');
  const command = join(root, '.data', 'schemathesis', 'bin', 'schemathesis');
  const args = [
    '--config-file',
    join(settings, 'schemathesis.toml'),
    'run',
    `${url}/openapi.json`,
    '--seed',
    `${SEED}`,
  ];
  const env = { ...process.env, TOKENS: JSON.stringify(tokens), SERVICE_URL: url, PYTHONPATH: settings };
  const child = spawn(command, [...args, ...process.argv.slice(2)], { env, cwd: folder, stdio: 'inherit' });
  stop.signal.addEventListener('abort', () => child.kill());
  const [code] = await once(child, 'exit');
  return code ?? 1;
}

/**
 * Returns the operations of the OpenAPI document, written as in the service's log, such as `GET
 * /v1/accounts/:accountId/connectors`.
 */
async function operationsOf(url) {
  const { paths } = await (await fetch(`${url}/openapi.json`)).json();
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  );
}

/**
 * Prints, for each operation, the statuses that the service answered. Returns the operations that never got a 2xx or a
 * 409: no call of such an operation reached a flow. Leaves out the operations in CAN_FAIL.
 */
function neverAccepted(operations, logFile) {
  const lines = readFileSync(logFile, 'utf8').trim().split('\n');
  const answered = lines.map((line) => JSON.parse(line)).filter(({ route }) => route !== undefined);
  return operations.filter((operation) => {
    const statuses = answered
      .filter(({ method, route }) => `${method} ${route}` === operation)
      .map((line) => line.status);
    const counts = [...new Set(statuses)]
      .sort()
      .map((status) => `${status}: ${statuses.filter((s) => s === status).length}`);
    console.log(`${operation}: ${counts.join(', ')}`);
    return !CAN_FAIL.includes(operation) && !statuses.some((status) => status < 300 || status === 409);
  });
}
