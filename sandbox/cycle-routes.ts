import { authTypeOf } from './answers';
import type { Routes } from './calls';
import type { Account, Cycle } from './state';
import { connectorIn } from './store';
import { notFound } from './refusal';

/** Reads cycles and their unmet prerequisites, and activates cycles. */
export const cycleRoutes: Routes = {
  'GET /cycles/:cycleId/prerequisites': ({ account, params }) => {
    const cycle = account.cycles.find(({ id }) => id === params['cycleId']);
    if (!cycle) throw notFound('The cycle could not be found.');
    return [...unauthenticated(account, cycle), ...cycle.otherReasonCodes.map(otherReason)];
  },
};

function unauthenticated(account: Account, { connectorIds }: Cycle): object[] {
  return connectorIds
    .map((id) => connectorIn(account, id))
    .filter((connector) => !connector.Authenticated && authTypeOf(connector) !== 'none')
    .map(({ Id }) => ({
      ReasonCode: 20,
      Reason: 'Unauthenticated connector',
      ObjectType: 'AccountConnector',
      ObjectId: Id,
    }));
}

const otherReason = (ReasonCode: number): object => ({
  ReasonCode,
  Reason: 'Incomplete step',
  ObjectType: 'Step',
  ObjectId: '0e1d2c3b-4a59-4687-9a0b-1c2d3e4f5a6b',
});
