/** Small icons for views. By Cyclr's standard an icon is a PNG of 400 × 400 pixels, but the limit in a view is 8 KB. */
import { createHash } from 'node:crypto';
import type { Sharp } from 'sharp';

/** The limit of an icon in characters of its `data:` URI. */
const MAX_ICON_LENGTH = 8 * 1024;
const SIGNATURE_BYTES = 8;
const SIZE = 96;
const MAX_PIXELS = 2048 * 2048;
const MAX_SECONDS = 2;
/**
 * The first bytes, in hex, of the formats that are scaled: PNG, JPEG, GIF (two versions) and WebP. SVG is not scaled,
 * because scaling a drawing of 20 KB can take gigabytes of memory and minutes.
 */
const signatures = ['89504e470d0a1a0a', 'ffd8ff', '474946383761', '474946383961', '52494646'];
/**
 * The highest number of cached icons. 1,000 icons need about 8 MB. Icons are cached, because the accounts of a partner
 * use the same icons.
 */
const MAX_CACHED = 1000;
const cached = new Map<string, Promise<string | undefined>>();

/**
 * Returns an icon of at most 8 KB. Scales a larger icon to 96 × 96 pixels, and caches the scaled icon. Returns
 * undefined if `icon` is no `data:` URI of an image, or can't be scaled.
 */
export async function smallIcon(icon = ''): Promise<string | undefined> {
  if (!/^data:image\//i.test(icon)) return undefined;
  if (icon.length <= MAX_ICON_LENGTH) return icon;
  const digest = createHash('sha256').update(icon).digest('base64');
  const scaled = cached.get(digest) ?? scaledIcon(icon).catch(() => undefined);
  cached.delete(digest); // delete and set move the icon to the end of the map
  cached.set(digest, scaled);
  if (cached.size > MAX_CACHED) cached.delete(cached.keys().next().value!);
  return scaled;
}

const encoders: ((image: Sharp) => Sharp)[] = [
  (image) => image.png(),
  (image) => image.png({ palette: true }),
  (image) => image.webp(),
];

/**
 * Scales an icon, and returns the first encoding of at most `MAX_ICON_LENGTH` characters. Returns undefined if every
 * encoding is longer, or if `signatures` does not list the format of the icon. Fails if the image data is damaged, has
 * more than `MAX_PIXELS` pixels, or takes longer than `MAX_SECONDS` to scale.
 */
async function scaledIcon(icon: string): Promise<string | undefined> {
  const { default: sharp } = await import('sharp'); // imported only on use, because few programs need the native code of sharp
  sharp.cache(false);
  const bytes = bytesIn(icon);
  const start = bytes.toString('hex', 0, SIGNATURE_BYTES);
  if (!signatures.some((signature) => start.startsWith(signature))) return undefined;
  const input = sharp(bytes, { limitInputPixels: MAX_PIXELS }).timeout({ seconds: MAX_SECONDS });
  const image = input.resize(SIZE, SIZE, { fit: 'contain', background: { r: 0, g: 0, b: 0, alpha: 0 } });
  for (const encode of encoders) {
    const { data, info } = await encode(image.clone()).toBuffer({ resolveWithObject: true });
    const uri = `data:image/${info.format};base64,${data.toString('base64')}`;
    if (uri.length <= MAX_ICON_LENGTH) return uri;
  }
  return undefined;
}

function bytesIn(icon: string): Buffer {
  const comma = icon.indexOf(',');
  const data = icon.slice(comma + 1);
  return icon.slice(0, comma).endsWith(';base64') ? Buffer.from(data, 'base64') : Buffer.from(decodeURIComponent(data));
}
