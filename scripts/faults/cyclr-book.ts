/** What Cyclr should have of each connector: the last good values that its user gave, and nothing of anybody else. */
import type { AccountConnector } from '../../sandbox/answers';
import { entryOf } from '../../sandbox/catalogue';
import type { Book } from './books';
import type { Ledger } from './ledger';
import type { World } from './world';

export function cyclrBook(world: World, ledgers: Ledger[]): Omit<Book, 'name'> {
  const owners = new Map(ledgers.map((ledger) => [`${ledger.key.accountId}/${ledger.key.connectorId}`, ledger]));
  const wrong: string[] = [];
  let count = 0;
  for (const { accountId, connectors } of world.sandbox.accounts())
    for (const { id } of connectors) {
      const stored = world.sandbox.connectorOf(accountId, id);
      const owner = owners.get(`${accountId}/${id}`);
      const found = owner ? wrongWith(owner, stored) : touched(stored);
      wrong.push(
        ...found.map(
          (what) => `connector ${id} ${owner ? `of flow ${owner.plan.number}` : 'of nobody'} (${stored.Name}): ${what}`,
        ),
      );
      count++;
    }
  return { counted: `${count} connectors`, wrong };
}

const initial = ({ Connector }: AccountConnector): string | null => entryOf(Connector.Id).storedAuthValue ?? null;

function touched(stored: AccountConnector): string[] {
  const isFresh = stored.Properties.length === 0 && stored.AuthValue === initial(stored);
  return isFresh ? [] : ['it was changed'];
}

function wrongWith(ledger: Ledger, stored: AccountConnector): string[] {
  return [...propertiesOf(ledger, stored), ...authenticationOf(ledger, stored)];
}

/** The given values that may stand there: those of the last run that ended authenticated, and of any run after that. */
function candidates<T>(
  ledger: Ledger,
  given: (run: Ledger['runs'][number]) => T[],
): { values: T[]; isCertain: boolean } {
  const runs = ledger.runs.map((run) => ({ values: given(run), isCertain: isAuthenticated(ledger, run.runId) }));
  const last = runs.findLastIndex(({ values, isCertain }) => isCertain && values.length > 0);
  return { values: runs.slice(Math.max(0, last)).flatMap(({ values }) => values), isCertain: last >= 0 };
}

/** A run that was planned to end so, and after which another one began or which was seen to. */
const isAuthenticated = ({ runs, lastView }: Ledger, runId: string): boolean => {
  const run = runs.find((one) => one.runId === runId)!;
  const planned = run.plan.ends.join() === 'authenticated';
  return planned && (run !== runs.at(-1) || lastView?.state === 'authenticated');
};

function propertiesOf(ledger: Ledger, { Name, Properties, Connector }: AccountConnector): string[] {
  const { filledByCyclr } = entryOf(Connector.Id);
  const given = new Set(ledger.runs.flatMap(({ properties }) => [...properties.keys()]));
  const wrong = Properties.filter(({ Name, Value }) => !given.has(Name) && filledByCyclr[Name] !== Value).map(
    (property) => `the property ${property.Name} of ${Name} is there, and was not given`,
  );
  for (const name of given) {
    const stored = Properties.filter((property) => property.Name === name).map(({ Value }) => Value);
    const { values, isCertain } = candidates(ledger, ({ properties }) => [properties.get(name) ?? []].flat());
    if (stored.length > 1) wrong.push(`the property ${name} is there ${stored.length} times`);
    if (stored.length === 0 && isCertain) wrong.push(`the property ${name} was given, and is not there`);
    if (stored.some((value) => !values.includes(value)))
      wrong.push(`the property ${name} has another value than was given`);
  }
  return wrong;
}

function authenticationOf(ledger: Ledger, stored: AccountConnector): string[] {
  const { AuthValue, Authenticated } = stored;
  const { values, isCertain } = candidates(ledger, ({ authValue, granted }) =>
    [authValue ?? [], granted.at(-1) ?? []].flat(),
  );
  // Of a connector whose properties are enough, Cyclr is told only that.
  const isNone = AuthValue === null || AuthValue === '{}' || AuthValue === initial(stored);
  const wrong = isNone || values.includes(AuthValue) ? [] : ['its AuthValue is none that was given last'];
  if (isNone && isCertain) wrong.push('an AuthValue was given, and is not there');
  const isSaid = ledger.lastView?.state === 'authenticated' && stored.Connector.AuthType !== 'None';
  if (isSaid && !Authenticated) wrong.push('it is said to be authenticated, and is not');
  if (Authenticated && isNone && AuthValue === null) wrong.push('it is authenticated without anything');
  return wrong;
}
