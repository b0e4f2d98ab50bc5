/** The times of the reads of a connection. Pure: no Temporal, no clock. */

/**
 * The time of the next read, in milliseconds, at least 1 ms after `now`. `id`: the workflow id of the monitor. A hash
 * of this id spreads the reads of different monitors over the interval, so that not all monitors read at the same time.
 * All runs of one monitor have the same times of reads.
 */
export function nextReadAt(id: string, everyMs: number, now: number): number {
  const phase = Math.floor(fractionOf(id) * everyMs);
  const passed = Math.floor((now - phase) / everyMs);
  return (passed + 1) * everyMs + phase;
}

/**
 * Maps a text to a number from 0 to 1 (excluded), so that the numbers of many texts are evenly spread: FNV-1a, then the
 * final mixing of MurmurHash3.
 */
function fractionOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
