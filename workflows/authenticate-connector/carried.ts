/** What a run hands to the next one in its place, when its history has grown too long (Continue-As-New). */
import type { CarriedLinks } from './links';
import type { WaitingState } from './machine';
import type { Timeline } from '../messages';

/** Plain JSON. Nothing that a user typed is in it, not even sealed: a waiting state holds none. */
export interface Carried {
  state: WaitingState;
  revision: number;
  /** When the present wait ends, in milliseconds. */
  deadline: number;
  /** The submissions that were taken. */
  submissions: string[];
  links: CarriedLinks;
  timeline: Timeline;
}

/** How many ids are carried on, the newest: a payload has its limit, and a repetition comes soon. */
const MAX_IDS = 1000;

export const newest = <T>(ids: Iterable<T>): T[] => [...ids].slice(-MAX_IDS);
