import { authTypeOf, definitionOf } from './answers';
import type { Call, Routes } from './calls';
import { badRequest } from './refusal';
import type { Account, Cycle } from './state';
import { connectorIn, cycleIn } from './store';

/** Reads cycles and their unmet prerequisites, and activates cycles. */
export const cycleRoutes: Routes = {
  'GET /cycles/:cycleId': (call) => cycleAnswer(call.account, cycleOf(call)),
  'GET /cycles/:cycleId/prerequisites': (call) => prerequisitesOf(call.account, cycleOf(call)),
  // Cyclr does not document its answer to the activation of a cycle with unmet prerequisites. The sandbox refuses the
  // activation.
  'PUT /cycles/:cycleId/activate': (call) => {
    const cycle = cycleOf(call);
    if (prerequisitesOf(call.account, cycle).length > 0) throw badRequest('The cycle has unmet prerequisites.');
    cycle.status = 'Active';
    return cycleAnswer(call.account, cycle);
  },
};

const cycleOf = ({ account, params }: Call): Cycle => cycleIn(account, params['cycleId']);

function cycleAnswer(account: Account, { id, status, connectorIds }: Cycle): object {
  const Connectors = connectorIds
    .map((connectorId) => connectorIn(account, connectorId))
    .map((connector) => ({
      Id: definitionOf(connector).Id,
      AccountConnectorId: connector.Id,
      Name: connector.Name,
      Authenticated: connector.Authenticated,
    }));
  return { Id: id, Name: `Cycle ${id.slice(0, 8)}`, Status: status, Connectors };
}

const prerequisitesOf = (account: Account, cycle: Cycle): object[] => [
  ...unauthenticated(account, cycle),
  ...cycle.otherReasonCodes.map(otherReason),
];

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
