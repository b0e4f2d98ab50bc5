/** `node deploy/healthcheck.mjs URL`: exits with 0 if the answer is 2xx, otherwise prints the answer and exits with 1. */
const [url] = process.argv.slice(2);
try {
  const response = await fetch(url, { signal: AbortSignal.timeout(4_000) });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
} catch (error) {
  console.error(error.cause?.message ?? error.message);
  process.exitCode = 1;
}
