/** Icons of connectors. A small icon is returned unchanged, and a larger icon is scaled. */
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc, { runs } from '../support/fast-check';
import sharp, { type Sharp } from 'sharp';
import { smallIcon } from '../../activities/cyclr/icons';
import { ACCOUNT, scene, stopAll } from './scene';

afterEach(stopAll);

const MAX_LENGTH = 8192;

const logo = (size: number): Sharp =>
  sharp(
    Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size / 2}" viewBox="0 0 400 200">
        <defs><linearGradient id="g"><stop offset="0" stop-color="#f00"/><stop offset="1" stop-color="#00f"/></linearGradient></defs>
        <circle cx="200" cy="100" r="90" fill="url(#g)"/></svg>`,
    ),
  );
/** Makes an image of random pixels, which no encoder can compress. */
const noise = (channels: 3 | 4, size = 400): Sharp =>
  sharp(randomBytes(size * size * channels), { raw: { width: size, height: size, channels } });
const dataUri = async (type: string, image: Sharp): Promise<string> =>
  `data:image/${type};base64,${(await image.toBuffer()).toString('base64')}`;
/** Decodes an icon as a browser does. Returns the size and format of the image. */
const decoded = (icon = '') => sharp(Buffer.from(icon.slice(icon.indexOf(',') + 1), 'base64')).metadata();

test.each([
  ['a PNG in base64', 'data:image/png;base64,AA=='],
  ['a PNG with a media type in capitals', 'DATA:IMAGE/PNG;base64,AA=='],
  ['a data URI of exactly 8 KiB', `data:image/png,${'a'.repeat(MAX_LENGTH - 15)}`],
])('a small icon is returned unchanged: %s', async (_what, icon) => {
  expect(await smallIcon(icon)).toBe(icon);
});

test.each([
  ['an HTML page', 'data:text/html,<script>'],
  ['an https URL', 'https://tracker.example/a.png'],
  ['a script', 'javascript:alert(1)'],
  ['an empty text', ''],
  ['absent', undefined],
  ['a large text', `data:image/png,${'a'.repeat(MAX_LENGTH)}`],
  ['a large text in base64', `data:image/png;base64,${'a'.repeat(MAX_LENGTH)}`],
  ['a URI with broken percent-encoding', `data:image/svg+xml,${'%'.repeat(MAX_LENGTH)}`],
  ['a URI without a comma', `data:image/png${'a'.repeat(MAX_LENGTH)}`],
])('an icon that is %s is left out', async (_what, icon) => {
  expect(await smallIcon(icon)).toBeUndefined();
});

test.each<[string, () => Promise<string>, string]>([
  ['a PNG of 400 × 400', () => dataUri('png', logo(400).png({ compressionLevel: 0 })), 'png'],
  ['a photo as PNG', () => dataUri('png', noise(3).blur(3).png()), 'webp'],
  ['a JPEG', () => dataUri('jpeg', noise(3, 200).jpeg()), 'webp'],
  ['a WebP', () => dataUri('webp', noise(3, 200).webp({ lossless: true })), 'webp'],
  ['a GIF', () => dataUri('gif', noise(3, 200).gif()), 'webp'],
])('a large icon is scaled to 96 × 96 and at most 8 KB: %s', async (_what, given, format) => {
  const icon = await given();

  const small = await smallIcon(icon);

  expect(icon.length).toBeGreaterThan(MAX_LENGTH);
  expect(small?.length).toBeLessThanOrEqual(MAX_LENGTH);
  expect(await decoded(small)).toMatchObject({ width: 96, height: 96, format });
});

/** An SVG of 20 KB. A program that draws the SVG needs gigabytes of memory, because its line has millions of dashes. */
const dashes = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400"><path d="M0 0 ${'L 400 400 L 0 0 '.repeat(1000)}" fill="none" stroke="red" stroke-width="3" stroke-dasharray="0.01 0.01"/></svg>`;

