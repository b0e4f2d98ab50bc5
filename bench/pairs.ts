/** Rounds that take turns: so that whatever changes on the machine meanwhile is the same for all. */

/**
 * Rounds in pairs, the one first and then the other; in the next pair the other way round. The first pair warms up, and
 * is not among the results.
 */
export async function playPairs<Name extends string, Round>(
  names: readonly Name[],
  rounds: number,
  play: (name: Name, pair: number) => Promise<Round>,
): Promise<Record<Name, Round[]>> {
  const played = Object.fromEntries(names.map((name) => [name, [] as Round[]])) as Record<Name, Round[]>;
  for (let pair = 0; pair <= rounds; pair++)
    for (const name of pair % 2 === 0 ? names : names.toReversed()) {
      const round = await play(name, pair);
      if (pair > 0) played[name].push(round);
    }
  return played;
}
