/**
 * The default time limit of `eventually`. The limit is shorter than Jest's time limit of a test, because Jest would
 * otherwise end the test before `eventually` can show the last result of `look`.
 */
const WITHIN_MS = 100_000;
const EVERY_MS = 50;

/**
 * Calls `look` every 50 ms until `expected` accepts the result (by default: until the result is truthy). Returns the
 * accepted result. After `withinMs`, fails with an error that shows the last result.
 */
export async function eventually<T>(
  look: () => T | Promise<T>,
  expected: (seen: T) => boolean = Boolean,
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
