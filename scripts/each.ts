/** Calls `act` for each item, at most `atOnce` at the same time. The results have the order of the items. */
export async function each<T, R>(
  items: readonly T[],
  atOnce: number,
  act: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const lane = async () => {
    for (const [index, item] of queue) results[index] = await act(item, index);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return results;
}
