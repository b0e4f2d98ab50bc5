/** An HTML page with all screenshots. */
import type { Shot } from './shots';

/** Returns the HTML of `index.html` in the folder of the screenshots. */
export function galleryOf(shots: Shot[]): string {
  const names = [...new Set(shots.map(({ look }) => look))];
  const rows = names.map(
    (name) =>
      `<section><h2>${name}</h2><div>${shots
        .filter(({ look }) => look === name)
        .map(figure)
        .join('')}</div></section>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Screenshots</title>
<style>
  body { margin: 2rem; font: 1rem/1.5 system-ui, sans-serif; background: #ddd; color: #111 }
  div { display: flex; gap: 1rem; align-items: start; overflow-x: auto; padding-block-end: 1rem }
  figure { margin: 0; flex: none }
  img { display: block; background: #fff }
</style>
<h1>${names.length} page states</h1>
${rows.join('\n')}
</html>
`;
}

const figure = ({ file, theme, width }: Shot): string =>
  `<figure><a href="${file}"><img src="${file}" width="${width / 2}" loading="lazy" alt=""></a><figcaption>${theme}, ${width}</figcaption></figure>`;
