/** Traces of a worker process and a service process, as an OpenTelemetry collector gets them. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mintSession, startService, startWorker, type LocalService, type LocalWorker } from '../../scripts/local/parts';
import { cyclrOf } from '../../scripts/local/settings';
import { workflowIdOf, type ConnectorKey } from '../../workflows/connector';
import { eventually } from '../support/eventually';
import { differencesOf } from '../support/replays';
import { callerOf, type Caller } from '../support/http';
import { bundlePath, openStage, type Stage } from '../support/stage';

interface Span {
  service: string;
  links?: { traceId: string; spanId: string }[];
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  status?: { code?: number };
  attributes: { key: string; value: { stringValue?: string } }[];
}

const secretKey = 'marked-secret-api-key';
const secretLabel = 'marked-secret-account-label';
const secretState = 'marked-secret-tracestate';

const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-test-'));
let stage: Stage;
let collector: Server;
let worker: LocalWorker;
let service: LocalService;
let call: Caller;
let env: NodeJS.ProcessEnv;
/** The bodies of the requests that the collector got. `heads`: the path and the headers of each of these requests. */
const bodies: string[] = [];
const heads: string[] = [];

beforeAll(async () => {
  stage = await openStage();
  await stage.stopWorker();
  collector = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    heads.push(`${request.url} ${request.headers['content-type']} ${request.headers['api-key']}`);
    bodies.push(Buffer.concat(chunks).toString());
    response.setHeader('Content-Type', 'application/json').end('{}');
  });
  await once(collector.listen(0, '127.0.0.1'), 'listening');
  env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}/`,
    OTEL_EXPORTER_OTLP_HEADERS: 'api-key=of-the-collector',
    OTEL_BSP_SCHEDULE_DELAY: '100',
    OTEL_TRACES_SAMPLER: 'parentbased_always_on',
  };
  const temporal = { address: process.env.TEST_TEMPORAL_ADDRESS!, namespace: stage.namespace };
  const shared = { logFolder: folder, temporal, sealingKeys: stage.keys };
  // With METRICS_PORT, the worker sends no metrics to the collector of this test, which understands only traces.
  const workerEnv = { ...env, METRICS_PORT: '0' };
  [worker, service] = await Promise.all([
    startWorker({ ...shared, cyclr: { ...cyclrOf(stage.sandbox.url) }, env: workerEnv }),
    startService({ ...shared, env }),
  ]);
  call = callerOf(service.url);
});

afterAll(async () => {
  await Promise.all([worker?.stop(), service?.stop()]);
  await stage?.close();
  collector?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The body of an export: the JSON of OTLP. */
interface Exported {
  resourceSpans: {
    resource: { attributes: { value: { stringValue: string } }[] };
    scopeSpans: { spans: Span[] }[];
  }[];
}

const spans = (): Span[] =>
  bodies
    .flatMap((body) => (JSON.parse(body) as Exported).resourceSpans)
    .flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap((scope) =>
        scope.spans.map((span) => ({ ...span, service: resource.attributes[0]!.value.stringValue })),
      ),
    );

/** Returns the span and those of its ancestors that the collector has received without a gap. */
function chainOf(span: Span, all = spans()): Span[] {
  const parent = all.find(({ spanId, traceId }) => traceId === span.traceId && spanId === span.parentSpanId);
  return parent ? [span, ...chainOf(parent, all)] : [span];
}

/**
 * Waits for a span without a parent that has a link to a span of the trace `traceId`. Returns the id of the trace that
 * begins with the found span.
 */
const traceLinkedTo = (traceId: string): Promise<string> =>
  eventually(
    () => spans().find(({ links = [] }) => links.some((link) => link.traceId === traceId)) ?? missing(),
    ({ parentSpanId = '' }) => parentSpanId === '',
  ).then((span) => span.traceId);

/** Waits until the chain of the span `name` (this span and its ancestors) has `length` spans. Returns the chain. */
const chainIn = (traceId: string, name: string, length: number): Promise<Span[]> =>
  eventually(
    () => chainOf(spans().find((span) => span.traceId === traceId && span.name === name) ?? missing()),
    (chain) => chain.length === length,
  );

const missing = (): never => {
  throw new Error(`The span is missing. The collector has: ${spans().map(({ name }) => name)}`);
};

const newTrace = (): { traceId: string; traceparent: string } => {
  const traceId = randomUUID().replaceAll('-', '');
  return { traceId, traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
};

const reaches = (key: ConnectorKey, state: string) =>
  eventually(
    () => stage.auth.view(key),
    (view) => view.state === state,
  );

async function sessionFor(connector: string, state: string) {
  const key = stage.install(connector);
  const { accountId, connectorId } = key;
  const { token } = await mintSession(service, { accountId, connectorIds: [connectorId], accountLabel: secretLabel });
  await reaches(key, state);
  return { key, token };
}

/** Submits credentials as a browser does. `traceOfBrowser` is the trace id in the `traceparent` of the call. */
async function givesCredentials(): Promise<{ traceOfBrowser: string; token: string; key: ConnectorKey }> {
  const { key, token } = await sessionFor('Brightdesk', 'awaitingCredentials');
  const { traceId, traceparent } = newTrace();
  const submissionId = randomUUID();
  const credentials = await stage.sealed(key, submissionId, { kind: 'apiKey', key: secretKey });
  const { status } = await call('POST', `/v1/session/connectors/${key.connectorId}/credentials`, {
    token,
    body: { submissionId, credentials },
    headers: { traceparent, tracestate: `vendor=${secretState}` },
  });
  expect(status).toBe(200);
  return { traceOfBrowser: traceId, token, key };
}

test("one trace leads from the browser's call through service, Temporal client, workflow and activity to the worker's call to Cyclr", async () => {
  const { traceOfBrowser } = await givesCredentials();

  const chain = await chainIn(await traceLinkedTo(traceOfBrowser), 'PUT /v1.0/account/connectors/{id}', 5);

  const [byWorker, byService] = ['cyclr-connect-worker', 'cyclr-connect-service'];
  expect(chain.map(({ name, service: of }) => [name, of])).toEqual([
    ['PUT /v1.0/account/connectors/{id}', byWorker],
    ['RunActivity:applyCredentials', byWorker],
    ['HandleUpdate:submitCredentials', byWorker],
    ['UpdateWorkflow:submitCredentials', byService],
    ['POST /v1/session/connectors/:connectorId/credentials', byService],
  ]);
  expect(heads[0]).toBe('/v1/traces application/json of-the-collector');
});

test('a call of a backend belongs to the trace of its traceparent', async () => {
  const { accountId, connectorId } = stage.install('Brightdesk');
  const { traceId, traceparent } = newTrace();

  await call('POST', `/v1/accounts/${accountId}/connectors/${connectorId}`, {
    token: service.apiKey,
    body: {},
    headers: { traceparent },
  });

  const chain = await chainIn(traceId, 'RunActivity:fetchConnector', 4);
  expect(chain.at(-1)!.name).toBe('POST /v1/accounts/:accountId/connectors/:connectorId');
  expect(chain.at(-1)!.parentSpanId).toBe('00f067aa0ba902b7');
});

test('a call without an API key begins a new trace, which is exported even if the traceparent of the call is not sampled', async () => {
  const { traceId, traceparent } = newTrace();

  await call('GET', '/v1/session', { token: 'wrong', headers: { traceparent: traceparent.replace(/01$/, '00') } });

  expect(await traceLinkedTo(traceId)).not.toBe(traceId);
  expect(spans().filter((span) => span.traceId === traceId)).toEqual([]);
});

test('no span has a token, a key, a value of a user, a text of a caller, an id of an account, or the query of a URL', async () => {
  const { token, key } = await givesCredentials();
  const consent = await sessionFor('Ledgerly', 'awaitingAuthorization');
  const go = await call('POST', '/connect/go', {
    body: new URLSearchParams({ session: consent.token, connectorId: `${consent.key.connectorId}` }).toString(),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', Origin: service.url },
  });
  const link = /content="0;url=([^"]+)"/.exec(go.text)![1]!.replaceAll('&amp;', '&');
  const { location } = await stage.sandbox.consent(link, 'approve');
  const { traceId, traceparent } = newTrace();
  const back = await call('GET', location!.slice(service.url.length), { headers: { traceparent } });
  await call('POST', '/v1/cyclr/transaction-errors/marked-secret-of-the-path', { body: {} });

  const chain = await chainIn(await traceLinkedTo(traceId), 'GET /v1.0/account/connectors/{id}', 5);

  expect(back.status).toBe(200);
  expect(chain.at(-1)!.name).toBe('GET /connect/return');
  const attempt = new URL(location!).searchParams.get('attempt')!;
  const secrets = { token, consent: consent.token, apiKey: service.apiKey, attempt, link: new URL(link).search, secretKey, secretLabel, secretState }; // prettier-ignore
  const { clientSecret } = stage.sandbox;
  const keys = JSON.parse(stage.keys).keys.map(({ d }: { d: string }) => d);
  const marked = [...Object.values(secrets), clientSecret, ...keys, key.accountId, 'marked-secret', 'eyJ', '?'];
  const exported = bodies.join('\n');
  expect(marked.filter((text) => exported.includes(text))).toEqual([]);
});

test('a history that was recorded with traces replays without traces', async () => {
  const { key } = await givesCredentials();
  await reaches(key, 'authenticated');
  const workflowId = workflowIdOf(key);
  const history = await stage.client.workflow.getHandle(workflowId).fetchHistory();

  const differences = await differencesOf({ codePath: bundlePath }, [{ name: 'traced', workflowId, history }]);

  expect(differences).toEqual({ traced: 'ok' });
});

test('a header with a malformed trace fails no workflow task', async () => {
  const { key } = await sessionFor('Brightdesk', 'awaitingCredentials');
  const { workflowService } = stage.connection;
  const encoded = (encoding: string, data: string) => ({ metadata: { encoding: Buffer.from(encoding) }, data: Buffer.from(data) }); // prettier-ignore
  const malformed = [encoded('json/plain', '{'), encoded('binary/encrypted', 'x'), encoded('json/plain', '{"traceparent":"00-a-b-01"}')]; // prettier-ignore

  for (const trace of malformed)
    await workflowService.signalWorkflowExecution({
      namespace: stage.namespace,
      workflowExecution: { workflowId: workflowIdOf(key) },
      signalName: 'recheck',
      header: { fields: { '_tracer-data': trace } },
    });

  expect(await reaches(key, 'awaitingCredentials')).toBeDefined(); // the stage fails when it closes if a workflow task has failed
});

test('the last spans are sent when worker and service stop', async () => {
  const { traceOfBrowser } = await givesCredentials();

  await Promise.all([worker.stop(), service.stop()]);

  const traceId = await traceLinkedTo(traceOfBrowser);
  expect(
    spans()
      .filter((span) => span.traceId === traceId)
      .map(({ name }) => name),
  ).toEqual(
    expect.arrayContaining(['HandleUpdate:submitCredentials', 'POST /v1/session/connectors/:connectorId/credentials']),
  );
});
