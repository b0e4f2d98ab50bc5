import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { jsonOf } from './body';
import { idIn } from './calls';
import { ConnectorPatch, CyclePatch, type Control } from './control';
import { FaultRule } from './fault-rule';
import { Decision } from './oauth';
import { Refusal } from './refusal';
import { Switches } from './switches';

const NewAccount = z.strictObject({
  accountId: z.string().min(1),
  connectors: z.array(z.union([z.string(), z.number()])).optional(),
});
const NewCycle = z.strictObject({
  connectorIds: z.array(z.number()),
  otherReasonCodes: z.array(z.number()).optional(),
});
const TransactionError = z.strictObject({ url: z.string(), message: z.string().optional() });
const Consent = z.strictObject({ url: z.string(), decision: Decision });

interface OfAccount {
  Params: { accountId: string };
}
interface OfCycle {
  Params: { accountId: string; cycleId: string };
}
interface OfConnector {
  Params: { accountId: string; id: string };
}

const local = ['127.0.0.1', 'localhost', '[::1]'];
const isLocalOrigin = (origin: string): boolean => URL.canParse(origin) && local.includes(new URL(origin).hostname);

/** Serves the calls of {@link Control} over HTTP, under `/_sandbox`. `save` writes each change to the data file. */
export function controlRoutes(app: FastifyInstance, control: Control, save: () => Promise<void>): void {
  app.addHook('onRequest', ({ hostname, headers: { origin } }, _reply, done) => {
    // Without this check, a web page whose host name resolves to this machine could read secrets (DNS rebinding), and a
    // form in any web page could make the browser send a call.
    const isLocal = local.includes(hostname) && (origin === undefined || isLocalOrigin(origin));
    done(isLocal ? undefined : new Refusal(403, { Message: 'For this machine only.' }));
  });
  app.addHook('onSend', async ({ method }) => {
    if (method !== 'GET') await save();
  });
  accountRoutes(app, control);
  faultRoutes(app, control);
}

/** The routes for accounts, cycles, connectors and consents. */
function accountRoutes(app: FastifyInstance, control: Control): void {
  app.get('/accounts', () => control.accounts());
  app.post('/accounts', (request) => {
    const { accountId, connectors } = jsonOf(request, NewAccount);
    return control.createAccount(accountId, { connectors });
  });
  app.post<OfAccount>('/accounts/:accountId/cycles', (request) => {
    const { connectorIds, otherReasonCodes } = jsonOf(request, NewCycle);
    return { id: control.createCycle(request.params.accountId, connectorIds, otherReasonCodes) };
  });
  app.get<OfCycle>('/accounts/:accountId/cycles/:cycleId', ({ params }) =>
    control.cycleOf(params.accountId, params.cycleId),
  );
  app.patch<OfCycle>('/accounts/:accountId/cycles/:cycleId', (request) =>
    control.updateCycle(request.params.accountId, request.params.cycleId, jsonOf(request, CyclePatch)),
  );
  app.post<OfCycle>('/accounts/:accountId/cycles/:cycleId/transaction-errors', (request) =>
    control.sendTransactionError(request.params.accountId, request.params.cycleId, jsonOf(request, TransactionError)),
  );
  app.get<OfConnector>('/accounts/:accountId/connectors/:id', ({ params }) =>
    control.connectorOf(params.accountId, idIn(params.id)),
  );
  app.patch<OfConnector>('/accounts/:accountId/connectors/:id', (request) =>
    control.update(request.params.accountId, idIn(request.params.id), jsonOf(request, ConnectorPatch)),
  );
  app.delete<OfConnector>('/accounts/:accountId/connectors/:id', ({ params }, reply) => {
    control.uninstall(params.accountId, idIn(params.id));
    return reply.code(204).send();
  });
  app.post<OfConnector>('/accounts/:accountId/connectors/:id/refresh', ({ params }) =>
    control.refreshTokens(params.accountId, idIn(params.id)),
  );
  app.get<OfAccount>('/accounts/:accountId/sign-ins', ({ params }) => control.signIns(params.accountId));
  app.post('/consent', (request) => {
    const { url, decision } = jsonOf(request, Consent);
    return control.consent(url, decision);
  });
}

/** The routes for faults, recorded requests, switches and tokens. */
function faultRoutes(app: FastifyInstance, control: Control): void {
  app.post('/faults', (request, reply) => {
    control.fault(jsonOf(request, FaultRule));
    return reply.code(204).send();
  });
  app.delete('/faults', (_request, reply) => {
    control.clearFaults();
    return reply.code(204).send();
  });

  app.get('/requests', () => control.requests);
  app.delete('/requests', (_request, reply) => {
    control.requests.length = 0;
    return reply.code(204).send();
  });

  app.get('/switches', () => control.switches);
  app.put('/switches', (request) => Object.assign(control.switches, jsonOf(request, Switches.partial())));

  app.post('/tokens/revoke', (_request, reply) => {
    control.revokeTokens();
    return reply.code(204).send();
  });
}
