/** Asking Cyclr until it says so: it may come to know of an authentication some seconds late. */
import { sleep } from '@temporalio/workflow';
import { readAuthorization, readBack } from './calls';
import type { ConnectorKey } from '../connector';
import type { Event } from './machine';

const WHOLE_SCHEDULE_MS = [0, 1, 2, 4, 8, 15, 30].map((seconds) => seconds * 1000);

/** Asks whether Cyclr has authenticated it by what was stored: some types are tried only at Cyclr's next call. */
export async function askWhetherAuthenticated(key: ConnectorKey): Promise<Event> {
  for await (const _ of moments(WHOLE_SCHEDULE_MS)) {
    const connector = await readBack(key);
    if (connector.authenticated) return { type: 'authorizationConfirmed', connector };
  }
  return { type: 'authorizationNotConfirmed' };
}

export interface Consent {
  /** Ask once, instead of for half a minute. */
  once: boolean;
  /** It was authenticated before: then only a change of what is stored proves anything. */
  before: boolean;
  /** Of what was stored before. */
  fingerprint?: string;
}

/** Asks whether the user has consented. */
export async function askWhetherConsented(key: ConnectorKey, { once, before, fingerprint }: Consent): Promise<Event> {
  let answer: Event = { type: 'authorizationNotConfirmed' };
  for await (const _ of moments(once ? [0] : WHOLE_SCHEDULE_MS)) {
    const { connector, changed } = await readAuthorization(key, { fingerprint });
    if (connector.authenticated && (changed || !before)) return { type: 'authorizationConfirmed', connector };
    answer = connector.authenticated
      ? { type: 'authorizationConfirmed', connector, verification: 'unproven' }
      : { type: 'authorizationNotConfirmed' };
  }
  return answer;
}

/** Comes back at each of these moments, in milliseconds from now. */
async function* moments(afterMs: readonly number[]): AsyncGenerator<void> {
  const since = Date.now();
  for (const moment of afterMs) {
    const early = since + moment - Date.now();
    if (early > 0) await sleep(early, { summary: 'Until Cyclr is asked again' });
    yield;
  }
}
