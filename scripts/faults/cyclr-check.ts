/** Compares Cyclr's record of each connector with the good values that its user gave last. */
import type { AccountConnector } from '../../sandbox/answers';
import { entryOf } from '../../sandbox/catalogue';
import type { FlowRecord, RunRecord } from './flow-record';

/** Faults of one flow's connector. */
export const cyclrFaultsOf = (record: FlowRecord, stored: AccountConnector | undefined): string[] =>
  stored ? [...propertyFaults(record, stored), ...authenticationFaults(record, stored)] : [];

/** Faults of a connector without a flow. */
export function untouchedFaults(stored: AccountConnector): string[] {
  const isUntouched = stored.Properties.length === 0 && stored.AuthValue === initialAuthValue(stored);
  return isUntouched ? [] : ['it was changed without a flow'];
}

const initialAuthValue = ({ Connector }: AccountConnector): string | null =>
  entryOf(Connector.Id).storedAuthValue ?? null;

/** The values that Cyclr can have: those of the last run that must have stored its values, and of the runs after it. */
function candidates<T>(record: FlowRecord, given: (run: RunRecord) => T[]): { values: T[]; isCertain: boolean } {
  const runs = record.runs.map((run) => ({ values: given(run), isCertain: isAuthenticated(record, run) }));
  const last = runs.findLastIndex(({ values, isCertain }) => isCertain && values.length > 0);
  return { values: runs.slice(Math.max(0, last)).flatMap(({ values }) => values), isCertain: last >= 0 };
}

/** True if the run ended as `authenticated`: its only expected state, and the user saw it or started another run. */
const isAuthenticated = ({ runs, lastView }: FlowRecord, run: RunRecord): boolean =>
  run.expected.states.join() === 'authenticated' && (run !== runs.at(-1) || lastView?.state === 'authenticated');

function propertyFaults(record: FlowRecord, { Properties, Connector }: AccountConnector): string[] {
  const { filledByCyclr } = entryOf(Connector.Id);
  const given = new Set(record.runs.flatMap(({ properties }) => [...properties.keys()]));
  const foreign = Properties.filter(({ Name, Value }) => !given.has(Name) && filledByCyclr[Name] !== Value);
  return [
    ...foreign.map(({ Name }) => `it has the property ${Name}, which the user did not give`),
    ...[...given].flatMap((name) => {
      const stored = Properties.filter(({ Name }) => Name === name).map(({ Value }) => Value);
      const { values, isCertain } = candidates(record, ({ properties }) => [properties.get(name) ?? []].flat());
      return [
        ...(stored.length > 1 ? [`it has the property ${name} ${stored.length} times`] : []),
        ...(stored.length === 0 && isCertain ? [`it lacks the property ${name}, which the user gave`] : []),
        ...(stored.every((value) => values.includes(value)) ? [] : [`the property ${name} has another value`]),
      ];
    }),
  ];
}

function authenticationFaults(record: FlowRecord, stored: AccountConnector): string[] {
  const { AuthValue, Authenticated } = stored;
  const { values, isCertain } = candidates(record, ({ authValue, granted }) =>
    [authValue ?? [], granted.at(-1) ?? []].flat(),
  );
  // The AuthValue '{}': the properties are enough.
  const isNone = AuthValue === null || AuthValue === '{}' || AuthValue === initialAuthValue(stored);
  const isClaimed = record.lastView?.state === 'authenticated' && stored.Connector.AuthType !== 'None';
  return [
    ...(isNone || values.includes(AuthValue) ? [] : ['its AuthValue is not the one that was given last']),
    ...(isNone && isCertain ? ['it lacks the AuthValue that was given'] : []),
    ...(isClaimed && !Authenticated ? ['the flow is authenticated, the connector is not'] : []),
    ...(Authenticated && AuthValue === null ? ['it is authenticated without an AuthValue'] : []),
  ];
}
