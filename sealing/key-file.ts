/** Key sets in files. Apart from `keys.ts`, because browsers load that. */
import { readFile } from 'node:fs/promises';
import { KeySetError } from './keys';

/**
 * The text of a JWK set that is given as text or as the path of its file. Fails with a {@link KeySetError}, which does
 * not name the path: a JWK set with a stray character before it is taken for a path.
 */
export async function readKeySet(valueOrFile: string): Promise<string> {
  const value = valueOrFile.trim();
  if (value.startsWith('{')) return value;
  return readFile(value, 'utf8').catch(({ code }: NodeJS.ErrnoException) => {
    throw new KeySetError(`neither a JWK set nor the path of a file that can be read (${code})`);
  });
}
