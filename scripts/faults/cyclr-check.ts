/** Compares each connector in Cyclr with the last good values of its user. */
import type { AccountConnector } from '../../sandbox/answers';
import { entryOf } from '../../sandbox/catalogue';
import type { FlowRecord, RunRecord } from './flow-record';

/** Returns the differences between the connector in Cyclr and the record of its flow, as texts. */
export const cyclrFaultsOf = (record: FlowRecord, stored: AccountConnector | undefined): string[] =>
  stored ? [...propertyFaults(record, stored), ...authenticationFaults(record, stored)] : [];

/** Returns a fault if a connector that has no flow was changed in Cyclr. */
export function untouchedFaults(stored: AccountConnector): string[] {
  const authValue = initialAuthValue(stored);
  const isUntouched =
    stored.Properties.length === 0 && stored.AuthValue === authValue && stored.Authenticated === (authValue !== null);
  return isUntouched ? [] : ['the connector was changed, but has no flow'];
}

const initialAuthValue = ({ Connector }: AccountConnector): string | null =>
  entryOf(Connector.Id).storedAuthValue ?? null;

/**
 * Returns the values that Cyclr can have after the last run of a flow. It is not always certain that a run has stored
 * its values. The result has the values of the last run that certainly stored its values, because this run has
 * overwritten all earlier values, and the values of all later runs. If no run certainly stored its values, `isCertain`
 * is false, and the result has the values of all runs.
 */
function candidates<T>(record: FlowRecord, given: (run: RunRecord) => T[]): { values: T[]; isCertain: boolean } {
  const runs = record.runs.map((run) => ({ values: given(run), isCertain: isAuthenticated(record, run) }));
  const last = runs.findLastIndex(({ values, isCertain }) => isCertain && values.length > 0);
  return { values: runs.slice(Math.max(0, last)).flatMap(({ values }) => values), isCertain: last >= 0 };
}

/**
 * True if the run certainly ended as `authenticated`: `authenticated` is the only expected state of the run, and the
 * user saw this state or started another run.
 */
const isAuthenticated = ({ runs, lastView }: FlowRecord, run: RunRecord): boolean =>
  run.expected.states.join() === 'authenticated' && (run !== runs.at(-1) || lastView?.state === 'authenticated');

function propertyFaults(record: FlowRecord, { Properties, Connector }: AccountConnector): string[] {
  const { filledByCyclr } = entryOf(Connector.Id);
  const given = new Set(record.runs.flatMap(({ properties }) => [...properties.keys()]));
  const foreign = Properties.filter(({ Name, Value }) => !given.has(Name) && filledByCyclr[Name] !== Value);
  return [
    ...foreign.map(({ Name }) => `Cyclr has the property ${Name}, which the user did not give`),
    ...[...given].flatMap((name) => {
      const stored = Properties.filter(({ Name }) => Name === name).map(({ Value }) => Value);
      const { values, isCertain } = candidates(record, ({ properties }) => [properties.get(name) ?? []].flat());
      return [
        ...(stored.length > 1 ? [`Cyclr has the property ${name} ${stored.length} times`] : []),
        ...(stored.length === 0 && isCertain ? [`Cyclr lacks the property ${name}, which the user gave`] : []),
        ...(stored.every((value) => values.includes(value))
          ? []
          : [`Cyclr has another value of the property ${name} than the user gave`]),
      ];
    }),
  ];
}

function authenticationFaults(record: FlowRecord, stored: AccountConnector): string[] {
  const { AuthValue, Authenticated } = stored;
  const { values, isCertain } = candidates(record, ({ authValue, granted }) =>
    [authValue ?? [], granted.at(-1) ?? []].flat(),
  );
  // The AuthValue '{}' is not a value of the user. If the AuthValue is '{}', Cyclr fetches the tokens with the
  // properties.
  const isNone = AuthValue === null || AuthValue === '{}' || AuthValue === initialAuthValue(stored);
  const isClaimed = record.lastView?.state === 'authenticated' && stored.Connector.AuthType !== 'None';
  return [
    ...(isNone || values.includes(AuthValue) ? [] : ['Cyclr has another AuthValue than the user gave last']),
    ...(isNone && isCertain ? ['Cyclr lacks the AuthValue that the user gave'] : []),
    ...(isClaimed && !Authenticated ? ['the flow is authenticated, but the connector is not'] : []),
    ...(Authenticated && AuthValue === null ? ['the connector is authenticated without an AuthValue'] : []),
  ];
}
