/** Key sets in files. Not in `keys.ts`, because browsers load that file. */
import { readFile } from 'node:fs/promises';
import { KeySetError } from './keys';

/**
 * The text of a JWK set that is given as text or as the path of its file. Fails with a {@link KeySetError}, which does
 * not name the path, because the path can be a JWK set with a stray character before it.
 */
export async function readKeySet(valueOrFile: string): Promise<string> {
  const value = valueOrFile.trim();
  if (value.startsWith('{')) return value;
  const text = await readFile(value, 'utf8').catch(({ code }: NodeJS.ErrnoException) => {
    throw new KeySetError(`neither a JWK set nor the path of a file that can be read (${code})`);
  });
  if (text.trim() === '') throw new KeySetError('the file is empty');
  return text;
}
