const WITHIN_MS = 15_000;
const EVERY_MS = 50;

/** What a look shows, once it is as expected; fails with what was seen last after 15 s, or as long as is said. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  expected: (seen: T) => boolean,
  withinMs = WITHIN_MS,
): Promise<T> {
  let last: unknown;
  for (
    const until = Date.now() + withinMs;
    Date.now() < until;
    await new Promise((done) => setTimeout(done, EVERY_MS))
  ) {
    try {
      const seen = await look();
      if (expected(seen)) return seen;
      last = seen;
    } catch (err) {
      last = err;
    }
  }
  throw new Error(`It did not come to that. Last seen: ${last instanceof Error ? last.message : JSON.stringify(last)}`);
}
