import type { FastifyInstance, FastifyRequest } from 'fastify';
import { accountConnectorAnswer } from './answers';
import { idIn, type Parts } from './calls';
import { act, loseAnswer } from './fault-acts';
import type { Faults } from './faults';
import { urlOf, type Recorder } from './requests';
import { accountIdOf, tokenOf } from './token';

/** What stands between the network and the endpoints. */
export interface Surroundings {
  faults: Faults;
  recorder: Recorder;
  /** Aborted when the sandbox closes. */
  closing: AbortSignal;
}

/** Each request is recorded, may be hit by a fault, and what it changed (GET: nothing) is kept before it is answered. */
export function surround(app: FastifyInstance, parts: Parts, { faults, recorder, closing }: Surroundings): void {
  const { store, switches } = parts;

  app.addHook('onRequest', (request, _reply, done) => {
    recorder.begin(request, tokenOf(store, request)?.id);
    done();
  });
  app.addHook('preHandler', async (request, reply) => {
    recorder.arrived(request);
    const { path } = urlOf(request);
    const taken = faults.take({ method: request.method, path, account: accountIdOf(request) });
    if (taken) await act({ ...taken, request, reply, closing, connector: connectorAt(request) }, taken.fault);
  });
  app.addHook('onSend', async (request, reply) => {
    if (request.method !== 'GET') await store.save();
    await loseAnswer(request, reply);
    recorder.end(request, reply);
  });

  function connectorAt(request: FastifyRequest): object | undefined {
    const [, id] = /\/account\/connectors\/(\d+)/.exec(request.url) ?? [];
    const connectors = store.account(accountIdOf(request) ?? '')?.connectors;
    const connector = connectors?.find(({ Id }) => Id === idIn(id));
    return connector && accountConnectorAnswer(connector, switches);
  }
}
