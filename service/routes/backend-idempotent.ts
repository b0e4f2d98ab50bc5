/**
 * The routes for backends that start a flow or send an input to a flow. A call with an `Idempotency-Key` is safe to
 * repeat.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import * as answers from '../../client/http/answers';
import * as requests from '../../client/http/requests';
import { MAX_CREDENTIALS, MAX_VALUE } from '../../workflows/input';
import { credentialsOf } from '../../sealing/credentials';
import type { SealingKey } from '../../sealing/keys';
import { sealCredentials, sealProperties, secretsIn, type Submission } from '../../sealing/seal';
import { isSealed, type ConnectorKey, type Sealed } from '../../workflows/connector';
import type { Input } from '../../workflows/input';
import type { View } from '../../workflows/view';
import { byOf } from '../callers';
import { withView } from '../flows';
import { codes, named, responsesOf } from '../openapi';
import type { App, Parts } from '../parts';
import { malformed } from '../problems';

const ONE = '/v1/accounts/:accountId/connectors/:connectorId';
const { caller, body, flow, input } = codes;

const shared = { security: [{ apiKey: [] }], params: requests.OfConnector, headers: requests.Headers };
const starting = {
  ...shared,
  response: responsesOf({ 200: answers.Started, 201: answers.Started }, [
    ...caller,
    ...body,
    ...flow,
    'alreadyRunning',
  ]),
};
const giving = {
  ...shared,
  response: responsesOf({ 200: answers.View }, [
    ...caller,
    ...body,
    ...flow,
    ...input,
    'unknownProperty',
    'missingProperty',
    'notSealed',
  ]),
};
const schemas = {
  start: {
    ...named('connectors', 'start'),
    summary: 'Starts a flow (201), or returns the running flow (200)',
    ...starting,
    body: requests.StartBody,
  },
  reauthenticate: {
    ...named('connectors', 'reauthenticate'),
    summary: 'Starts a re-authentication. The connector keeps its credentials until the flow gets new input',
    ...starting,
    body: requests.ReauthenticateBody,
  },
  properties: {
    ...named('connectors', 'submitProperties'),
    summary: 'Sets properties. The service seals secret values that arrive in clear',
    ...giving,
    body: requests.PropertiesBody,
  },
  credentials: {
    ...named('connectors', 'submitCredentials'),
    summary: 'Gives credentials. The service seals credentials that arrive in clear',
    ...giving,
    body: requests.CredentialsBody,
  },
};

export function idempotentBackendRoutes(app: App, parts: Parts): void {
  startRoutes(app, parts);
  inputRoutes(app, parts);
}

type StartRequest = FastifyRequest & {
  params: ConnectorKey;
  headers: Call['headers'];
  body: Omit<Input, keyof ConnectorKey>;
};

function startRoutes(app: App, { auth }: Parts): void {
  const start = (intent?: 'reauthenticate') => async (request: StartRequest, reply: FastifyReply) => {
    const { params, headers, caller, body } = request;
    const idempotencyKey = idempotencyKeyOf({ name: intent ?? 'start', caller, headers, key: params });
    const options = { ...body, by: byOf(request, body.by), ...(intent && { intent }), idempotencyKey };
    const started = await withView(auth, params, () => auth.start(params, options));
    return reply.code(started.started ? 201 : 200).send(started);
  };
  app.post(ONE, { schema: schemas.start }, start());
  app.post(`${ONE}/reauthenticate`, { schema: schemas.reauthenticate }, start('reauthenticate'));
}

function inputRoutes(app: App, { auth, config: { sealing } }: Parts): void {
  app.post(`${ONE}/properties`, { schema: schemas.properties }, async (request) => {
    const { params, headers, caller, body } = request;
    const submissionId = submissionIdOf({ name: 'properties', caller, headers, body, key: params });
    const view = () => auth.view(params);
    const values = await withSealedSecrets(body.values, { ...params, submissionId }, sealing.key, view);
    return withView(auth, params, () => auth.submitProperties(params, { submissionId, values, by: byOf(request) }));
  });
  app.post(`${ONE}/credentials`, { schema: schemas.credentials }, async (request) => {
    const { params, headers, caller, body } = request;
    const submissionId = submissionIdOf({ name: 'credentials', caller, headers, body, key: params });
    const credentials = await withSealedCredentials(body.credentials, { ...params, submissionId }, sealing.key);
    return withView(auth, params, () =>
      auth.submitCredentials(params, { submissionId, credentials, by: byOf(request) }),
    );
  });
}

type Values = { [targetName: string]: Sealed | string };

/**
 * Seals each secret value that is in clear. Reads the view only if `values` has at least one value in clear. Fails:
 * `malformed`.
 */
async function withSealedSecrets(
  values: Values,
  submission: Submission,
  key: SealingKey,
  view: () => Promise<View>,
): Promise<Values> {
  if (Object.keys(secretsIn(values)).length === 0) return values;
  const secrets = secretsIn(values, (await view()).fields);
  const sealed = await sealProperties(secrets, submission, key);
  if (Object.values(sealed).some((value) => value.sealed.length > MAX_VALUE)) throw malformed('values');
  return { ...values, ...sealed };
}

/**
 * Returns sealed credentials unchanged. Checks and seals credentials in clear. Fails: `malformed`. The error does not
 * quote the credentials.
 */
async function withSealedCredentials(
  credentials: Sealed | object,
  submission: Submission,
  key: SealingKey,
): Promise<Sealed> {
  if (isSealed(credentials)) return credentials;
  const sealed = await sealCredentials(credentialsOf(JSON.stringify(credentials)), submission, key);
  if (sealed.sealed.length > MAX_CREDENTIALS) throw malformed('credentials');
  return sealed;
}

interface Call {
  name: 'start' | 'reauthenticate' | 'properties' | 'credentials';
  /** The id of the API key. */
  caller: string;
  key: ConnectorKey;
  headers: { 'idempotency-key'?: string };
}

/**
 * A digest of caller, call, connector and `Idempotency-Key`. Two calls that differ in any of these four have different
 * digests. Undefined without the header `Idempotency-Key`.
 */
function idempotencyKeyOf({ caller, name, key, headers }: Call): string | undefined {
  const idempotencyKey = headers['idempotency-key'];
  if (idempotencyKey === undefined) return undefined;
  const { accountId, connectorId } = key;
  const call = JSON.stringify([caller, name, accountId, connectorId, idempotencyKey]);
  return createHash('sha256').update(call).digest('base64url');
}

/**
 * The first of these three that exists: the submission id in the body; the digest of the call (see `idempotencyKeyOf`),
 * if the call has an `Idempotency-Key`; a new random id.
 */
const submissionIdOf = ({ body, ...call }: Call & { body: { submissionId?: string } }): string =>
  body.submissionId ?? idempotencyKeyOf(call) ?? randomUUID();