test('a scaled icon keeps its proportions and its transparency', async () => {
  const small = await smallIcon(await dataUri('png', logo(400).png({ compressionLevel: 0 })));

  const pixels = await sharp(Buffer.from(small!.split(',')[1]!, 'base64'))
    .ensureAlpha()
    .raw()
    .toBuffer();
  const alphaAt = (x: number, y: number) => pixels[(y * 96 + x) * 4 + 3];
  expect([alphaAt(48, 5), alphaAt(48, 90), alphaAt(5, 48), alphaAt(48, 48)]).toEqual([0, 0, 0, 255]);
});

test.each<[string, () => Promise<string>]>([
  ['has more than 2048 × 2048 pixels', () => dataUri('png', noise(3, 64).resize(2049, 2049).png())],
  ['is a TIFF with the media type TIFF', () => dataUri('png', noise(3).tiff())],
  ['is a PNG without its end', async () => (await dataUri('png', noise(3).png())).slice(0, 20_000)],
  ['is over 8 KB after scaling', () => dataUri('png', noise(4).png())],
  ['is an SVG', async () => `data:image/svg+xml,${encodeURIComponent(dashes)}`],
  [
    'is an SVG with the media type of a PNG',
    async () => `data:image/png;base64,${Buffer.from(dashes).toString('base64')}`,
  ],
  ['is a compressed SVG', async () => `data:image/png;base64,${gzipSync(dashes, { level: 0 }).toString('base64')}`],
])('a large icon that %s is left out', async (_what, given) => {
  expect(await smallIcon(await given())).toBeUndefined();
});

test('any icon of Cyclr is returned with at most 8 KB, or is left out', async () => {
  const start = fc.constantFrom('data:image/png;base64,', 'data:image/svg+xml,', 'data:image/gif;base64,R0lGODlh');

  await fc.assert(
    fc.asyncProperty(start, fc.string({ minLength: 1, unit: 'binary' }), async (prefix, text) => {
      const small = await smallIcon(prefix + text.repeat(MAX_LENGTH));

      expect((small ?? '').length).toBeLessThanOrEqual(MAX_LENGTH);
    }),
    { numRuns: runs(20) },
  );
});

describe('icons', () => {
  let operations = 0;
  const count = () => void operations++;
  beforeEach(() => sharp.queue.on('change', count));
  afterEach(() => sharp.queue.off('change', count));
  /** The number of operations that sharp makes to read the icon. 0 if the icon is in the cache. */
  const operationsOf = async (icon: string): Promise<number> => {
    operations = 0;
    await smallIcon(icon);
    return operations;
  };

  test('an icon is scaled only once for all reads, even if it cannot be scaled to 8 KB', async () => {
    const icons = [await dataUri('png', noise(3).blur(3).png()), await dataUri('png', noise(4).png())];

    for (const icon of icons) {
      expect(await operationsOf(icon)).toBeGreaterThan(0);
      expect(await operationsOf(`${icon}`)).toBe(0);
    }
  });

  test('an icon is scaled again after 1,000 other icons, because the cache is bounded', async () => {
    const icon = await dataUri('png', noise(3).blur(3).png());
    const others = (count: number) =>
      Promise.all(Array.from({ length: count }, (_, n) => smallIcon(`data:image/png,${n}${'a'.repeat(MAX_LENGTH)}`)));
    await smallIcon(icon);

    await others(999);
    const kept = await operationsOf(icon);
    await others(1000);

    expect(kept).toBe(0);
    expect(await operationsOf(icon)).toBeGreaterThan(0);
  });
});

test('every read of a connector returns the scaled icon', async () => {
  const { activities, cyclr, key, sandbox } = await scene();
  const Icon = await dataUri('png', logo(400).png({ compressionLevel: 0 }));
  sandbox.update(ACCOUNT, key.connectorId, { Connector: { Icon } });
  const small = await smallIcon(Icon);

  const icons = [
    (await activities.fetchConnector(key)).icon,
    (await activities.verifyAuthorization(key, { once: true })).connector.icon,
    (await cyclr.putAuthValue(key, 'a-key')).icon,
  ];

  expect(icons).toEqual([small, small, small]);
});
