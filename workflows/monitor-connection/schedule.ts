/** The times of the reads of a connection. Pure: no Temporal, no clock. */

/**
 * The time of the next read, in milliseconds, at least 1 ms after `now`. A hash of the id spreads the reads of
 * different ids over the interval, so that not all monitors read at the same time. The reads of one id have the same
 * times in each run.
 */
export function nextReadAt(id: string, everyMs: number, now: number): number {
  const phase = Math.floor(fractionOf(id) * everyMs);
  const passed = Math.floor((now - phase) / everyMs);
  return (passed + 1) * everyMs + phase;
}

/** A number from 0 to 1 (excluded), evenly spread over texts: FNV-1a, then the final mixing of MurmurHash3. */
function fractionOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
