import type { FastifyInstance, FastifyRequest } from 'fastify';
import { accountConnectorAnswer } from './answers';
import { idIn, type Parts } from './calls';
import { applyFault, replaceAnswer } from './fault-effects';
import type { Faults } from './faults';
import { urlOf, type Recorder } from './requests';
import { accountIdOf, tokenOf } from './token';

/** The objects that the hooks need, besides the members of {@link Parts}. */
export interface HookParts {
  faults: Faults;
  recorder: Recorder;
  /** Aborted when the sandbox closes. */
  closing: AbortSignal;
}

/**
 * Adds hooks that record each request, apply faults, and save the state before the answer is sent. After a GET, the
 * hooks do not save the state.
 */
export function addHooks(app: FastifyInstance, parts: Parts, { faults, recorder, closing }: HookParts): void {
  const { store, switches } = parts;

  app.addHook('onRequest', (request, _reply, done) => {
    recorder.begin(request, tokenOf(store, request)?.id);
    done();
  });
  app.addHook('preHandler', async (request, reply) => {
    recorder.arrived(request);
    const { path } = urlOf(request);
    const taken = faults.take({ method: request.method, path, account: accountIdOf(request) });
    if (taken) await applyFault({ ...taken, request, reply, closing, connector: connectorAt(request) }, taken.fault);
  });
  app.addHook('onSend', async (request, reply) => {
    if (request.method !== 'GET') await store.save();
    const body = await replaceAnswer(request, reply);
    recorder.end(request, reply);
    return body;
  });

  function connectorAt(request: FastifyRequest): object | undefined {
    const [, id] = /\/account\/connectors\/(\d+)/.exec(request.url) ?? [];
    const connectors = store.account(accountIdOf(request) ?? '')?.connectors;
    const connector = connectors?.find(({ Id }) => Id === idIn(id));
    return connector && accountConnectorAnswer(connector, switches);
  }
}
