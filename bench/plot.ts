/** Draws the rows as a plot. Each row has a line from the smallest to the largest ratio, and a dot at the median. */
import type { Row } from './comparison';

const LINE_PX = 26;
const TOP_PX = 44;
const LABEL_PX = 300;
const SCALE_PX = 360;
const VALUE_PX = 130;
const LEAST = 0.5;
const MOST = 2.5;

const xOf = (ratio: number): number =>
  LABEL_PX + ((Math.min(Math.max(ratio, LEAST), MOST) - LEAST) / (MOST - LEAST)) * SCALE_PX;

/** Returns an SVG document. `title` names the two sides of the ratio and the machine. */
export function plotOf(rows: readonly Row[], title: string): string {
  const width = LABEL_PX + SCALE_PX + VALUE_PX;
  const height = TOP_PX + (rows.length + 1) * LINE_PX;
  const bottom = TOP_PX + rows.length * LINE_PX;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(10, 18, title),
    ...[0.5, 1, 1.5, 2, 2.5].flatMap((ratio) => [
      `<line x1="${xOf(ratio)}" x2="${xOf(ratio)}" y1="${TOP_PX - 8}" y2="${bottom}" stroke="${ratio === 1 ? '#333' : '#ddd'}"/>`,
      text(xOf(ratio) - 8, TOP_PX - 12, `${ratio}`),
    ]),
    ...rows.flatMap((row, i) => lineOf(row, TOP_PX + (i + 0.5) * LINE_PX)),
    text(10, bottom + 17, 'Dot: median. Blue line: from the smallest to the largest ratio. Red line: target.'),
    '</svg>\n',
  ].join('\n');
}

function lineOf({ what, ratio: { median, min, max }, atMost, atLeast }: Row, y: number): string[] {
  const limit = atMost ?? atLeast;
  return [
    text(10, y + 4, what),
    `<line x1="${xOf(min)}" x2="${xOf(max)}" y1="${y}" y2="${y}" stroke="#36c" stroke-width="2"/>`,
    `<circle cx="${xOf(median)}" cy="${y}" r="5" fill="#36c"/>`,
    ...(limit === undefined
      ? []
      : [`<line x1="${xOf(limit)}" x2="${xOf(limit)}" y1="${y - 9}" y2="${y + 9}" stroke="#c33" stroke-width="2"/>`]),
    text(LABEL_PX + SCALE_PX + 12, y + 4, `${median.toFixed(2)} [${min.toFixed(2)}–${max.toFixed(2)}]`),
  ];
}

const text = (x: number, y: number, words: string): string =>
  `<text x="${x}" y="${y}">${words.replace(/&/g, '&amp;').replace(/</g, '&lt;')}</text>`;
