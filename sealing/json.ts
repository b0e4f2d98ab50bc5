/** Parses a JSON text; undefined where it is not JSON. V8's error is dropped, because it quotes the text. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
