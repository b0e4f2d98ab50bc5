/** Reports values whose sealing key this worker does not hold. Only an operator can add a missing key. */
import { log, metricMeter } from '@temporalio/activity';
import type { Binding } from '../sealing/seal';

const MAX_KIDS = 1_000;

/**
 * The unknown kids, each with the account whose sealed value names the kid. If sealed values of several accounts name
 * the kid, the map has `undefined` in place of the account. The map holds only the latest kids.
 */
const accountOf = new Map<string, string | undefined>();

const counter = () =>
  metricMeter.createCounter(
    'cyclr_connect_unknown_sealing_keys_total',
    '1',
    'Values sealed to a key that this worker does not hold',
  );

/**
 * Counts and logs an unknown `kid`. The label `accounts` is `several` if values of more than one account name this kid.
 * In this case the service probably seals to a key that the workers lack. A user with a session can invent a kid, but
 * can send it only for the account of the session. So the label of an invented kid is `one`, even if the user sends
 * this kid several times.
 */
export function reportUnknownKey(kid: string, { accountId, purpose }: Binding): void {
  const isShared = accountOf.has(kid) && accountOf.get(kid) !== accountId;
  accountOf.delete(kid); // delete and set move the kid to the end of the map
  accountOf.set(kid, isShared ? undefined : accountId);
  if (accountOf.size > MAX_KIDS) accountOf.delete(accountOf.keys().next().value!);
  const accounts = isShared ? 'several' : 'one';
  counter().add(1, { accounts });
  log.error('A value is sealed to a key that this worker does not hold', { purpose, kid, accounts });
}
