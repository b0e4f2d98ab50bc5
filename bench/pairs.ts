/**
 * Runs pairs of rounds. A pair has one round for each name in `names`, so that a slow change of the machine's load
 * affects all names equally. Every second pair runs its rounds in the reverse order. The first pair only warms up the
 * processes, and its rounds are not in the results. `untilIdle`: waits until the work of the round before has ended.
 */
export async function playPairs<Name extends string, Round>(
  names: readonly Name[],
  rounds: number,
  untilIdle: () => Promise<unknown>,
  play: (name: Name, pair: number) => Promise<Round>,
): Promise<Record<Name, Round[]>> {
  const played = Object.fromEntries(names.map((name) => [name, [] as Round[]])) as Record<Name, Round[]>;
  for (let pair = 0; pair <= rounds; pair++)
    for (const name of pair % 2 === 0 ? names : names.toReversed()) {
      await untilIdle();
      const round = await play(name, pair);
      if (pair > 0) played[name].push(round);
    }
  return played;
}
