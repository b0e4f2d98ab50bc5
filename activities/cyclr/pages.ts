/** Reads Cyclr's lists page by page. */

export interface Page<T> {
  items: T[];
  /** The number of items in Cyclr's answer, including items that can't be read and that `items` lacks. */
  size: number;
  /** The header `Total-Pages`. */
  totalPages?: number;
}

/**
 * Reads the pages one after the other, at most `maxPages`, and returns their items. An id that several pages list
 * occurs only once in the result. Without the header `Total-Pages`, stops at a page that is empty, is shorter than the
 * first page or repeats only ids of earlier pages. `isCut` is true if a further page can exist.
 */
export async function allPages<T extends { Id: number }>(
  readPage: (page: number) => Promise<Page<T>>,
  maxPages: number,
): Promise<{ items: T[]; isCut: boolean }> {
  const found = new Map<number, T>();
  for (let page = 1, firstSize = 1; page <= maxPages; page++) {
    const { items, size, totalPages } = await readPage(page);
    const known = found.size;
    for (const item of items) found.set(item.Id, item);
    if (page === 1) firstSize = Math.max(1, size);
    const isLast = size < firstSize || (items.length > 0 && found.size === known);
    if (totalPages === undefined ? isLast : page >= totalPages) return { items: [...found.values()], isCut: false };
  }
  return { items: [...found.values()], isCut: true };
}
