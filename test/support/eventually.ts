/** Ends a hang. */
const WITHIN_MS = 60_000;
const EVERY_MS = 50;

/** Repeats the call until its result is as expected, and returns it. Fails with the last result after a minute. */
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
  throw new Error(
    `The expected result did not come. Last result: ${last instanceof Error ? last.message : JSON.stringify(last)}`,
  );
}
