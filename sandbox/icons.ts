/** A small picture of a letter, as a `data:` URI. */
export function letterIcon(letter: string, colour: string): string {
  return svg(
    `<circle cx="32" cy="32" r="32" fill="${colour}"/>` +
      `<text x="32" y="44" font-family="sans-serif" font-size="36" text-anchor="middle" fill="#fff">${letter}</text>`,
  );
}

/** A picture of about 120 KB: more than anybody wants in a list. */
export function heavyIcon(): string {
  const dots = Array.from(
    { length: 2060 },
    (_, n) => `<circle cx="${n % 64}" cy="${(n * 7) % 64}" r="1" fill="#357"/>`,
  );
  return svg(dots.join('\n'));
}

/** One transparent pixel. */
export const pixelIcon =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

function svg(content: string): string {
  const text = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">${content}</svg>`;
  return `data:image/svg+xml;base64,${Buffer.from(text).toString('base64')}`;
}
