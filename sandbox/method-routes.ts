import { setTimeout as delay } from 'node:timers/promises';
import { definitionOf } from './answers';
import { isWrong } from './authentication';
import { connectorOf, type Call, type Parts, type Routes } from './calls';
import { entryOf } from './catalogue';
import { notFound, Refusal } from './refusal';
import type { StoredConnector } from './state';

const SLOW_MS = 60_000;

/**
 * Returns the methods of a connector. In the sandbox, each connector has one method, which reads the signed-in user.
 */
const methodsOf = (definitionId: number): { Id: number; Name: string; MethodUniqueIdentifier: string }[] => [
  { Id: definitionId * 1000 + 1, Name: 'Get current user', MethodUniqueIdentifier: `whoami-${definitionId}` },
];

/** Lists the methods of a connector, tests a method, and calls a method. */
export function methodRoutes({ switches }: Parts): Routes {
  const run = async (call: Call): Promise<object> => {
    const connector = connectorOf(call);
    const { Id } = definitionOf(connector);
    const wanted = call.params['methodId'];
    const method = methodsOf(Id).find((one) => `${one.Id}` === wanted || one.MethodUniqueIdentifier === wanted);
    if (!method) throw notFound('The method could not be found.');
    if (switches.methodCalls === 'forbidden')
      throw new Refusal(403, { Message: 'Unknown client IP Address: contact support to request access.' });
    if (switches.methodCalls === 'slow') await delay(SLOW_MS, undefined, { ref: false });
    if (switches.methodCalls === 'refusing' || !connector.Authenticated || isRefused(connector))
      throw new Refusal(401, { Message: 'The third party refused the credentials.' });
    return { ok: true, user: { email: `user@${connector.key.toLowerCase()}.example`, id: connector.Id } };
  };
  return {
    'GET /connectors/:definitionId/methods': (call) =>
      methodsOf(entryOf(Number(call.params['definitionId'])).definition.Id),
    'POST /account/connectors/:id/test/:methodId': run,
    'POST /account/connectors/:id/methods/:methodId': run,
  };
}

/** True for stored credentials that the third party refuses at the first call, although Cyclr accepted them. */
const isRefused = ({ AuthValue }: StoredConnector): boolean =>
  isWrong(AuthValue ?? '') || (AuthValue ?? '').startsWith('expired');
