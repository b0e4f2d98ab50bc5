import type { Look } from './look';
import { connectors, viewOf } from './views';

const { ledgerly, wordy } = connectors;
const returned = (name: string, view: Look['views'], shows: string): Look => ({
  name: `return, ${name}`,
  of: 'return',
  views: view,
  shows,
});

/** The pages on the way to a third party, and back. */
export const pages: Look[] = [
  {
    name: 'going out',
    of: 'going',
    views: [viewOf('awaitingAuthorization', ledgerly)],
    shows: 'Opening the sign-in page',
  },
  { name: 'going out, refused', of: 'refused', shows: 'Close this window' },
  returned('connected', [viewOf('authenticated', ledgerly)], 'Ledgerly is connected'),
  returned('not connected', [viewOf('awaitingAuthorization', ledgerly)], 'try again'),
  returned('being checked', [viewOf('verifyingAuthorization', wordy)], 'is being checked'),
  {
    name: 'return, in the same tab',
    of: 'return in the same tab',
    views: [viewOf('authenticated', ledgerly)],
    shows: 'Go back',
  },
  { name: 'return of nobody', of: 'return of nobody', shows: 'This page has nothing to show' },
];
