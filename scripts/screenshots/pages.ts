import type { Look } from './look';
import { connectors, viewOf } from './views';

const { ledgerly, wordy } = connectors;
const returned = (name: string, view: Look['views'], shows: string): Look => ({
  name: `return, ${name}`,
  of: 'return',
  views: view,
  shows,
});

/** The pages before and after the third party's consent page. */
export const pages: Look[] = [
  {
    name: 'before the consent',
    of: 'going',
    views: [viewOf('awaitingAuthorization', ledgerly)],
    shows: 'Taking you to',
  },
  { name: 'before the consent, refused', of: 'refused', shows: 'Close this window' },
  returned('connected', [viewOf('authenticated', ledgerly)], 'Ledgerly is connected'),
  returned('not connected', [viewOf('awaitingAuthorization', ledgerly)], 'Ledgerly is not connected'),
  returned('being checked', [viewOf('verifyingAuthorization', wordy)], 'is being checked'),
  {
    name: 'return, in the same tab',
    of: 'return in the same tab',
    views: [viewOf('authenticated', ledgerly)],
    shows: 'Go back',
  },
  { name: 'return, without an attempt', of: 'return without an attempt', shows: 'This page has nothing to show' },
];
